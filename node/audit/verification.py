"""The audit: bundles in, one report out; reads files, writes none.

Order: read every bundle (a refused one is set aside, the others are still audited), gather plans
and rosters, then under each roster check each log by itself and all logs against each other.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from node.audit.archive import BundleError
from node.audit.bundle import Bundle
from node.audit.checks.bundles import Held, gather
from node.audit.checks.checkpoint import judge_checkpoint
from node.audit.checks.cross import Match, cross
from node.audit.checks.keys import follow, revoked
from node.audit.checks.logs import CheckedLog, genesis_keys
from node.audit.checks.own import LogCheck
from node.audit.checks.protected import Protection, protection
from node.audit.checks.protected import gather as gather_lines
from node.audit.checks.study import StudyCheck, StudyRecord
from node.audit.checks.witness import times
from node.audit.context import Context, contexts
from node.audit.evidence import rotation_piece
from node.audit.findings import Finding, Severity, ordered
from node.audit.openings import Inside, gathered
from node.audit.outside import Witnessed
from node.audit.outside import heads as outside_heads
from node.audit.reading import Register, label_of, read_bundle
from node.audit.report import Report, report
from node.audit.signatures import DoubtError, Signatures
from node.audit.statements import Statements
from node.audit.telling import StudyRow


@dataclass(slots=True)
class _Outcome:
    """What all contexts found, put together."""

    findings: list[Finding] = field(default_factory=list)
    logs: dict[tuple[str, str, int], CheckedLog] = field(default_factory=dict)
    signed: dict[str, bool] = field(default_factory=dict)
    matches: dict[str, Match] = field(default_factory=dict)
    absent: set[str] = field(default_factory=set)
    unchecked: set[bytes] = field(default_factory=set)
    records: dict[bytes, StudyRecord] = field(default_factory=dict)
    rotations: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    inside: Inside = field(default_factory=Inside)
    protected: list[Protection] = field(default_factory=list)
    outside: Sequence[Witnessed] = ()
    seen: set[bytes] = field(default_factory=set)  # notes of outside witnesses that their logs signed

    def add_unnamed(self, other: _Outcome, source: str) -> None:
        """Take over what was found with keys that no roster holds: anybody can have made them, so nobody is named."""
        self.findings += [
            replace(f, subject=None, source=source) if f.severity is not Severity.INFO else f for f in other.findings
        ]
        self.logs |= other.logs
        self.signed |= other.signed
        self.unchecked |= other.unchecked


@dataclass(frozen=True, slots=True)
class _Asked:
    """What ``verify`` is asked; ``named`` is the study or its first bytes, ``bundles`` how many there are."""

    bundles: int
    named: bytes | None
    require: Sequence[str]
    lang: str
    fast: bool
    as_of: int | None
    inside: Inside
    outside: Sequence[Witnessed] = ()


def verify(
    bundles: Sequence[Path],
    *,
    study: bytes | None = None,
    require: Sequence[str] = (),
    lang: str = "en",
    fast: bool = False,
    as_of: int | None = None,
    jobs: int = 1,
    progress: Callable[[str], None] = lambda _: None,
    inside: Inside | None = None,
    outside: Sequence[Witnessed] = (),
) -> Report:
    """Return what the bundles prove, contradict and leave open.

    Args:
        bundles: Files, at least one; their order does not matter.
        study: Study id, 32 bytes: the auditor's one trust input. Its first bytes name a study and confirm none.
            None: every study found is checked, and none is confirmed.
        require: ``all-logs``, ``replay``, ``openings``: what is missing of it makes the verdict ``incomplete``.
        fast: A message that its sender's and a receiver's log both hold at its place is not checked by its
            signature: where both agree, nobody is accused.
        lang: A language of ``catalogue``.
        as_of: The last round that is looked at: later statements miss nothing, later rounds are not asked for.
        jobs: How many processes check signatures.
        progress: Is told in words how far the audit is, where it takes its time.
        inside: A region's own vault, for an audit inside it.
        outside: What outside witnesses saw.

    Raises:
        StudyError: The first bytes of a study id fit none, or several.
    """
    signatures = Signatures(jobs, eager=not fast)
    # Millions of small values and no cycles among them: looking for cycles again and again costs a tenth.
    collecting = gc.isenabled()
    gc.disable()
    try:
        asked = _Asked(len(bundles), study, require, lang, fast, as_of, inside or Inside(), outside)
        return _verify(bundles, asked, signatures, progress)
    finally:
        signatures.close()
        if collecting:
            gc.enable()


def _verify(bundles: Sequence[Path], asked: _Asked, signatures: Signatures, progress: Callable[[str], None]) -> Report:
    statements = Statements()
    read, findings = _read(bundles, Register(statements, check=signatures.own, progress=progress))
    study = asked.named if asked.named is None or len(asked.named) == 32 else _named(read, asked.named)
    held, others = gather(read, study)
    findings += others

    def checked() -> Report:
        return _checked(read, held, findings, study, asked, signatures, statements)

    if signatures.has_help:
        # Most often every signature holds: the checks need not wait for the helpers to see it.
        try:
            supposed: Report | None = checked()
        except DoubtError:
            supposed = None
        if signatures.settle() and supposed is not None:
            return supposed
        signatures.forget()
        statements.forget()
    signatures.settle()
    return checked()


def _checked(
    read: Sequence[Bundle],
    held: Held,
    findings: Sequence[Finding],
    study: bytes | None,
    asked: _Asked,
    signatures: Signatures,
    statements: Statements,
) -> Report:
    outcome = _Outcome([*findings], inside=asked.inside, outside=asked.outside)
    under = contexts(signatures, statements, held.plans, held.rosters, study, held.rivals)
    for context in under:
        follow(context, read, held.rosters.values())
    if asked.fast:
        for context in under:
            context.agreed = _agreed(context, read)
    found = [(bundle, key) for bundle in read for key in bundle.logs]
    homes = [_contexts_of(under, bundle, key) for bundle, key in found]
    for context in under:
        mine = [place for place, home in zip(found, homes, strict=True) if context in home]
        _audit(context, mine, held, outcome, asked.as_of)
    for (bundle, key), home in zip(found, homes, strict=True):
        if not home:
            apart, alone = _Outcome(), _alone(signatures, statements, bundle, key)
            _audit(alone, [(bundle, key)], held, apart)
            outcome.add_unnamed(apart, bundle.label)
            outcome.seen |= {head.mirror for head in outside_heads(alone, asked.outside)[0]}
    return report(
        findings=ordered(_labelled(outcome)),
        bundles=asked.bundles,
        logs=list(outcome.logs.values()),
        matches=outcome.matches,
        absent=sorted(outcome.absent),
        studies=_studies(under, asked.named, outcome.records),
        confirmed=asked.named is not None and asked.named in held.plans,
        records=outcome.records,
        signatures=signatures.valid + statements.valid,
        unchecked=len(outcome.unchecked),
        protected=outcome.protected,
        witnesses=asked.outside,
        seen=outcome.seen,
        require=asked.require,
        lang=asked.lang,
    )


def _read(paths: Sequence[Path], register: Register) -> tuple[list[Bundle], list[Finding]]:
    """Read the bundles in the order of their names; what is refused becomes a finding."""
    read: list[Bundle] = []
    refused: list[Finding] = []
    names: dict[str, int] = {}
    for path in sorted(paths, key=lambda path: (label_of(path), str(path))):
        label = label_of(path)
        names[label] = names.get(label, 0) + 1
        if names[label] > 1:
            label = f"{label} ({names[label]})"
        try:
            bundle = read_bundle(path, register)
        except BundleError as error:
            refused.append(Finding(error.code, source=label, values={"detail": error.detail}))
            continue
        bundle.label = label
        read.append(bundle)
    return read, refused


class StudyError(ValueError):
    """The first bytes of a study id that fit no study of the bundles, or several."""


def _named(read: Sequence[Bundle], prefix: bytes) -> bytes:
    """Return the one study whose id begins so."""
    found = sorted({name for bundle in read for name in bundle.plans if name.startswith(prefix)})
    if len(found) != 1:
        listed = ", ".join(name.hex()[:16] for name in found) or "no study at hand"
        raise StudyError(f"{prefix.hex()} begins the id of {listed}; expected just one")
    return found[0]


def _agreed(context: Context, read: Sequence[Bundle]) -> frozenset[int]:
    """Return the messages that stand at their own place in their sender's log, and as received in another.

    The sender's log counts only if it is sound: then its region has signed the root over the message and its
    signature. A log that anybody can have written would let a false message accuse the one whose name is on it.
    """
    own: set[int] = set()
    heard: set[int] = set()
    for bundle in read:
        for (region, epoch), raw in bundle.logs.items():
            log = CheckedLog(bundle, region, epoch, f"{context.network}/{region}/{epoch}", raw, raw.tree)
            for _ in judge_checkpoint(log, context):
                pass
            for seq, index, received in raw.messages():
                statement = context.statements.all[index]
                if received:
                    heard.add(index)
                elif log.is_sound and statement.size == seq and statement.log == log.origin:
                    own.add(index)
    return frozenset(own & heard)


def _contexts_of(under: Sequence[Context], bundle: Bundle, key: tuple[str, int]) -> list[Context]:
    """Return the contexts that a log is checked under: where its first entry names the roster's keys, else all."""
    able = [context for context in under if key[0] in context.keys]
    named = genesis_keys(bundle.logs[key])
    return [c for c in able if named and (c.network, c.keys[key[0]]) == named] or able


