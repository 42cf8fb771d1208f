"""The data sets that a home has bound: manifest, data sheets, and what must stay with them.

``data/NAME.toml`` is the manifest as it was bound: absolute paths, SHA-256 of every file. ``data/sheets/NAME-1.json``
is the data sheet of version 1; ``NAME-1.private`` beside it (mode 600) holds what opens the sheet's fingerprint
and what the next extract is compared with. ``data/key`` hashes rows and never leaves. The data themselves
stay where they are.
"""

from __future__ import annotations

import json
import os
import secrets
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from node.errors import ConfigError
from node.learning.data.check import Rules, inspect
from node.learning.data.findings import Finding
from node.learning.data.fingerprint import KEY_BYTES, SALT_BYTES
from node.learning.data.manifest import Manifest, parse, to_toml
from node.learning.data.reading import OPTED_OUT, listed_patients
from node.learning.data.sheet import Sheet
from node.learning.errors import GateError
from node.learning.files import file_bytes
from node.learning.hashing import json_hash

Record = Callable[[dict[str, Any], bytes, bytes], None]


@dataclass(frozen=True, slots=True)
class Bound:
    """One bound data set.

    Attributes:
        path: Of its manifest in the home.
        version: Of its newest sheet; 0 where a home of an older release has none.
    """

    name: str
    path: Path
    version: int

    @property
    def manifest(self) -> Manifest:
        """The manifest as it was bound."""
        return parse(self.path.read_text(encoding="utf-8"), self.path)

    @property
    def files(self) -> list[str]:
        """Absolute paths of its files."""
        return [file.path for file in self.manifest.file]


