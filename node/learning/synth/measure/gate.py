"""The release gate: figures against thresholds, and the report that says how they stand.

A report holds figures of groups and no row of anybody. What a region releases is bound to the bytes of its
report, so reading one checks that its verdict follows from its figures. ``README.md`` has the format.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from node.learning.errors import ConfigError
from node.learning.files import file_bytes
from node.learning.synth.measure.words import told

FORMAT = "landsting-synth-report/v1"
MICRO = 1_000_000
DIGITS = 6
KINDS = ("table", "images")
USE = {"tstr_auroc": "tstr_gap", "tstr_c_index": "tstr_gap", "tstr_r2": "tstr_r2_gap"}
"""Figures of use, by what is learned, and which threshold says how far each may lie below that of real rows."""
TABLE_TESTS = (
    "shapes", "pairs", "tstr_auroc", "exact_copies", "dcr_share", "mia_distance", "mia_discriminator", "rare", "dp",
)  # fmt: skip
IMAGE_TESTS = (
    "frechet", "diversity", "tstr_auroc", "exact_copies", "dcr_share", "mia_distance", "mia_discriminator", "rare",
    "dp",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of a synthetic data set.

    Attributes:
        value: None is undefined: ``why`` says the reason.
        lower, upper: Bounds of 95 % by bootstrap over patients; None where there are none.
        against: The same of real rows: of held-out rows, or of a model that was fitted on real rows.
        why: A code of ``words.WHY``; "" where the figure is defined.
    """

    value: float | None
    lower: float | None = None
    upper: float | None = None
    against: float | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What a release must reach; a plan's ``release.tests`` may set each, in 1e-6, by the names here.

    Attributes:
        shapes, shapes_gap: At least this, and at least that of held-out real rows less the gap.
        pairs: At least this.
        tstr_gap: AUROC or C-index of a model fitted on synthetic rows is at most this below that of one fitted on real
            rows.
        tstr_r2_gap: The same of R2, of what is a number: it has twice the way from a guess to the truth.
        exact_copies: At most this many, for tables with a continuous column and for images.
        dcr_share, dcr_share_upper: At most this, and the upper bound at most that.
        mia_distance, mia_discriminator: At most this; the second where the discriminator was ever shared.
        rare: At most this many categories break the rule of rare categories.
        diversity, frechet: Of images: at least, at most; None is not asked.
        epsilon: At most this; None is not asked, and a release without DP is told in words.
    """

    shapes: float = 0.86
    shapes_gap: float = 0.12
    pairs: float = 0.78
    tstr_gap: float = 0.05
    tstr_r2_gap: float = 0.10
    exact_copies: float = 0.0
    dcr_share: float = 0.55
    dcr_share_upper: float = 0.60
    mia_distance: float = 0.55
    mia_discriminator: float = 0.55
    rare: float = 0.0
    diversity: float | None = 0.5
    frechet: float | None = None
    epsilon: float | None = None

    @classmethod
    def of_plan(cls, tests: Mapping[str, int]) -> Thresholds:
        """Return the defaults with what a plan's ``release.tests`` says instead.

        Raises:
            ConfigError: A name that is no test.
        """
        known = [one.name for one in fields(cls)]
        for name in tests:
            if name not in known:
                raise ConfigError(
                    f"release.tests has no test {name!r}", f"one of {', '.join(known)}", "Correct the plan."
                )
        return replace(cls(), **{name: value / MICRO for name, value in tests.items()})


@dataclass(frozen=True, slots=True)
class Outcome:
    """One test of the gate.

    Attributes:
        name: Of the test, as the log has it.
        value, lower, upper: The figure with its bounds; None is undefined.
        threshold: What it was held against; None where nothing is asked.
        default: What would be asked without the plan's own thresholds.
        direction: ``least`` or ``most``: on which side of the threshold is right.
        against: The same figure of real rows, where there is one.
        passed: Whether the test holds; True where nothing is asked.
        words: A sentence for people, by language (``en``, ``sv``).
    """

    name: str
    value: float | None
    lower: float | None
    upper: float | None
    threshold: float | None
    default: float | None
    direction: str
    against: float | None
    passed: bool
    words: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {one.name: _plain(getattr(self, one.name)) for one in fields(self)}


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What decides which tests are asked.

    Attributes:
        kind: ``table`` or ``images``.
        continuous: The table has a column in which no two patients are expected to be alike.
        shared_discriminator: Regions ever sent the discriminator.
        dp: ``epsilon, delta, accountant, sigma, q, steps`` of the training; None without DP.
    """

    kind: str = "table"
    continuous: bool = True
    shared_discriminator: bool = False
    dp: Mapping[str, float | int | str] | None = None


