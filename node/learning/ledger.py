"""The ledger of all that differential privacy has spent at a region, over all its studies.

Rules kept here, and nowhere else:
  * a round is in the ledger, on disk, before it trains: a crash can only overstate epsilon;
  * a round that would pass the budget of its study or of the region does not run;
  * lines are added, and none ever goes: a ledger that was cut or put back while it is open pays for nothing.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from node.learning.accounting import MICRO, Spent, epsilon, micro_up
from node.learning.errors import BudgetError, ConfigError
from node.learning.files import file_bytes, sync_folder
from node.learning.privacy import Terms


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the ledger: a round that was paid for.

    Attributes:
        base, data: Hashes of the vector it started from and of the rows.
        chance: Hash of the secret its noise came from: under a new secret the round is another release.
    """

    study: str
    round: int
    base: str
    data: str
    q_u: int
    sigma_u: int
    steps: int
    delta_u12: int
    chance: str = ""

    @property
    def spent(self) -> Spent:
        """Its steps."""
        return Spent(self.q_u, self.sigma_u, self.steps)


class Ledger:
    """All rounds that a region has paid for, over all its studies: one JSON line each.

    All lines count as spent on the same rows, for data sets of one region may overlap.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: list[Line] = []
        self._bytes = 0
        if path.exists():
            self._load()

    def _load(self) -> None:
        data = file_bytes(self.path, "the privacy ledger")
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) < len(data):  # a crash cut the last line: it was not synced, so its round never trained
            with self.path.open("r+b") as file:
                file.truncate(len(whole))
                os.fsync(file.fileno())
        self.lines, self._bytes = _read(whole, self.path), len(whole)

    def _catch_up(self) -> None:
        """Take in what else of this home has written since: another study, or the node for rounds that it has lost.

        Raises:
            ConfigError: A line that was read or written is not there any more.
        """
        found = self.path.stat().st_size if self.path.exists() else 0
        if found == self._bytes:
            return
        before = self.lines
        if found > self._bytes:
            self._load()
        if found < self._bytes or self.lines[: len(before)] != before:
            self.lines = before
            raise ConfigError(
                f"the privacy ledger {self.path} was cut or put back while it was open",
                f"the {len(before)} lines that were in it, and more",
                "Stop the node, and restore ledger.jsonl from a backup that is as new as the log.",
            )

    def add(self, line: Line) -> None:
        """Append a line and have it on disk when this returns."""
        new = not self.path.exists()
        with open(self.path, "ab", buffering=0, opener=_private) as file:
            before = file.tell()
            try:
                data = json.dumps(asdict(line), sort_keys=True).encode() + b"\n"
                if file.write(data) != len(data):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(file.fileno())
            except OSError as error:
                file.truncate(before)  # half a line would spoil the next one
                raise ConfigError(
                    f"{self.path} cannot be written ({error.strerror})", "a writable file with room", "Make room."
                ) from error
        if new:
            sync_folder(self.path.parent)
        self.lines.append(line)
        self._bytes = before + len(data)

    def charge(self, line: Line, terms: Terms, budget_u: int | None = None) -> dict[str, int | str]:
        """Pay for a round before it trains; return the facts for the log.

        The same round from the same vector on the same rows gives the same bytes, since its chance
        is the same: it is paid for once.

        Args:
            budget_u: The region's own limit over all studies, in 1e-6, at the least delta of them; None for none.

        Raises:
            BudgetError: The round would pass the study's or the region's budget; nothing is paid.
            ConfigError: The ledger was cut or put back, or cannot be written; nothing is paid.
        """
        self._catch_up()
        paid = line in self.lines
        lines = self.lines if paid else [*self.lines, line]
        of_study = [other.spent for other in lines if other.study == line.study]
        in_round = epsilon([line.spent], terms.delta)
        in_study = epsilon(of_study, terms.delta)
        in_data = in_study if len(of_study) == len(lines) else epsilon([other.spent for other in lines], terms.delta)
        in_budget = in_data
        if budget_u is not None:
            in_budget = epsilon([other.spent for other in lines], least_delta(lines))
        for what, value, limit_u in (("study", in_study, terms.eps_max_u), ("region", in_budget, budget_u)):
            if limit_u is not None and micro_up(value) > limit_u:
                raise BudgetError(
                    f"round {line.round} would bring epsilon to {value:.4f}",
                    f"at most {limit_u / MICRO:g}, the budget of the {what}",
                    "Propose a study with a smaller epsilon, or agree on a larger budget.",
                )
        if not paid:
            self.add(line)
        return {
            "q_u": line.q_u,
            "sigma_u": line.sigma_u,
            "steps": line.steps,
            "clip_u": terms.clip_u,
            "delta_u12": terms.delta_u12,
            "accountant": "rdp",
            "eps_round_u": micro_up(in_round),
            "eps_study_u": micro_up(in_study),
            "eps_data_u": micro_up(in_data),
        }


def ledger_lines(path: Path) -> list[Line]:
    """Return the whole lines of a ledger that somebody else may be writing; none where there is no file.

    Raises:
        ConfigError: It cannot be read, or a line is damaged.
    """
    if not path.exists():
        return []
    data = file_bytes(path, "the privacy ledger")
    return _read(data[: data.rfind(b"\n") + 1], path)


def _read(data: bytes, path: Path) -> list[Line]:
    lines = []
    for number, raw in enumerate(data.splitlines(), start=1):
        try:
            lines.append(_line(json.loads(raw)))
        except (ValueError, TypeError) as error:
            raise ConfigError(
                f"line {number} of the privacy ledger {path} is damaged",
                "what was written",
                "Restore it from a backup.",
            ) from error
    return lines


def _line(value: Mapping[str, object]) -> Line:
    """Return a line as it was written: whole numbers that spend, and none that gives back.

    Raises:
        TypeError, ValueError: It is none.
    """
    line = Line(**value)  # type: ignore[arg-type] # looked at next
    numbers = (line.round, line.q_u, line.sigma_u, line.steps, line.delta_u12)
    if not all(type(one) is int and one >= 0 for one in numbers) or not isinstance(line.study, str):
        raise ValueError
    return line


def least_delta(lines: Iterable[Line], *others: int) -> float:
    """Return the delta at which a region's budget counts: the least that any of its studies promised.

    At a larger one all that was spent before would look smaller.

    Args:
        others: Deltas beside those of the lines, in 1e-12.
    """
    return min([*(line.delta_u12 for line in lines), *others]) / MICRO**2


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
