"""What a task is: named modules of named parameters, its settings, and what one local round may use and tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from node.learning.errors import ConfigError
from node.learning.vectors import Arrays, Floats, Shapes, SharePolicy

if TYPE_CHECKING:
    from node.learning.data.schema import Schema, Target
    from node.learning.preprocessing import GlobalStats
    from node.learning.privacy import DPContext
    from node.learning.synth.coding import TableCoding

# What a setting of that name may be, in any task: beyond it nothing is trained, or no machine can.
BOUNDS = {
    "test_share": (0, 0.9),
    "batch": (1, 65_536),
    "local_steps": (0, 100_000),
    "hidden": (0, 65_536),
    "blocks": (0, 256),
}
LABELS = {
    "classes": "one category or boolean",
    "labels": "several booleans",
    "number": "one number",
    "survival": "a time_to_event and a boolean",
}
TASK_OF = {"classes": "classifier", "labels": "classifier", "number": "regression", "survival": "survival"}
BACKS = "watch.backs"  # among what stays: steps done in the study whenever its generator was put back here


@dataclass(frozen=True, slots=True)
class TrainReport:
    """Facts about one local round.

    Attributes:
        steps: Local steps done.
        norm: L2 norm of the change of the travelling vector.
        loss: Mean training loss; None where there is none, and under DP, where it would be un-noised.
        dp: Integers for the log; None without DP.
        notes: Sentences for the region's own people about what the task noticed; no values of patients.
        backs: How often in the study a generator was put back here, this round counted.
    """

    steps: int
    norm: float
    loss: float | None = None
    dp: dict[str, int | str] | None = None
    notes: tuple[str, ...] = ()
    backs: int = 0


@dataclass(frozen=True, slots=True)
class Encoded:
    """Rows as a model sees them.

    Attributes:
        x: float32 (n, width), what the encoder made of the features.
        y: int64 (n,) class numbers, or whether the event was seen.
        target: float32 (n, t): a number (standardised), labels, or a time; None for classes.
        images: uint8 (n, height, width, channels); None where there are none.
        coding: What a generator's rows are coded by (``synth.coding``); None for other tasks.
    """

    x: Floats
    y: NDArray[np.int64]
    target: Floats | None = None
    images: NDArray[np.uint8] | None = None
    coding: TableCoding | None = None

    def __len__(self) -> int:
        return len(self.y)


@dataclass(slots=True)
class Local:
    """What a region's own rounds of training may use.

    Attributes:
        rows: Encoded training rows.
        stats: What the sum rounds opened; None where the study has none.
        private: Modules that stay and optimizer state, from the last round; a task changes it in place.
        rng: Chance of this round.
        dp: Set if the study trains with differential privacy.
        patients: int64 (n,), the patient of each row; None where each row is a patient of its own.
        before, steps_in_all: Local steps of earlier rounds, and of the whole study (0 where nobody knows).
        frozen: Parameters (``module.parameter``) that must stay as they are.
        device: Where torch computes.
        validation: Encoded validation rows; None where the task has no use for them.
        notes: Sentences that a task adds for the region's own people.
    """

    rows: Encoded
    stats: GlobalStats | None
    private: dict[str, Floats]
    rng: np.random.Generator
    dp: DPContext | None
    patients: NDArray[np.int64] | None = None
    before: int = 0
    steps_in_all: int = 0
    frozen: frozenset[str] = frozenset()
    device: str = "cpu"
    validation: Encoded | None = None
    notes: list[str] = field(default_factory=list)


class Task(Protocol):
    """One interface for all that can be learned.

    ``settings`` are the plan's, already through ``read_settings``. ``modules`` are torch modules
    by name; ``idle`` has none and works on ``Arrays``.
    """

    name: str
    version: str
    needs_data: bool
    with_dp: bool
    targets: tuple[Target, ...]
    defaults: Mapping[str, object]

    def sums(self, settings: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the stages of the sum rounds that preprocessing needs."""
        ...

    def shapes(self, schema: Schema | None, settings: Mapping[str, Any]) -> Shapes:
        """Return all modules' shapes; a function of schema and settings alone."""
        ...

    def shared(self) -> dict[str, SharePolicy]:
        """Return what becomes of each module."""
        ...

    def initial(self, schema: Schema | None, settings: Mapping[str, Any], seed: int) -> Arrays:
        """Return the first weights; the same bytes everywhere."""
        ...

    def train(self, arrays: Arrays, local: Local, settings: Mapping[str, Any]) -> tuple[Arrays, float | None]:
        """Return the travelling parameters after one local round, and the mean loss."""
        ...

    def evaluate(self, arrays: Arrays, rows: Encoded, settings: Mapping[str, Any]) -> dict[str, float | None]:
        """Return figures on rows; what is undefined is None."""
        ...