def judge(found: Mapping[str, Figure], asked: Thresholds, under: Circumstances) -> tuple[Outcome, ...]:
    """Return the outcome of every test of a kind of data, in order.

    A test whose figure is undefined, or missing from ``found``, fails unless nothing is asked.
    """
    names = tests_of(under.kind, found)
    return tuple(_one(name, found.get(name, Figure(None, why="not_measured")), asked, under) for name in names)


def tests_of(kind: str, names: Iterable[str]) -> tuple[str, ...]:
    """Return the tests of a kind of data, in order; of use the figure that is among these names."""
    use = next((name for name in names if name in USE), "tstr_auroc")
    tests = TABLE_TESTS if kind == "table" else IMAGE_TESTS
    return tuple(use if name in USE else name for name in tests)


def _limit(name: str, figure: Figure, asked: Thresholds, under: Circumstances) -> tuple[float | None, str]:
    """Return the threshold of a test (None: not asked) and its direction."""
    against = figure.against
    if name == "shapes":
        return (asked.shapes if against is None else max(asked.shapes, against - asked.shapes_gap)), "least"
    if name in USE:
        return (None if against is None else against - getattr(asked, USE[name])), "least"
    if name in ("pairs", "diversity"):
        return getattr(asked, name), "least"
    if name == "exact_copies" and not under.continuous:
        return None, "most"
    if name == "mia_discriminator" and not under.shared_discriminator:
        return None, "most"
    if name == "dp":
        return asked.epsilon, "most"
    return getattr(asked, name), "most"


def _one(name: str, figure: Figure, asked: Thresholds, under: Circumstances) -> Outcome:
    threshold, direction = _limit(name, figure, asked, under)
    default, _ = _limit(name, figure, Thresholds(), under)
    if name == "dp":
        figure = Figure(None if under.dp is None else float(under.dp["epsilon"]), why="" if under.dp else "no_dp")
    asks = threshold is not None or name in USE
    passed = not asks or (
        threshold is not None and figure.value is not None and _holds(figure.value, threshold, direction)
    )
    if name == "dcr_share" and figure.upper is not None:
        passed = passed and figure.upper <= asked.dcr_share_upper
    words = {
        lang: told(lang, name, figure, threshold, passed, under.dp, upper_limit=asked.dcr_share_upper)
        for lang in ("en", "sv")
    }
    value, lower, upper = _plain(figure.value), _plain(figure.lower), _plain(figure.upper)
    against, threshold, default = _plain(figure.against), _plain(threshold), _plain(default)
    return Outcome(name, value, lower, upper, threshold, default, direction, against, passed, words)


def _holds(value: float, threshold: float, direction: str) -> bool:
    # What is printed decides: both rounded to the digits of the report.
    value, threshold = round(value, DIGITS), round(threshold, DIGITS)
    return value >= threshold if direction == "least" else value <= threshold


