"""What differential privacy costs a study at one region, and the noise that was paid for.

Each charge is in the ledger before a random word is drawn. The key of the noise depends on the region's secret and on
all that the output depends on: another vector or other rows get other noise, for two outputs under one noise would
cancel it; the same round again gets the same, so that what a crash cut off is repeated to the byte and paid once.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from node.learning.accounting import MICRO
from node.learning.hashing import tagged_hash
from node.learning.ledger import Ledger, Line
from node.learning.privacy import DPContext, Terms


class Purse:
    """Terms, ledger and secret of one study at one region."""

    def __init__(self, terms: Terms, ledger: Path, budget_u: int | None, study: str, secret: bytes) -> None:
        self.terms = terms
        self._ledger, self._budget_u = Ledger(ledger), budget_u
        self._study, self._secret = study, secret
        self._chance = tagged_hash("dp-secret", secret).hex()

    def stage(self, stage: str, totals: Sequence[NDArray[np.int64]], stages: int, data: bytes) -> tuple[int, bytes]:
        """Pay for one stage of shared preprocessing; return its noise's sigma in millionths and key.

        Args:
            stage: Name of the stage.
            totals: What was opened before it.
            stages: How many the study has in all.
            data: Hash of the region's rows.

        Raises:
            BudgetError: It would pass a privacy budget; nothing was charged.
        """
        number, sigma_u = len(totals), self.terms.statistics_sigma_u(stages)
        base = tagged_hash("stage", stage.encode() + b"".join(total.tobytes() for total in totals)).hex()
        rates = (MICRO, sigma_u, 1, self.terms.delta_u12)
        self._ledger.charge(
            Line(self._study, number, base, data.hex(), *rates, self._chance), self.terms, self._budget_u
        )
        where = json.dumps([self._study, number, base, data.hex(), sigma_u])
        return sigma_u, tagged_hash("dp-stage", self._secret + where.encode())

    def round(self, round: int, base: bytes, steps: int, data: bytes) -> tuple[DPContext, dict[str, int | str]]:
        """Pay for one round of training; return what adds its noise, and what the log says of it.

        Args:
            round: Number of the round.
            base: Hash of the vector that it starts from.
            steps: Local steps.
            data: Hash of the region's rows.

        Raises:
            BudgetError: It would pass a privacy budget; nothing was charged.
        """
        terms = self.terms
        rates = (terms.q_u, terms.sigma_u, steps, terms.delta_u12)
        line = Line(self._study, round, base.hex(), data.hex(), *rates, self._chance)
        facts = self._ledger.charge(line, terms, self._budget_u)
        where = json.dumps([self._study, round, base.hex(), data.hex(), terms.q_u, terms.sigma_u, steps])
        return DPContext(terms, tagged_hash("dp-round", self._secret + where.encode())), facts
