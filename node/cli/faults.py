"""Which words and which code an exception becomes.

Errors are recognised by their name and their fields, so that nothing heavy is imported to report
one. What is not listed here is a bug, and is called one.
"""

from __future__ import annotations

import errno

from node.cli.output import CODES, Refusal

# Class name (anywhere in the family tree) -> code, what to do.
_BY_NAME: dict[str, tuple[str, str]] = {
    "TopologyError": ("TOPOLOGY", "landsting topology list"),
    "RosterError": ("ROSTER", "ask the region for its card again, and compare the fingerprints over the phone"),
    "LogError": ("LOG", "landsting log show --home DIR"),
    "CodecError": ("FILE", "get the file again from whoever made it"),
    "CryptoError": ("CRYPTO", "get the file again from whoever made it"),
    "ConfigError": ("CONFIG", "correct that line"),
    "GateError": ("GATE", "correct the data"),
    "StoreError": ("LOG", "keep the home as it is, and restore it from its backup"),
    "DatabaseError": ("LOG", "keep the home as it is, and restore it from its backup"),
}
# Rules of a plan that have a code of their own; every other is PLAN.
_RULES = {
    "unmaskable": "UNMASKABLE",
    "sums-unmaskable": "UNMASKABLE",
    "not-in-version": "NOT_IN_VERSION",
    "roster": "ROSTER",
    "regions": "ROSTER",
}


def refusal_of(error: BaseException) -> Refusal | None:
    """Return the stated reason that an exception carries, None if it carries none."""
    if isinstance(error, Refusal):
        return error
    names = [kind.__name__ for kind in type(error).__mro__]
    code = _code(error, names)
    if all(isinstance(getattr(error, key, None), str) for key in ("found", "expected", "fix")):
        return Refusal(code or "REFUSED", error.found, error.expected, error.fix)  # type: ignore[attr-defined]
    for name in names:
        if name in _BY_NAME:
            return Refusal(_BY_NAME[name][0], str(error), "", _BY_NAME[name][1])
    if isinstance(error, TimeoutError):
        return Refusal("TIMEOUT", str(error) or "no answer in time", "", "landsting status --home DIR", status=3)
    return _of_system(error) if isinstance(error, OSError) else None


def _code(error: BaseException, names: list[str]) -> str | None:
    """Return the code of an error that says found, expected and fix."""
    if "PlanError" in names:
        return _RULES.get(str(getattr(error, "rule", "")).lower(), "PLAN")
    code = str(getattr(error, "code", "")).upper().replace("-", "_")
    if code in CODES:
        return code
    if code in ("LEARNING", "WORKER"):
        return "DATA"
    return next((_BY_NAME[name][0] for name in names if name in _BY_NAME), None)


def _of_system(error: OSError) -> Refusal | None:
    where = f" {error.filename}" if error.filename else ""
    match error.errno:
        case errno.ENOENT:
            return Refusal("FILE", f"there is no file{where}", "one that exists", "check the path")
        case errno.EACCES | errno.EPERM:
            return Refusal("FILE", f"no permission for{where}", "to read or write it", "check who owns it: ls -l")
        case errno.EISDIR | errno.ENOTDIR | errno.EEXIST:
            return Refusal("FILE", f"{(error.strerror or '').lower()}:{where}", "another path", "check the path")
        case errno.ENOSPC | errno.EDQUOT:
            return Refusal(
                "DISK", f"the disk is full{where}", "room for the log", "make room, then run the command again"
            )
        case errno.EROFS:
            return Refusal("DISK", f"the disk is read-only{where}", "one that can be written", "choose another place")
        case errno.EADDRINUSE:
            return Refusal(
                "PORT", "the port is in use", "a free one", "stop the other program, or choose another --bind"
            )
        case _:
            return None