def _alone(signatures: Signatures, statements: Statements, bundle: Bundle, key: tuple[str, int]) -> Context:
    """Return the context of a log that no roster covers: the keys its own first entry names."""
    named = genesis_keys(bundle.logs[key])
    if named is None:
        return Context(signatures, statements, network="?")
    network, keys = named
    return Context(signatures, statements, network=network, keys={key[0]: keys})


def _audit(
    context: Context,
    mine: Sequence[tuple[Bundle, tuple[str, int]]],
    held: Held,
    outcome: _Outcome,
    as_of: int | None = None,
) -> None:
    logs: list[CheckedLog] = []
    for bundle, (region, epoch) in mine:
        log, findings = LogCheck(context, bundle, region, epoch, held.payloads).run()
        logs.append(log)
        outcome.findings += findings
        outcome.logs.setdefault((bundle.label, region, epoch), log)
        _note(log, outcome)
    bundles = list({bundle.label: bundle for bundle, _ in mine}.values())
    lines, shown, false = gather_lines(context, bundles)
    seen, invented = outside_heads(context, outcome.outside)
    outcome.seen |= {head.mirror for head in seen}
    crossing = cross(context, logs, bundles, as_of, [*shown, *seen])
    far, uncovered = protection(context, logs, bundles, lines)
    outcome.protected += far
    outcome.findings += [*false, *invented, *crossing.findings, *uncovered]
    for region, match in crossing.matches.items():
        total = outcome.matches.setdefault(region, Match())
        total.held += match.held
        total.matched += match.matched
    openings = gathered(bundles, outcome.inside)
    for study in sorted(context.studies):
        for log in logs:
            outcome.findings += times(context, log, study)
        check = StudyCheck(context, study, logs, held.payloads, as_of, openings, outcome.signed, outcome.inside.payload)
        outcome.findings += check.run()
        outcome.records[study] = check.record
    outcome.findings += revoked(context, logs)
    outcome.rotations |= {name: [each.body for each in sets if each.body] for name, sets in context.later.items()}
    absent = set(context.regions) - {log.region for log in logs}
    outcome.absent |= absent
    outcome.findings += [Finding("LS-LOG-ABSENT", subject=name, roster=context.roster_hash) for name in absent]
    for study in sorted(context.studies):
        if context.plans[study].masking["mode"] == "off":
            source = next((bundle.label for bundle, _ in mine if study in bundle.plans), None)
            outcome.findings.append(Finding("LS-LAB", source=source, study=study))
    outcome.unchecked |= context.unchecked


