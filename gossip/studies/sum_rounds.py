"""The sum rounds of a study at one region: stage after stage, as receiver and as member.

Rules kept here, and nowhere else:
  * a stage goes on only with the very integers that were announced: gone from disk, the sums are over;
  * a stage is answered for as long as training has not begun, since somebody may still be in it;
  * as a receiver, a region is announced to only in attempts that it has asked for.

What happens inside a stage: ``sums``.
"""

from __future__ import annotations

from gossip.exchange.weighting import COUNT, keep_count
from gossip.sessions.sender import Sender
from gossip.step import Step
from gossip.studies import pace
from gossip.studies.context import Opened, StudyContext
from gossip.studies.past import Past
from gossip.studies.sums import Answers, SumStage, opened_total, own_integers


def only_here(own: Opened, total: Opened) -> list[str]:
    """Return the columns with a number that only this region adds to: parameters of their own would give it away."""
    found, at = [], 0
    for name, width in own.columns:
        mine, all_of_them = own.total[at : at + width], total.total[at : at + width]
        if ((mine > 0) & (mine == all_of_them)).any():
            found.append(name)
        at += width
    return found


class SumRounds:
    """All stages of one study.

    Attributes:
        stage: The stage at hand.
        over: (reason, words) when sums can never be opened here any more.
    """

    def __init__(self, context: StudyContext, sender: Sender, past: Past) -> None:
        self.stage: SumStage | None = None
        self.over: tuple[str, str | None] | None = None
        self._context = context
        self._past = past
        self._answers = Answers(context, sender)
        self._own: dict[int, Opened] = {}
        self._attempts: dict[int, int] = {}

    def restore(self) -> bool:
        """Read back what earlier runs opened and announced; False if an opened total is gone."""
        context, past = self._context, self._past
        for (number, receiver), (attempt, _) in past.adverts.items():
            self._answers.restore(number, receiver, attempt)
        for number in range(context.plan.sum_rounds):
            own = context.stored_stage(own_integers(context, number))
            if own is not None:
                self._own[number] = own
            if number <= past.last:
                total = context.stored_stage(opened_total(context, number))
                if total is None:
                    return False
                context.opened.append(total)
        return True

    def begin(self, step: Step, number: int) -> None:
        """Open a stage; ``over`` is set if it cannot be."""
        own = self._own.get(number)
        if own is None and any(stage == number for stage, _ in self._past.adverts):
            # Other integers than those announced would make two attempts open two sums, and so their difference.
            self.over = "data", f"the integers of stage {number} that this region announced are gone from its disk"
            return
        self.stage = SumStage(self._context, number, step.now_ms, self._past.next_attempt(number))
        self._attempts[number] = self.stage.attempt
        self.stage.open(step, own)

    def progress(self, step: Step) -> bool:
        """Do what can be done by now; True when the stage at hand is open, ``over`` is set when it never will be."""
        stage = self.stage
        if stage is None:
            return False
        if stage.vector is not None and stage.number not in self._own:
            self._own[stage.number] = stage.own
            keep_count(self._context, step, stage.stage, stage.vector)
        stage.progress(step)
        self._attempts[stage.number] = stage.attempt
        if stage.opened is not None:
            for column in only_here(self._own[stage.number], stage.opened) if stage.stage == COUNT else ():
                self._context.warn(
                    f"no other region has what this one counts in column {column}:"
                    " what is learned from it alone shows in the sums of its neighbours"
                )
            self.stage = None
            return True
        self.over = ("attempts", None) if stage.has_failed else pace.cannot_open(self._context, step.now_ms)
        return False

    def answer(self, step: Step, round: int) -> None:
        """As a member: answer the attempts of every stage up to this round that somebody may still be in."""
        for number, own in self._own.items():
            if number <= round:
                self._answers.answer(step, number, own.total)

    def asked(self, number: int) -> int:
        """The highest attempt of a stage that this region, as its receiver, has asked for."""
        return self._attempts.get(number, self._past.next_attempt(number))

    def keeps(self, number: int) -> bool:
        """Whether this region's integers of a stage may still be asked for."""
        return number in self._own

    def leave(self, step: Step) -> None:
        """Nobody may ask any more: the region's own integers go."""
        for number in self._own:
            step.blob(own_integers(self._context, number), None)
        self._own.clear()
        self.stage = None
