"""Where torch computes."""

from __future__ import annotations

from node.learning.errors import ConfigError


def device_of(wanted: str) -> str:
    """Return where torch computes: ``cpu``, ``cuda:N``; ``auto`` is the first GPU if there is one.

    Raises:
        ConfigError: There is no such device.
    """
    if wanted == "cpu":
        return wanted
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if wanted == "auto":
        return "cuda:0" if count else "cpu"
    name, _, number = wanted.partition(":")
    if name == "cuda" and number.isdigit() and int(number) < count:
        return wanted
    raise ConfigError(f"device {wanted!r} with {count} GPUs", "auto, cpu or cuda:N", "Correct device in policy.toml.")
