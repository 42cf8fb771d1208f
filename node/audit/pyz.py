"""Builds ``landsting-audit.pyz``: the audit in one file that needs nothing but Python.

The audit's own modules go in as they are; what they take from libraries is replaced by ``court``. Same sources,
same bytes: nothing is compressed, every date is the same, names are sorted. ``python -m node.audit.pyz FILE``
writes it and prints its SHA-256.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import io
import zipfile
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAME = "landsting-audit.pyz"
_SHEBANG = b"#!/usr/bin/env python3\n"
_DATE = (1980, 1, 1, 0, 0, 0)
_STARTS = (
    "node.audit.verification", "node.audit.recheck", "node.audit.explanation", "node.audit.inputs",
    "node.audit.court.main",
)  # fmt: skip
# Modules that come from `court` instead of from where they lie.
_STAND_INS: Mapping[str, str] = {
    "crypto.signing": "signing",
    "crypto.mldsa": "lattice",
    "crypto.agreement": "agreement",
    "crypto.masking": "absent",
    "crypto.keys": "absent",
    "node.audit.replay": "replay",
    "msgpack": "packing",
    "numpy": "absent",
    "numpy.typing": "absent",
}
_MAIN = b"""import sys
if sys.version_info < (3, 11):
    sys.exit("landsting-audit.pyz needs Python 3.11 or newer; found %d.%d" % sys.version_info[:2])
from node.audit.court.main import main
sys.exit(main())
"""


def build() -> bytes:
    """Return the bytes of the file."""
    files = {_path(name): _source(name) for name in modules()}
    packages = {name.rpartition(".")[0] for name in modules()} - {""}
    for package in sorted(packages | {part for name in packages for part in _parents(name)}):
        files.setdefault(f"{package.replace('.', '/')}/__init__.py", b"")
    files["__main__.py"] = _MAIN
    out = io.BytesIO()
    out.write(_SHEBANG)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            archive.writestr(zipfile.ZipInfo(name, _DATE), files[name])
    return out.getvalue()


def sha256() -> str:
    """Return the SHA-256 of the file, 64 hex digits."""
    return hashlib.sha256(build()).hexdigest()


@lru_cache(maxsize=1)
def modules() -> tuple[str, ...]:
    """Return the names of all modules in the file, ascending."""
    found: set[str] = set()
    waiting = list(_STARTS)
    while waiting:
        name = waiting.pop()
        if name in found or not (name in _STAND_INS or (ROOT / _path(name)).is_file()):
            continue
        found.add(name)
        waiting += _imported(_source(name))
    return tuple(sorted(found))


def _imported(source: bytes) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _path(name: str) -> str:
    # numpy is a package here, since it has a module inside; a package's own __init__ is empty in the file.
    return "numpy/__init__.py" if name == "numpy" else name.replace(".", "/") + ".py"


def _source(name: str) -> bytes:
    stand_in = _STAND_INS.get(name)
    path = f"node/audit/court/{stand_in}.py" if stand_in else _path(name)
    return (ROOT / path).read_bytes()


def _parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts))]


def main(argv: list[str] | None = None) -> None:
    """Write the file and print its SHA-256; exits with 2 and the usage where the arguments are none."""
    parser = argparse.ArgumentParser(prog="python -m node.audit.pyz", description="Write the audit as one file.")
    parser.add_argument("file", nargs="?", type=Path, default=Path(NAME), help=f"where to (default: {NAME})")
    target = parser.parse_args(argv).file
    target.write_bytes(build())
    target.chmod(0o755)
    print(f"{sha256()}  {target}")


if __name__ == "__main__":
    main()
