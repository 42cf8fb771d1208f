"""What is computed again of one study (levels L4 and L5): its sums, and its rounds that were opened."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from node.audit.checks.logs import CheckedLog
from node.audit.leaves import Told
from node.audit.openings import Opened, Place, open_commitment
from node.audit.openings_rounds import RoundReplay, add_up, whole_mixes
from node.audit.replay_sums import Heard, SumReplay, unmaskable
from node.audit.statements import Statement

if TYPE_CHECKING:
    from node.audit.checks.study import StudyCheck


class Again:
    """Computes again, log by log, and then between them.

    Args:
        openings: Of all regions, as handed over.
        signed: Label of a bundle to whether its region has signed it.
        inside: Gives payloads out of the vault of the region that the audit runs in.

    Attributes:
        inits: By its hash, the study's initial model, once a log has opened it.
        totals: By session, sum, number of regions and initial model of a whole-network round.
        said_of: Defects that were told, by code and bundle.
    """

    def __init__(
        self,
        check: StudyCheck,
        openings: Mapping[Place, Sequence[Opened]],
        signed: Mapping[str, bool],
        inside: Callable[[bytes], bytes | None],
    ) -> None:
        self.openings = openings
        self.signed = signed
        self.inits: dict[bytes, bytes] = {}
        self.totals: dict[bytes, tuple[bytes, int, bytes]] = {}
        self.said_of: set[tuple[str, str | None]] = set()
        self._check = check
        self._inside = inside
        self._logs: list[tuple[CheckedLog, Sequence[Told], SumReplay]] = []

    def payload(self, sha256: bytes | None) -> bytes | None:
        """Return a payload by its SHA-256; None if it is not at hand."""
        if sha256 is None:
            return None
        return self._check.payloads.get(sha256) or self._inside(sha256)

    def log(self, log: CheckedLog, told: Sequence[Told], values: Sequence[Statement]) -> SumReplay:
        """Return what judges the sums of one sound log.

        Args:
            values: What the log holds of values, sent and received.
        """
        sums = SumReplay(self._check, log, told, Heard(values))
        self._logs.append((log, told, sums))
        return sums

    def finish(self, statements: Sequence[Statement]) -> None:
        """Say what is left to say once every sum of every log was looked at."""
        check, values = self._check, dict[tuple[str, int], bytes]()
        for log, told, _ in self._logs:
            for start in told:
                if start.kind == "study.start":
                    init = open_commitment(check, log, start, "init", check.plan.init)
                    self.inits |= {check.plan.init: init} if init is not None else {}
        for log, told, sums in self._logs:
            sums.finish()
            rounds = RoundReplay(check, log, told, sums)
            rounds.run()
            values |= {(log.region, round): value for round, value in rounds.values.items()}
        whole_mixes(check, [(log, told) for log, told, _ in self._logs])
        every = [sums for _, _, sums in self._logs]
        check.findings += add_up(check, every, values, self.inits.get(check.plan.init))
        check.findings += unmaskable(check, [log for log, _, _ in self._logs], statements)