def _note(log: CheckedLog, outcome: _Outcome) -> None:
    """Judge ``manifest.note``: it is signed by the log of the newest epoch in the bundle."""
    label, fault = log.bundle.label, log.unsigned
    if log.epoch != max(epoch for _, epoch in log.bundle.logs):
        return
    outcome.signed[label] = outcome.signed.get(label, True) and fault is None
    if fault is not None:
        outcome.findings.append(Finding("LS-BUNDLE-SIG", source=label, values={"detail": fault}))


def _labelled(outcome: _Outcome) -> list[Finding]:
    """Say with each defect whether its bundle is signed, and show with each accusation which keys followed."""
    labelled = []
    for finding in outcome.findings:
        if finding.source in outcome.signed:
            finding = replace(finding, source_signed=outcome.signed[finding.source])
        if finding.subject in outcome.rotations and finding.evidence:
            pieces = [rotation_piece(body) for body in outcome.rotations[finding.subject]]
            finding = replace(finding, evidence=[*finding.evidence, *pieces])
        labelled.append(finding)
    return labelled


def _studies(under: Sequence[Context], asked: bytes | None, records: Mapping[bytes, StudyRecord]) -> list[StudyRow]:
    rows = []
    for context in under:
        for study in sorted(context.studies):
            plan = context.plans[study]
            accepted = sorted(context.accepts.get(study, set()) & set(plan.regions))
            rows.append(
                StudyRow(
                    study=study,
                    roster=plan.roster,
                    regions=plan.regions,
                    rounds=plan.rounds,
                    masking=str(plan.masking["mode"]),
                    lab=plan.lab,
                    accepted=tuple(accepted),
                    confirmed=study == asked,
                    dp=plan.dp is not None,
                    epsilon_max_u=int(plan.dp["eps_max_u"]) if plan.dp is not None else None,
                    task=str(plan.task["name"]),
                    begun=study in records and records[study].begun,
                    payload_rounds=int(plan.retention["payload_rounds"]),
                    sample_bp=int(plan.retention["sample_bp"]),
                )
            )
    return sorted(rows, key=lambda row: row.study)