def shared_by(task: Task, settings: Mapping[str, Any]) -> dict[str, SharePolicy]:
    """Return what becomes of each module under these settings; a task whose settings decide has ``shared_by``."""
    decide = getattr(task, "shared_by", None)
    return decide(settings) if decide is not None else task.shared()


def check_private(task: Task, settings: Mapping[str, Any], private: bool) -> None:
    """Have a task refuse settings that are for studies with differential privacy only, or without it only.

    Raises:
        ConfigError: It does (a task with ``check_private``).
    """
    check = getattr(task, "check_private", None)
    if check is not None:
        check(settings, private)


def read_settings(task: Task, given: Mapping[str, object]) -> dict[str, Any]:
    """Return a task's settings with its defaults filled in.

    A default's type says what is allowed, and ``BOUNDS``; reals stand as decimal strings and become floats.

    Raises:
        ConfigError: A setting is unknown, of another type, or out of bounds.
    """
    known = ", ".join(sorted(task.defaults))
    choices: Mapping[str, tuple[str, ...]] = getattr(task, "choices", {})
    for key in given:
        if key not in task.defaults:
            near = get_close_matches(key, task.defaults, 1)
            fix = f"Did you mean {near[0]}?" if near else "Correct [settings] in the plan."
            raise ConfigError(f"task {task.name} has no setting {key!r}", f"one of {known}", fix)
    out: dict[str, Any] = {}
    for key, default in task.defaults.items():
        value = given.get(key, default)
        if isinstance(default, float):
            try:
                number = (
                    float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else np.nan
                )
            except ValueError:
                number = np.nan
            if not np.isfinite(number) or number < 0:
                raise ConfigError(
                    f"setting {key} is not a number", 'a decimal of 0 or more such as "0.1"', "Correct it."
                )
            out[key] = float(number)
        elif key in choices and value not in choices[key]:
            raise ConfigError(f"setting {key} = {value!r}", f"one of {', '.join(choices[key])}", "Correct the plan.")
        elif type(value) is not type(default):
            kind = type(default).__name__
            raise ConfigError(f"setting {key} is a {type(value).__name__}", f"{kind}", "Correct it in the plan.")
        elif isinstance(value, int) and not isinstance(value, bool) and value < 0:
            raise ConfigError(f"setting {key} is below 0", "0 or more", "Correct it in the plan.")
        else:
            out[key] = value
        low, high = BOUNDS.get(key, (None, None))
        if low is not None and high is not None and not isinstance(out[key], str) and not low <= out[key] <= high:
            raise ConfigError(f"setting {key} = {out[key]:g}", f"{low} to {high}", "Correct it in the plan.")
    return out


def check_target(task: Task, schema: Schema) -> None:
    """Raise if a task does not learn what a manifest marks as label.

    Raises:
        ConfigError: Names the label that it learns, and the task for the label that there is.
    """
    if schema.target in task.targets:
        return
    labels = " or ".join(LABELS[target.value] for target in task.targets)
    raise ConfigError(
        f"task {task.name} and a label of {schema.target.value}",
        f"{labels} as the label",
        f"Choose the task for it, --task {TASK_OF[schema.target.value]}, or mark another label in the manifest.",
    )


def decimal_settings(settings: Mapping[str, object]) -> dict[str, int | bool | str]:
    """Return settings as a plan holds them: reals as decimal strings."""
    out: dict[str, int | bool | str] = {}
    for key, value in settings.items():
        if isinstance(value, float):
            out[key] = np.format_float_positional(value, trim="-")
        elif isinstance(value, bool | int | str):
            out[key] = value
        else:
            raise ConfigError(f"setting {key} is a {type(value).__name__}", "a number, boolean or text", "Correct it.")
    return out
