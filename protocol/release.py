"""What a release needs: which tests, by which thresholds, and whose signatures.

Asked by the region that releases, by everybody who gets a copy of its log, and by the audit: the same rule with the
same words. Figures and thresholds are integers in 1e-6. Forms and meaning: README.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from protocol.errors import PlanError
from protocol.names import closest

if TYPE_CHECKING:
    from protocol.plan_record import PlanRecord

DATA, MODEL = "data", "model"
WHATS = (DATA, MODEL)
MICRO = 1_000_000

THRESHOLDS: Mapping[str, int | None] = {
    "shapes": 860_000, "shapes_gap": 120_000, "pairs": 780_000, "tstr_gap": 50_000, "tstr_r2_gap": 100_000,
    "exact_copies": 0, "dcr_share": 550_000, "dcr_share_upper": 600_000, "mia_distance": 550_000,
    "mia_discriminator": 550_000, "rare": 0, "diversity": 500_000, "frechet": None, "epsilon": None,
}  # fmt: skip
"""Names of a plan's ``release.tests`` for synthetic data, with their defaults; None: nothing is asked."""

MODEL_TESTS = ("accuracy", "auroc")
"""Names for a model: at least this on the releasing region's test rows; asked only where a plan names them."""

USE: Mapping[str, str] = {"tstr_auroc": "tstr_gap", "tstr_c_index": "tstr_gap", "tstr_r2": "tstr_r2_gap"}
"""Figures of use, of which each release has one, by what is learned; and how far it may lie below real rows'."""

TABLE = ("shapes", "pairs", "tstr_auroc", "dcr_share", "mia_distance", "rare")
IMAGES = ("diversity", "tstr_auroc", "dcr_share", "mia_distance", "rare")
"""Figures without which a table, and images, are not released."""

_LEAST = ("shapes", "pairs", "diversity")
_MOST = ("exact_copies", "dcr_share", "dcr_share_upper", "mia_distance", "mia_discriminator", "rare", "frechet")


@dataclass(frozen=True, slots=True)
class Approved:
    """What an APPROVE says.

    Attributes:
        region: Who signed it.
        study: 32 bytes.
        what: ``data`` or ``model``.
        file, card: SHA-256 of the file and of its card.
    """

    region: str
    study: bytes
    what: str
    file: bytes
    card: bytes


def check_release(plan: PlanRecord) -> None:
    """Refuse a plan that asks for more signatures than it has regions, or for a test that nobody could measure.

    Raises:
        PlanError: Rule ``release``.
    """
    least, n = plan.release["min_approvals"], len(plan.regions)
    if least > n:
        raise PlanError(
            rule="release",
            found=f"release.min_approvals = {least} in a study of {n} regions",
            expected=f"at most {n}: each region signs once",
            fix=f"Set release.min_approvals = {min(2, n)}.",
        )
    known = (*THRESHOLDS, *MODEL_TESTS)
    for name in plan.release["tests"]:
        if name not in known:
            near = closest(name, known)
            raise PlanError(
                rule="release",
                found=f"release.tests.{name}, which is no test of this version",
                expected=f"one of {', '.join(known)}",
                fix=f"Did you mean '{near}'?" if near else "Leave it out: the defaults are asked then.",
            )


def said(sender: str, study: bytes | None, body: Mapping[str, Any]) -> Approved:
    """Return what an APPROVE of a schema that was checked says."""
    return Approved(sender, study or b"", str(body["kind"]), bytes(body["file_sha256"]), bytes(body["card_sha256"]))


def what_of(kind: str) -> str:
    """Return ``data`` or ``model`` of the kind of a release's entry."""
    return kind.partition(".")[0]


def lacking(plan: PlanRecord, kind: str, body: Mapping[str, Any]) -> str | None:
    """Return what the entry of a release lacks by itself, or None.

    It looks at the tests, and at how many regions of the study the approvals name, each once.
    """
    rows: Sequence[Mapping[str, Any]] = body["approvals"]
    strangers = [row["region"] for row in rows if row["region"] not in plan.regions]
    if strangers:
        return f"it names an approval of {strangers[0]}, which takes no part in the study"
    if len({row["eid"] for row in rows}) < len(rows):
        return "it names one approval twice"
    if len(rows) < plan.release["min_approvals"]:
        return f"{len(rows)} approvals; the plan asks for {plan.release['min_approvals']}"
    return failing(plan, what_of(kind), body["tests"])


