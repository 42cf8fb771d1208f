"""Logs that were begun anew: what a later epoch says of the one before it, and what that excuses.

A region that says that it lost the end of its log says so for good: the gap is a minor finding about it, and what
others hold of the lost end misses nothing else. The head that the new log names is a statement about the old one,
signed like any: where it does not lie on the old log, or on what others hold of it, the log is forked.
Bundles that hold a later epoch and not the one before it lack what others show of that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from node.audit.checks.logs import CheckedLog
from node.audit.checks.witness import Head
from node.audit.context import Context
from node.audit.evidence import note_piece, plan_piece
from node.audit.findings import Finding, Json
from node.audit.statements import Statement
from protocol.epochs import Previous, epoch_of

ONCE = ("round.end", "round.mix", "round.train", "stats.open")


@dataclass(slots=True)
class Ended:
    """What the earlier logs of a region say of a study, while its logs are gone through by epoch."""

    _rounds: dict[str, int] = field(default_factory=dict)
    _accepted: set[str] = field(default_factory=set)

    def accepted(self, log: CheckedLog, here: bool) -> bool:
        """Return whether this log or an earlier one of its region holds the acceptance; an earlier one may lack it."""
        if here:
            self._accepted.add(log.region)
        return log.region in self._accepted or log.epoch > 1

    def until(self, log: CheckedLog) -> int | None:
        """Return the first round whose end is still to be told; None where the log before is not at hand."""
        return self._rounds.get(log.region, 0 if log.epoch == 1 else None)

    def seen(self, log: CheckedLog, expected: int | None) -> None:
        """Take note of the first round whose end a log does not tell any more."""
        if expected is not None:
            self._rounds[log.region] = max(expected, self._rounds.get(log.region, 0))


def previous(log: CheckedLog) -> Previous | None:
    """Return the head with which a log was begun anew; None for a first epoch, or a log that is not sound."""
    genesis = log.raw.genesis
    prev = genesis.body["prev"] if genesis is not None and log.is_sound else None
    return Previous(prev["origin"], prev["size"], prev["root"], prev["reason"]) if prev is not None else None


def is_within(statement: Statement, as_of: int | None) -> bool:
    """Return whether a message is of the rounds that are looked at; what has no round comes before them all.

    But for APPROVE: what is released is released after the study.
    """
    if as_of is None or statement.round is not None:
        return as_of is None or statement.round is None or statement.round <= as_of
    return statement.type != "APPROVE"


def over(logs: Iterable[CheckedLog]) -> frozenset[str]:
    """Return the origins of logs that their region has begun anew since, by its own signed word."""
    logs = list(logs)
    epochs: dict[str, int] = {}
    for log in logs:
        if previous(log) is not None:
            epochs[log.region] = max(log.epoch, epochs.get(log.region, 0))
    named = {p.origin for log in logs if (p := previous(log)) is not None}
    return frozenset(named | {log.origin for log in logs if log.epoch < epochs.get(log.region, 0)})


def twice(context: Context, study: bytes, logs: Sequence[CheckedLog]) -> list[Finding]:
    """Return the rounds that a region ended, mixed or trained under two epochs; the first of each region."""
    several = Counter(log.region for log in logs)
    first: dict[tuple[str, str, int], tuple[CheckedLog, int]] = {}
    found: dict[str, Finding] = {}
    for log in sorted(logs, key=lambda log: (log.region, log.epoch)):
        for told in log.raw.told if log.is_sound and several[log.region] > 1 else ():
            # A round that was given up may well have ended under the log that is lost.
            if told.study != study or told.kind not in ONCE or told.body.get("outcome") == "kept":
                continue
            old, seq = first.setdefault((log.region, told.kind, told.body["round"]), (log, told.seq))
            if old.epoch == log.epoch or log.region in found:
                continue
            detail = f"round {told.body['round']} has {told.kind} in {old.origin} and in {log.origin}"
            pieces = [old.note, old.proof(seq), log.note, log.proof(told.seq), plan_piece(context.plans[study])]
            found[log.region] = Finding(
                "LS-ROUND-DUP", subject=log.region, study=study, round=told.body["round"], seq=told.seq,
                values={"detail": detail}, evidence=pieces, roster=context.roster_hash,
            )  # fmt: skip
    return list(found.values())


def forks(
    context: Context,
    logs: Sequence[CheckedLog],
    heads: Sequence[Head],
    statements: Mapping[str, Sequence[Statement]],
) -> list[Finding]:
    """Return the new epochs that go on from another history than was handed over, or than others hold; one a region.

    Args:
        statements: Messages whose signature holds, by the log that they name.
    """
    found: dict[str, Finding] = {}
    for log in sorted(logs, key=lambda log: (log.region, log.epoch)):
        prev = previous(log)
        fault = _fork(context, log, prev, logs, heads, statements) if prev is not None else None
        if fault is not None:
            found.setdefault(log.region, fault)
    return list(found.values())


def _fork(
    context: Context,
    log: CheckedLog,
    prev: Previous,
    logs: Sequence[CheckedLog],
    heads: Sequence[Head],
    statements: Mapping[str, Sequence[Statement]],
) -> Finding | None:
    named = [log.note, log.proof(0)]
    detail = f"the new log names another history of the first {prev.size} entries of {prev.origin}"
    for old in logs:
        at_hand = old.origin == prev.origin and old.is_sound and old.tree.size >= prev.size
        if at_hand and old.tree.root_at(prev.size) != prev.root:
            pieces = [*named, old.note, old.earlier(prev.size)]
            return _found(context, log, prev, f"{detail} than was handed over", pieces)
    for head in heads:
        point = head.checkpoint
        if point.origin == prev.origin and point.size == prev.size and point.root != prev.root:
            return _found(context, log, prev, f"{detail} than {head.holder} was shown", [*named, note_piece(head.note)])
    for statement in statements.get(prev.origin, ()):
        if statement.size == prev.size and statement.root != prev.root:
            return _found(
                context, log, prev, f"{detail} than a message that {statement.holder} holds", [*named, statement.piece]
            )
    return None


def _found(context: Context, log: CheckedLog, prev: Previous, detail: str, pieces: list[dict[str, Json]]) -> Finding:
    return Finding(
        "LS-FORK", subject=log.region, seq=prev.size, values={"detail": detail}, evidence=pieces,
        roster=context.roster_hash,
    )  # fmt: skip


def missing(
    context: Context, logs: Sequence[CheckedLog], statements: Iterable[Statement], as_of: int | None
) -> list[Finding]:
    """Return, of regions that handed over a log, the messages of a later epoch of which nothing was handed over."""
    newest: dict[str, CheckedLog] = {}
    for log in logs:
        if log.is_sound and (log.region not in newest or newest[log.region].epoch < log.epoch):
            newest[log.region] = log
    found: dict[str, Finding] = {}
    for statement in statements:
        handed = newest.get(statement.sender)
        if handed is None or statement.log == handed.origin:
            continue
        is_asked = is_within(statement, as_of)
        is_held = bool(statement.shown_by) and statement.study in context.studies and is_asked
        if not is_held or epoch_of(statement.log) <= handed.epoch:
            continue
        subject, source = handed.lacking
        found.setdefault(
            statement.sender,
            Finding(
                "LS-TRUNCATED", subject=subject, source=source, study=statement.study, round=statement.round,
                seq=statement.size, values={"n": statement.size + 1, "detail": ""},
                evidence=[statement.piece, handed.note], roster=context.roster_hash,
            ),
        )  # fmt: skip
    return list(found.values())
