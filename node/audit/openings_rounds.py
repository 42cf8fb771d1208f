"""Rounds that were opened, computed again (level L5): from what a region trained to the model that it came to.

Of a round that the beacon drew a region opens the model it began from (``base``), what its local update made of it
(``delta``), what it mixed (``own``) and the study's initial model (``init``). Then, without asking anybody:

    the length of the update is that of ``norm_bucket``
    where regions weigh alike, what was mixed is what was trained
    X = the integers of ``own``, its sum with what was received, and the mix give the model of ``round.mix``, to the bit
    where every value of a sum is opened, they add up to it: what travelled under masks is what was committed to

Not computed: mixes of ``exchange = diff`` (they rest on all rounds before), of the ``clear`` rules, and where steps go
by names of parameters, which the log does not hold.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from node.audit.checks.logs import CheckedLog
from node.audit.evidence import payload_piece, plan_piece
from node.audit.findings import Finding, Severity
from node.audit.leaves import Told
from node.audit.openings import Opened, blame, open_commitment
from node.audit.replay import adopted_hash, integers, length, mixed_hash, total
from node.audit.replay_sums import Inputs, SumReplay
from protocol.beacon import is_drawn

if TYPE_CHECKING:
    from node.audit.checks.study import StudyCheck

_NEAR = 1e-4  # a norm this near to the edge of a bucket may be in either: workers compute in float32


class RoundReplay:
    """The opened rounds of one sound log.

    Attributes:
        values: By round, the value that this region sent: opened, and as committed to.
    """

    def __init__(self, check: StudyCheck, log: CheckedLog, told: Sequence[Told], sums: SumReplay) -> None:
        self._check = check
        self._log = log
        self._told = told
        self._sums = sums
        self._region = log.region
        self.values: dict[int, bytes] = {}

    def run(self) -> None:
        """Open what there is of every round, and count what had to be opened."""
        check, plan = self._check, self._check.plan
        trained: dict[int, Told] = {}
        mixed: dict[int, Told] = {}
        roots: dict[int, dict[str, bytes]] = {}
        sample = int(plan.retention["sample_bp"])
        check.record.mixes += sum(told.kind == "round.mix" for told in self._told)
        if not sample and not check.again.openings:
            return  # bodies are decoded when they are asked for
        for told in self._told:
            if told.kind == "round.train" and told.body["delta"] is not None:
                trained[told.body["round"]] = told
            elif told.kind == "round.mix":
                mixed[told.body["round"]] = told
            elif told.kind == "round.heads":
                rows = [row for row in told.body["seen"] if row["how"] == "verified"]
                roots[told.body["round"]] = {row["origin"]: row["root"] for row in rows}
            elif told.kind == "round.eval":
                self._evaluated(told)
        deltas = {round: self._trained(told) for round, told in trained.items()}
        for round in sorted(trained.keys() | mixed.keys()):
            delta = deltas.get(round)
            is_open = delta is not None
            if round in mixed:
                is_open = self._mixed(mixed[round], delta) and is_open
            if round in trained and is_drawn(plan.study, round, self._region, roots.get(round, {}), sample):
                check.record.drawn += 1
                check.record.opened += is_open

    def _held(self, told: Told, name: str) -> Sequence[Opened]:
        return self._check.again.openings.get((self._region, self._log.epoch, told.seq, name), ())

    def _evaluated(self, told: Told) -> None:
        for name in ("set", "metrics"):
            open_commitment(self._check, self._log, told, name, told.body[name])

    # ------------------------------------------------------------ what was trained

    def _trained(self, told: Told) -> bytes | None:
        check, size = self._check, 4 * self._check.plan.dim
        delta = open_commitment(check, self._log, told, "delta", told.body["delta"], size)
        base = open_commitment(check, self._log, told, "base", told.body["base"], size)
        if delta is None or base is None:
            return delta
        norm, stated = length(base, delta), told.body["norm_bucket"]
        if norm is not None and not _fits(norm, stated):
            detail = f"round {told.body['round']}: the update is of another length than its norm_bucket, {stated}"
            blame(check, self._log, told, detail, self._held(told, "delta"))
        return delta

    # ------------------------------------------------------------ what was made of it

    @property
    def _can_mix(self) -> bool:
        plan = self._check.plan
        by_names = any(prefix for _, prefix, _ in plan.step_log2)
        return plan.exchange == "full" and not plan.is_clear and not by_names

    def _mixed(self, told: Told, delta: bytes | None) -> bool:
        """Compute one mix again; return whether what the region mixed is opened."""
        check, plan, round = self._check, self._check.plan, told.body["round"]
        if told.body["own"] is None:
            return False
        own = open_commitment(check, self._log, told, "own", told.body["own"], 4 * plan.dim)
        if own is None:
            return False
        self.values[round] = own
        if delta is not None and delta != own and plan.weighting == "region":
            detail = f"round {round}: what was mixed is not what was trained"
            blame(check, self._log, told, detail, self._held(told, "own"))
        init = check.again.inits.get(plan.init)
        if init is None or not self._can_mix:
            return True
        inputs = [self._sums.inputs.get(used["session"]) for used in told.body["in"]]
        known = [one for one in inputs if one is not None]
        if len(known) < len(inputs):
            return True
        if known[0].whole:
            self._whole(told, known[0], own, init)
            return True
        sums = [(found, one.names) for one in known if (found := one.total()) is not None]
        at = plan.fallen_back() if plan.aggregation == "network" else plan
        self._judge(told, mixed_hash(at, self._region, round, own, init, sums))
        return True

    def _whole(self, told: Told, inputs: Inputs, own: bytes, init: bytes) -> None:
        """The root of a whole-network round: its sum holds its own integers, and is everybody's model."""
        check, plan, round = self._check, self._check.plan, told.body["round"]
        code, below = integers(plan, round, own, init), inputs.total()
        session = told.body["in"][0]["session"]
        entry = next(e for e in self._told if e.kind == "session.sum" and e.body["session"] == session)
        if code is None or below is None:
            self._sums.differs(entry, inputs)
            return
        everything = total([below, code], [1, 1], inputs.ring)
        if everything is None or _sha(everything) != entry.body["sum"]:
            self._sums.differs(entry, inputs)
            return
        check.record.recomputed += 1
        check.again.totals[session] = everything, len(inputs.names) + 1, init

    def _judge(self, told: Told, found: bytes | None) -> None:
        if found == told.body["model"]:
            self._check.record.remixed += 1
            return
        detail = f"round {told.body['round']}: the mix of what was opened and what was received is another model"
        blame(self._check, self._log, told, detail, self._held(told, "own"), "LS-RECOMPUTE-MIX")


