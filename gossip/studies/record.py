"""What a study has come to at one region, as its operator is told and as its log says of earlier runs."""

from __future__ import annotations

from protocol.entries import Entry


class Record:
    """The story of one study so far.

    Attributes:
        outcome: ``done``, ``stopped`` or ``left`` once it has ended, with ``reason`` (a code) and ``words``.
        alone: Whether the last round ended without neighbours to hide behind.
        epsilon_u: Privacy spent in this study, in 1e-6; None where nothing was stated.
        history: One row for each round that ended here: round, outcome, reason, missing, with.
    """

    def __init__(self) -> None:
        self.outcome: str | None = None
        self.reason: str | None = None
        self.words: str | None = None
        self.rounds_mixed = 0
        self.alone = False
        self.epsilon_u: int | None = None
        self.history: list[dict[str, object]] = []

    def note(
        self, round: int, outcome: str, reason: object, missing: tuple[str, ...] = (), senders: tuple[str, ...] = ()
    ) -> None:
        """A round has ended."""
        self.history.append(
            {"round": round, "outcome": outcome, "reason": reason, "missing": list(missing), "with": list(senders)}
        )

    def spent(self, dp: object) -> None:
        """Take the privacy that a local round has stated."""
        if isinstance(dp, dict) and isinstance(dp.get("eps_study_u"), int):
            self.epsilon_u = dp["eps_study_u"]

    def recall(self, entry: Entry) -> None:
        """Take one of this region's own entries of an earlier run."""
        body = entry.body
        match entry.kind:
            case "round.end":
                assert isinstance(body["round"], int)
                self.note(body["round"], str(body["outcome"]), body["reason"])
            case "round.mix":
                self.rounds_mixed += 1
            case "round.train":
                self.spent(body["dp"])
            case "study.end":
                self.outcome, self.reason = str(body["outcome"]), body["reason"]  # type: ignore[assignment]
