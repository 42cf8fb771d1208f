"""The module of a generator that knows its region's patients: when it may travel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from node.learning.errors import ConfigError


def check_share(settings: Mapping[str, Any], module: str, *, private: bool, what: str = "a patient") -> None:
    """Refuse to send the module that was trained on real rows, unless it has noise or the plan says so.

    Args:
        settings: With ``share`` and ``disclose``.
        module: What it is called: a discriminator, an encoder.
        private: Whether the study trains this module with differential privacy.
        what: Whose membership its weights tell.

    Raises:
        ConfigError: ``share = "both"`` without privacy and without ``disclose``.
    """
    if settings["share"] == "both" and not private and not settings["disclose"]:
        raise ConfigError(
            f'share = "both" without differential privacy: a neighbour with the {module}\'s weights can test'
            f" whether {what} was in training",
            'share = "generator", disclose = true, or (of tables) a study with --dp',
            f"Leave share out: the {module} then never leaves the region.",
        )