def unlike(kind: str, study: bytes, body: Mapping[str, Any], region: str, approved: Approved) -> str | None:
    """Return in what an approval that a release names is not one of this release, or None.

    Args:
        region: Whom the release names for it.
    """
    if approved.region != region:
        return f"the approval that it names for {region} is {approved.region}'s"
    if (approved.study, approved.what) != (study, what_of(kind)):
        return f"the approval of {region} is of another study, or of a {approved.what}"
    if approved.file != body["file_sha256"]:
        return f"the approval of {region} is of another file"
    if approved.card != body["card_sha256"]:
        return f"the approval of {region} is of another card"
    return None


def failing(plan: PlanRecord, what: str, tests: Mapping[str, int]) -> str | None:
    """Return the first test that does not hold, with figure and threshold, or None.

    Args:
        what: ``data`` or ``model``.
        tests: Figures in 1e-6. Beside ``shapes`` and the figure of use stand those of real rows as ``shapes/real`` and
            for instance ``tstr_auroc/real``, beside ``dcr_share`` its upper bound as ``dcr_share/upper``.
    """
    stated: Mapping[str, int] = plan.release["tests"]
    if what == MODEL:
        rows = ((name, tests.get(name), stated[name], True) for name in MODEL_TESTS if name in stated)
        return next((words for row in rows if (words := _held(*row)) is not None), None)
    asked = {**THRESHOLDS, **stated}
    return next((words for row in _asked(plan, tests, asked) if (words := _held(*row)) is not None), None)


def _asked(
    plan: PlanRecord, tests: Mapping[str, int], asked: Mapping[str, int | None]
) -> Iterable[tuple[str, int | None, int | None, bool]]:
    """Yield name, figure, threshold, and whether the figure must be at least that, of every test that is asked."""
    needed = {*(IMAGES if "diversity" in tests or "frechet" in tests else TABLE), *(plan.release["tests"])}
    if plan.settings.get("share") == "both":
        needed.add("mia_discriminator")
    for name in _LEAST:
        if name in needed or name in tests:
            yield name, tests.get(name), asked[name], True
    if "shapes" in needed and "shapes/real" in tests and asked["shapes_gap"] is not None:
        yield "shapes", tests.get("shapes"), tests["shapes/real"] - asked["shapes_gap"], True
    for name in [name for name in USE if name in tests] or ["tstr_auroc"]:
        real = tests.get(f"{name}/real")
        yield name, None if real is None else tests.get(name), (real or 0) - (asked[USE[name]] or 0), True
    for name in _MOST:
        figure = tests.get("dcr_share/upper" if name == "dcr_share_upper" else name)
        if asked[name] is not None and (name in needed or figure is not None):
            yield name, figure, asked[name], False
    if asked["epsilon"] is not None:
        yield "dp", tests.get("dp"), asked["epsilon"], False
    for name in sorted({*plan.release["tests"]} - {*THRESHOLDS} - {*MODEL_TESTS}):  # of a plan of another version
        yield name, tests.get(name), asked[name], True


def _held(name: str, figure: int | None, threshold: int | None, at_least: bool) -> str | None:
    bound = f"at {'least' if at_least else 'most'} {shown(threshold or 0)}"
    if figure is None:
        return f"the test {name} has no figure; the plan asks for {bound}"
    if threshold is None or (figure >= threshold if at_least else figure <= threshold):
        return None
    return f"the test {name} gave {shown(figure)}; the plan asks for {bound}"


def shown(value_u: int) -> str:
    """Return an integer in 1e-6 as people read it: ``0.86``."""
    return written(value_u).removesuffix(".0")


def written(value_u: int) -> str:
    """Return an integer in 1e-6 as a plan's text has it, always with a point: ``0.86``, ``1.0``; exact."""
    whole, part = divmod(abs(value_u), MICRO)
    digits = f"{part:06d}".rstrip("0") or "0"
    return f"{'-' if value_u < 0 else ''}{whole}.{digits}"
