"""What a study's course was by the entries of its regions: round by round, for the pictures of a report.

Only logs that their checkpoint covers tell anything here; what they tell is what their region signed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from node.audit.checks.logs import CheckedLog
from node.audit.leaves import Told


@dataclass(frozen=True, slots=True)
class RoundMark:
    """One round at one region.

    Attributes:
        outcome: ``summed``, ``mixed`` or ``kept``, as in ``round.end``.
        t_ms: When it ended, by the region's own clock, ms since 1970.
        senders: The others whose values are in it, ascending.
        model: SHA-256 of the model that was mixed; None where none was.
    """

    round: int
    outcome: str
    t_ms: int
    senders: tuple[str, ...]
    model: bytes | None


@dataclass(frozen=True, slots=True)
class Course:
    """One study at one region, in the order of rounds.

    Attributes:
        outcome: ``done`` or ``stopped``; None while the log knows of no end.
        released: SHA-256 of the models that were released.
    """

    study: bytes
    region: str
    marks: tuple[RoundMark, ...]
    outcome: str | None
    released: tuple[bytes, ...] = ()


def courses(studies: Iterable[bytes], logs: Sequence[CheckedLog]) -> tuple[Course, ...]:
    """Return the course of each study at each region whose log is sound, by study and region.

    Of a log that was begun anew, the earlier ones come first.
    """
    sound: dict[tuple[str, int], CheckedLog] = {}
    for log in logs:
        held = sound.get((log.region, log.epoch))
        if log.is_sound and (held is None or held.tree.size < log.tree.size):
            sound[log.region, log.epoch] = log
    told: dict[str, list[Told]] = {}
    for (region, _), log in sorted(sound.items()):
        told.setdefault(region, []).extend(log.raw.told)
    return tuple(
        _course(study, region, [one for one in entries if one.study == study])
        for study in studies
        for region, entries in sorted(told.items())
        if any(one.study == study for one in entries)
    )


def _course(study: bytes, region: str, entries: Sequence[Told]) -> Course:
    mixes = {told.body["round"]: told for told in entries if told.kind == "round.mix"}
    marks = []
    for told in entries:
        if told.kind != "round.end":
            continue
        mix = mixes.get(told.body["round"]) if told.body["outcome"] == "mixed" else None
        weights = mix.body["weights"] if mix is not None else {}
        marks.append(
            RoundMark(
                told.body["round"],
                told.body["outcome"],
                told.t_ms,
                tuple(sorted(name for name in weights if name != region)),
                mix.body["model"] if mix is not None else None,
            )
        )
    end = next((told.body["outcome"] for told in entries if told.kind == "study.end"), None)
    released = tuple(told.body["model"] for told in entries if told.kind == "model.release" and "model" in told.body)
    return Course(study, region, tuple(sorted(marks, key=lambda mark: mark.round)), end, released)