@dataclass(frozen=True, slots=True)
class Report:
    """A measured synthetic data set; as JSON ``landsting-synth-report/v1``.

    Attributes:
        study: Id of the study, 64 hex digits; "" for a model without one.
        model, data, schema: SHA-256 of the model's file, of the data's file (of a folder: of the sorted lines
            ``sha256 name``) and of the schema; 64 hex digits each.
        region: Whose real rows it was measured on.
        seed, rows: Of the synthetic data.
        tests: Of the gate, in order.
        dp: As ``Circumstances``.
        counts: ``real, held_out, synthetic, undefined`` and others; None is under 10.
        figures: Every figure measured, of which the tests are some.
        pictures: What the page draws: shares of groups, curves.
    """

    study: str
    model: str
    data: str
    schema: str
    region: str
    kind: str
    seed: int
    rows: int
    tests: tuple[Outcome, ...]
    dp: Mapping[str, float | int | str] | None = None
    counts: Mapping[str, int | None] = field(default_factory=dict)
    figures: Mapping[str, Figure] = field(default_factory=dict)
    pictures: Mapping[str, Any] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether every test holds."""
        return all(one.passed for one in self.tests)

    @property
    def failed(self) -> tuple[Outcome, ...]:
        """The tests that do not hold."""
        return tuple(one for one in self.tests if not one.passed)

    def tests_u(self) -> dict[str, int]:
        """Return each test's figure in 1e-6, as a log entry has them; what is undefined is left out."""
        return {one.name: round(one.value * MICRO) for one in self.tests if one.value is not None}

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        plain = {one.name: _plain(getattr(self, one.name)) for one in fields(self) if one.name != "tests"}
        return plain | {"format": FORMAT, "passed": self.passed, "tests": [one.to_json() for one in self.tests]}

    def to_bytes(self) -> bytes:
        """Return the bytes of ``report.json``: sorted keys, equal reports give equal bytes."""
        return (
            json.dumps(self.to_json(), sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False).encode() + b"\n"
        )


def read_report(path: Path) -> tuple[Report, str]:
    """Return a report and the SHA-256 (hex) of its file.

    Raises:
        ConfigError: It is none, or its verdict does not follow from its figures.
    """
    data = file_bytes(path, "report")
    try:
        raw = json.loads(data)
        if raw["format"] != FORMAT:
            raise ConfigError(f"{path.name} is of another format", FORMAT, "landsting synth report writes one.")
        found = _report(raw)
        stated = raw["passed"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{path.name} is no report", FORMAT, "landsting synth report writes one.") from error
    wrong = [one.name for one in found.tests if one.passed is not _follows(one)]
    names = tests_of(found.kind, [one.name for one in found.tests])
    if wrong or stated is not found.passed or tuple(one.name for one in found.tests) != names:
        raise ConfigError(
            f"the verdict of {path.name} does not follow from its figures"
            + (f" ({', '.join(wrong)})" if wrong else ""),
            "a report as it was written",
            "Write it anew: landsting synth report.",
        )
    return found, hashlib.sha256(data).hexdigest()


def _follows(one: Outcome) -> bool:
    """Return whether a test holds by its own figures; the upper bound of dcr_share can only make it stricter."""
    if one.threshold is None:
        return one.name not in USE  # always asked; without a figure on real rows it cannot hold
    if one.value is None:
        return False
    holds = _holds(one.value, one.threshold, one.direction)
    return holds and one.passed if one.name == "dcr_share" else holds


def _report(raw: Mapping[str, Any]) -> Report:
    tests = tuple(_outcome(one) for one in raw["tests"])
    figures = {str(name): Figure(**one) for name, one in raw["figures"].items()}
    texts = {key: _text(raw[key]) for key in ("study", "model", "data", "schema", "region", "kind")}
    if texts["kind"] not in KINDS:
        raise ValueError(texts["kind"])
    return Report(
        **texts, seed=_whole(raw["seed"]), rows=_whole(raw["rows"]), tests=tests, dp=raw["dp"],
        counts=raw["counts"], figures=figures, pictures=raw["pictures"],
    )  # fmt: skip


def _outcome(raw: Mapping[str, Any]) -> Outcome:
    one = Outcome(**raw)
    numbers: Sequence[Any] = (one.value, one.lower, one.upper, one.threshold, one.default, one.against)
    if type(one.passed) is not bool or one.direction not in ("least", "most"):
        raise TypeError(one.name)
    if not all(number is None or (type(number) in (int, float) and math.isfinite(number)) for number in numbers):
        raise TypeError(one.name)
    return one


def _text(value: Any) -> str:
    if type(value) is not str:
        raise TypeError(type(value))
    return value


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise TypeError(type(value))
    return value


def _plain(value: Any) -> Any:
    """Return JSON values: reals rounded, dataclasses and tuples as maps and arrays; what is not finite is None."""
    if isinstance(value, bool | int | str) or value is None:
        return value
    if isinstance(value, float):
        return round(value, DIGITS) if math.isfinite(value) else None
    if isinstance(value, Figure):
        return {one.name: _plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value]
