"""Makes the vectors anew: runs every ``make_*.py`` beside this file, or those named.

    python tests/vectors/make_vectors.py [crypto …]

A generator is a script that writes JSON files into a folder of its own here. It uses no clock and no
chance, so a difference after a run means that a format or a rule changed: raise its version.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def generators() -> dict[str, Path]:
    """Return every generator by name: ``crypto`` is ``make_crypto.py``."""
    found = {path.stem.removeprefix("make_"): path for path in sorted(HERE.glob("make_*.py"))}
    return {name: path for name, path in found.items() if path != Path(__file__).resolve()}


def main(names: list[str]) -> int:
    """Run the named generators, or all; return the exit code."""
    known = generators()
    unknown = [name for name in names if name not in known]
    if unknown:
        print(f"no generator '{unknown[0]}'; there are: {', '.join(known)}", file=sys.stderr)
        return 1
    # Generators import the packages, and each other as tests.vectors, from this checkout.
    sys.path.insert(0, str(HERE.parents[1]))
    for name in names or known:
        print(name)
        runpy.run_path(str(known[name]), run_name="__main__")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