class Datasets:
    """Reads and changes what a home has bound.

    Args:
        home: The home's folder.
        k_blocks: The region's policy lets small groups block training as well.
        record: Puts a sheet into the update log, before it is bound: body of ``data.sheet``, salt, root.
        progress: Told how many rows have been read, again and again.
    """

    def __init__(
        self,
        home: Path,
        *,
        k_blocks: bool = False,
        record: Record | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        self._home, self._folder, self._k_blocks, self._record = home, home / "data", k_blocks, record
        self._progress = progress

    # ---------------------------------------------------------------- what there is

    def all(self) -> list[Bound]:
        """Return everything bound, by name."""
        return [Bound(path.stem, path, self._version(path.stem)) for path in sorted(self._folder.glob("*.toml"))]

    def get(self, name: str) -> Bound:
        """Return one.

        Raises:
            ConfigError: There is none of that name.
        """
        known = {one.name: one for one in self.all()}
        if name not in known:
            raise ConfigError(
                f"no data set is bound as '{name}'",
                ", ".join(known) or "one that was added",
                f"landsting data add FILE.csv --home {self._home} --schema FILE.toml",
                code="DATA",
            )
        return known[name]

    def sheet(self, name: str, version: int | None = None) -> dict[str, Any]:
        """Return a data sheet as it was written; the newest one unless a version is given.

        Raises:
            ConfigError: There is no such version.
        """
        version = version or self._version(name)
        path = self._folder / "sheets" / f"{name}-{version}.json"
        if not path.is_file():
            raise ConfigError(
                f"'{name}' has no version {version}", f"1 to {self._version(name)}", f"landsting data show {name}",
                code="DATA",
            )  # fmt: skip
        value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return value

    def sheet_sha256(self, name: str) -> bytes | None:
        """Return the hash of the newest data sheet, as the log's ``data.sheet`` has it; None without a sheet."""
        return json_hash("SHEET", self.sheet(name)) if self._version(name) else None

    def inspect(self, name: str, knots: Mapping[str, Sequence[float]] | None = None, reference: str = "") -> Sheet:
        """Return the sheet of a bound data set, read again.

        Args:
            knots, reference: The nine inner quantiles of columns to compare with, and in words what they are of.

        Raises:
            GateError: A file is not the one that was added (code ``DATA_CHANGED``).
        """
        bound = self.get(name)
        rules = self._rules(self._private(name).get("overrides", {}), knots, reference)
        sheet = inspect(bound.manifest, self._folder, rules, self._progress)
        return replace(sheet, version=max(1, bound.version))

    # ---------------------------------------------------------------- changes

    def add(self, schema: Path, file: Path | None, overrides: Mapping[str, str]) -> Sheet:
        """Check data by a manifest, and bind them if nothing blocks.

        Args:
            file: The one table, where the manifest does not name it or names another.

        Returns:
            The sheet; it is bound if ``passed``.

        Raises:
            ConfigError: The manifest cannot be read, or its name is taken by other data.
            GateError: The data cannot be read.
        """
        text = file_bytes(schema, "manifest").decode("utf-8", "replace")
        manifest = parse(text, schema)
        raw = absolute(tomllib.loads(text), schema.parent, file)
        taken = self._folder / f"{manifest.id}.toml"
        if not taken.is_file():
            return self._bind(raw, overrides, {}, 0)
        old = tomllib.loads(taken.read_text(encoding="utf-8"))
        for one in old["file"]:
            one.pop("sha256", None)
        if old != raw:
            raise _taken(manifest.id, old["file"][0]["path"])
        if overrides and dict(overrides) != self._private(manifest.id).get("overrides", {}):
            raise ConfigError(
                f"'{manifest.id}' is bound already, without this decision", "a new version of its sheet",
                f"landsting data update {manifest.id} --override … --ref DIARY", code="DATA",
            )  # fmt: skip
        try:
            return self.inspect(manifest.id)  # the same data again
        except GateError as error:
            raise (_taken(manifest.id, old["file"][0]["path"]) if error.code == "DATA_CHANGED" else error) from error

    def update(self, name: str, file: Path | None, overrides: Mapping[str, str], schema: Path | None = None) -> Sheet:
        """Check a new extract, and make it the next version if nothing blocks.

        Args:
            file: The new extract, where it lies elsewhere than the old one.
            schema: A corrected manifest; left out, the one that is bound stays.

        Raises:
            ConfigError: There is no such data set, or nothing has changed.
        """
        bound = self.get(name)
        raw = tomllib.loads(bound.path.read_text(encoding="utf-8"))
        if schema is not None:
            old, raw = raw, tomllib.loads(file_bytes(schema, "manifest").decode("utf-8", "replace"))
            if raw.get("id") != name:
                raise ConfigError(
                    f"{schema.name} is the manifest of '{raw.get('id')}'", f"of '{name}'", "Correct `id`."
                )
            raw = absolute(raw, schema.parent, None) if raw.get("file") else {**raw, "file": old["file"]}
        raw = absolute(raw, self._folder, file)
        for one in raw["file"]:
            one.pop("sha256", None)
        return self._bind(raw, overrides, self._private(name).get("knots", {}), bound.version)

    def exclude(self, name: str, patients: Path, *, readmit: bool = False) -> Sheet:
        """Leave out the patients of a file, one id a line, from now on; the next version.

        Args:
            readmit: Somebody who was left out may be read again.

        Raises:
            ConfigError: There is no such data set, the file cannot be read or is empty, or somebody who was left out
                would be read again.
        """
        bound = self.get(name)
        raw = tomllib.loads(bound.path.read_text(encoding="utf-8"))
        if not raw.get("patient"):
            raise ConfigError(
                f"'{name}' has no patient column", "one, to know whose rows to leave out",
                f"landsting data update {name} --schema FILE.toml, with `patient`", code="DATA",
            )  # fmt: skip
        before, raw["opt_out"] = raw.get("opt_out"), str(patients.resolve())
        new = listed_patients(patients)
        if not new:
            raise ConfigError(f"{patients.name} holds no patient", "one id a line", "Correct the file.", code="DATA")
        fewest = 0
        if before is not None and not readmit:
            fewest = opted_out(self.sheet(name)["left_out"]) if bound.version else 0
            former = listed_patients(Path(before)) if Path(before).is_file() else frozenset()
            if back := former - new:
                raise _again(f"{len(back)} of {len(former)} patients on the former list are not on {patients.name}")
        return self._bind(
            raw, self._private(name).get("overrides", {}), {}, bound.version,
            fewest_out=fewest, is_new=before != raw["opt_out"],
        )  # fmt: skip

    # ---------------------------------------------------------------- inside

    def _bind(
        self,
        raw: dict[str, Any],
        overrides: Mapping[str, str],
        knots: Mapping[str, Sequence[float]],
        before: int,
        *,
        fewest_out: int = 0,
        is_new: bool = False,
    ) -> Sheet:
        """Check what a manifest names, and bind it as the version after ``before`` if nothing blocks.

        Args:
            fewest_out: Rows of patients who opted out that must still be left out.
            is_new: Bind a version that is as the one before, too.
        """
        name = raw["id"]
        manifest = parse(to_toml(raw), self._folder / f"{name}.toml")
        key = self._key() or secrets.token_bytes(KEY_BYTES)  # written once something is bound
        rules = Rules(key, self._k_blocks, overrides, knots)
        sheet = replace(inspect(manifest, self._folder, rules, self._progress), version=before + 1)
        if not sheet.passed:
            return sheet
        if (back := fewest_out - opted_out(sheet.left_out)) > 0:
            raise _again(f"{back} row{'s that were' if back > 1 else ' that was'} left out would be read again")
        if before and not is_new and {**self.sheet(name, before), "version": sheet.version} == json.loads(sheet.text()):
            raise ConfigError(f"'{name}' is as it was", "a new extract, or new opt-outs", "Nothing to do.", code="DATA")
        for file in raw["file"]:
            file["sha256"] = sheet.files[file["path"]]
        (self._folder / "sheets").mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._key() is None:
            _write(self._folder / "key", key)
        salt = secrets.token_bytes(SALT_BYTES)
        private = {
            "root": sheet.fingerprint.hex(),
            "salt": salt.hex(),
            "overrides": dict(overrides),
            "knots": sheet.knots,
        }
        stem = self._folder / "sheets" / f"{name}-{sheet.version}"
        _write(stem.with_suffix(".private"), json.dumps(private).encode())
        if self._record is not None:
            try:
                self._record(sheet.log_value(salt), salt, sheet.fingerprint)
            except Exception:
                stem.with_suffix(".private").unlink()  # what is not in the log is not bound
                raise
        _write(stem.with_suffix(".json"), sheet.text().encode())
        _write(self._folder / f"{name}.toml", to_toml(raw).encode())  # last: what binds is complete
        return sheet

    def _version(self, name: str) -> int:
        numbers = [path.stem.rpartition("-") for path in (self._folder / "sheets").glob(f"{name}-*.json")]
        return max((int(n) for stem, _, n in numbers if stem == name and n.isdigit()), default=0)

    def _private(self, name: str) -> dict[str, Any]:
        path = self._folder / "sheets" / f"{name}-{self._version(name)}.private"
        if not path.is_file():
            return {}
        value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return value

    def _rules(
        self, overrides: Mapping[str, str], knots: Mapping[str, Sequence[float]] | None, reference: str
    ) -> Rules:
        return Rules(self._key() or b"", self._k_blocks, overrides, knots, reference)

    def _key(self) -> bytes | None:
        path = self._folder / "key"
        return path.read_bytes() if path.is_file() else None

    def key(self) -> bytes:
        """Return the region's key for rows and images; made if there is none yet."""
        if self._key() is None:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            _write(self._folder / "key", secrets.token_bytes(KEY_BYTES))
        key = self._key()
        assert key is not None
        return key

    def log_value(self, name: str) -> dict[str, Any]:
        """Return the body of the update log's entry ``data.sheet`` for the newest version."""
        sheet, private = self.inspect(name), self._private(name)
        return sheet.log_value(bytes.fromhex(private["salt"]))


def absolute(raw: dict[str, Any], folder: Path, file: Path | None) -> dict[str, Any]:
    """Return a manifest's plain values with absolute paths.

    Args:
        folder: From which its paths count.
        file: Instead of the manifest's one file.

    Raises:
        ConfigError: No file is named, or one is given for a manifest of several.
    """
    files = [dict(one) for one in raw.get("file", [])]
    if file is not None:
        if len(files) > 1:
            raise ConfigError(
                f"manifest {raw['id']} names {len(files)} files", "none on the command line then",
                "landsting data add MANIFEST.toml", code="DATA",
            )  # fmt: skip
        files = [{**(files[0] if files else {}), "path": str(file.resolve())}]
        files[0].pop("sha256", None)
    if not files:
        raise ConfigError(f"manifest {raw['id']} names no file", "[[file]] with path", "Add it.", code="DATA")
    out = {**raw, "file": [{**one, "path": str((folder / one["path"]).resolve())} for one in files]}
    if raw.get("opt_out"):
        out["opt_out"] = str((folder / raw["opt_out"]).resolve())
    return out


def first_error(sheet: Sheet) -> GateError:
    """Return the first blocking finding as an error that names all of them."""
    blocking: Sequence[Finding] = sheet.blocking
    error = blocking[0].error(f"{sheet.id}: ")
    if len(blocking) > 1:
        others = "; ".join(one.sentence for one in blocking[1:4])
        more = f"; and {len(blocking) - 4} more" if len(blocking) > 4 else ""
        return GateError(f"{error.found} (also: {others}{more})", error.expected, error.fix)
    return error


def opted_out(left_out: Sequence[str]) -> int:
    """Return how many rows a sheet left out because their patients opted out."""
    return sum(int(words.split()[0]) for words in left_out if words.endswith(OPTED_OUT))


def _again(found: str) -> ConfigError:
    return ConfigError(
        found, "everybody who opted out so far",
        "Add them to the file; or, where they take part again: --readmit", code="DATA",
    )  # fmt: skip


def _taken(name: str, path: str) -> ConfigError:
    return ConfigError(
        f"the name '{name}' is taken by {path}",
        "a name of its own for each data set",
        f"a new extract or manifest of the same data: landsting data update {name} [FILE]; other data: change `id`",
        code="DATA",
    )


def _write(path: Path, data: bytes) -> None:
    """Write a file whole or not at all, mode 600."""
    part = path.with_name(f".{path.name}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(part, path)