def _sha(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _fits(norm: float, bucket: int) -> bool:
    """Whether a length is one of a bucket, floor(2 log2 norm) between -40 and 40."""
    if not math.isfinite(norm):
        return bucket == 40
    if norm == 0:
        return bucket == -40
    low, high = (math.floor(2 * math.log2(norm * (1 + sign * _NEAR))) for sign in (-1, 1))
    return max(-40, min(40, low)) <= bucket <= max(-40, min(40, high))


# ---------------------------------------------------------------- between regions


def whole_mixes(check: StudyCheck, logs: Sequence[tuple[CheckedLog, Sequence[Told]]]) -> None:
    """Every region's model of a whole-network round whose sum was computed again."""
    for log, told in logs if check.again.totals else ():
        for entry in told:
            if entry.kind != "round.mix":
                continue
            found = check.again.totals.get(entry.body["in"][0]["session"])
            if found is None:
                continue
            data, count, init = found
            if adopted_hash(check.plan, entry.body["round"], init, data, count) == entry.body["model"]:
                check.record.remixed += 1
                continue
            detail = f"round {entry.body['round']}: the mean of all is another model"
            pieces = [log.note, log.proof(entry.seq), payload_piece(_sha(data)), plan_piece(check.plan)]
            check.accuse("LS-RECOMPUTE-MIX", log.region, detail, entry.seq, pieces, None, entry.body["round"])


def add_up(
    check: StudyCheck, sums: Sequence[SumReplay], values: Mapping[tuple[str, int], bytes], init: bytes | None
) -> list[Finding]:
    """Return where all the values of a sum are opened and do not give it: somebody sent another than it opened.

    Who cannot be told: nobody is named.
    """
    plan, findings = check.plan, list[Finding]()
    if init is None or plan.exchange != "full" or any(prefix for _, prefix, _ in plan.step_log2):
        return []
    for one in sums:
        for inputs in one.inputs.values():
            opened = [values.get((name, inputs.round)) for name in inputs.names]
            if None in opened or inputs.whole:
                continue
            codes = [integers(plan, inputs.round, value, init) for value in opened if value is not None]
            known = [code for code in codes if code is not None]
            weights = inputs.weights
            if len(known) == len(codes) and total(known, weights, inputs.ring) == inputs.total():
                check.record.matched += 1
                continue
            names = ", ".join(inputs.names)
            detail = f"round {inputs.round}: what {names} opened does not add up to the sum of what they sent"
            findings.append(
                Finding(
                    "LS-OPENING", study=check.study, round=inputs.round, values={"detail": detail},
                    roster=check.roster_hash, grave=Severity.MAJOR,
                )
            )  # fmt: skip
    return findings[:1]
