"""What only a node needs, for ``landsting-audit.pyz``: names that the audit's modules import and never call."""

from __future__ import annotations

from typing import Any, NoReturn


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)

    def missing(*_: object, **__: object) -> NoReturn:
        raise RuntimeError(f"{name} needs a node's libraries, which this file does not hold; use `landsting audit`")

    return missing
