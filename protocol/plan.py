"""The plan of a study: what all its regions have agreed on, and what follows from it.

A plan is a map of plain values with one encoding; the SHA-256 of those bytes is the study's id, so
nothing in it can be changed under the same name. Here is what follows from it for a region and a
round. The values are in ``plan_record``, what single keys may hold in ``plan_form``, what is refused
and why in ``plan_rules`` and ``plan_version``, the file that people edit in ``plan_toml``.

Rounds 0 … P - 1 are sum rounds, P … P + rounds - 1 train. Round t >= P uses graph (t - P) mod their number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from functools import cached_property
from math import floor
from typing import Any

from protocol import codec, plan_rules, plan_toml
from protocol.blocks import chosen
from protocol.buckets import BUCKETS, cut, twin_groups
from protocol.errors import CodecError, PlanError
from protocol.fixed_point import largest
from protocol.plan_form import check_form
from protocol.plan_graphs import Neighbourhood, may_be_away, neighbourhood, neighbourhoods
from protocol.plan_numbers import CLEAR
from protocol.plan_record import PlanRecord
from protocol.plan_values import canonical, frozen
from protocol.roster import Roster
from protocol.steps import finest
from protocol.weights import METROPOLIS, Row, row

SUM_RING = 64


class Plan(PlanRecord):
    """One plan. Built by ``decode``, ``from_toml`` or ``make``, which check its form; ``check`` its rules.

    Attributes are the keys of the plan's table, see ``plan_record``. Everything derived is computed once and
    kept: asking again is a look-up.
    """

    # ---------------------------------------------------------------- forms

    @classmethod
    def make(cls, **values: Any) -> Plan:
        """Return a plan of Python values; what is left out takes its default.

        Nested tables may be partial. Floats become decimal strings, ``step_log2`` may be one number,
        ``graphs`` may be left out for the topology ``complete``.

        Raises:
            PlanError: A key is unknown or missing, or its value has another form. Rules are not checked.
        """
        return cls._of(canonical(values))

    @classmethod
    def decode(cls, data: bytes) -> Plan:
        """Return the plan of canonical bytes.

        Raises:
            PlanError: The bytes are not canonical, or not a plan. Rules are not checked.
        """
        try:
            value = codec.decode(data, max_bytes=codec.MAX_PLAN, wide_text=True)
        except CodecError as error:
            raise PlanError(
                rule="encoding", found=f"bytes that are not canonical ({error})", expected="the one encoding of a plan",
                fix="Propose it again from its plan.toml.",
            ) from error  # fmt: skip
        return cls._of(value)

    @classmethod
    def from_toml(cls, text: str) -> Plan:
        """Return the plan that a ``plan.toml`` holds; errors as ``make``."""
        return cls._of(canonical(plan_toml.parse(text)))

    @classmethod
    def _of(cls, value: Any) -> Plan:
        check_form("", value)
        plan = cls(**{key: frozen(one) for key, one in value.items()})
        if len(plan.encode()) > codec.MAX_PLAN:
            raise PlanError(
                rule="size", found=f"a plan of {len(plan.encode())} bytes", expected=f"at most {codec.MAX_PLAN}",
                fix="Use fewer graphs.",
            )  # fmt: skip
        plan_rules.check_graphs(plan)
        return plan

    def to_toml(self) -> str:
        """Return the plan as ``plan.toml``, with comments; ``from_toml`` gives the same plan back."""
        return plan_toml.write(self)

    def __repr__(self) -> str:
        return f"Plan({self.task['name']!r}, {self.n} regions, {self.topology!r}, study {self.study.hex()[:16]}…)"

    # ---------------------------------------------------------------- rounds and neighbours

    @cached_property
    def n(self) -> int:
        """N, how many regions take part."""
        return len(self.regions)

    @cached_property
    def sum_rounds(self) -> int:
        """P, how many rounds open sums before training begins."""
        return len(self.sums)

    @property
    def first_round(self) -> int:
        """The first training round, P."""
        return self.sum_rounds

    @cached_property
    def end_round(self) -> int:
        """The round that is no more: P + rounds."""
        return self.sum_rounds + self.rounds

    @cached_property
    def turn(self) -> tuple[Mapping[str, Neighbourhood], ...]:
        """Every region's neighbourhood, for each graph of a turn; in whole-network mode all others."""
        if self.aggregation == "network":
            return (self._everybody,)
        masking = self.masking
        disclose = masking["on_unmaskable"] == "disclose"
        return tuple(
            neighbourhoods(self.regions, edges, masking["colluders"], masking["min_hidden"], disclose, self.is_clear)
            for edges in self.graphs
        )

    @cached_property
    def _everybody(self) -> Mapping[str, Neighbourhood]:
        masking = self.masking
        return {
            name: neighbourhood(
                (other for other in self.regions if other != name), masking["colluders"], masking["min_hidden"], False
            )
            for name in self.regions
        }

    def neighbourhood(self, name: str, round: int) -> Neighbourhood:
        """Return who sends to a region in a round: in sum rounds all others.

        Raises:
            ValueError: The region is not in the plan, or the round is below 0.
        """
        if round < 0:
            raise ValueError(f"round {round}")
        graph = self._everybody if round < self.sum_rounds else self.turn[(round - self.sum_rounds) % len(self.turn)]
        try:
            return graph[name]
        except KeyError:
            raise ValueError(f"{name} does not take part in this study") from None

    @cached_property
    def twins(self) -> tuple[frozenset[str], ...]:
        """Regions that have the same neighbours in every graph, in groups of two or more."""
        return twin_groups([{name: around.names for name, around in graph.items()} for graph in self.turn])

    @cached_property
    def _parts(self) -> tuple[Mapping[str, tuple[Neighbourhood, ...]], ...]:
        masking = self.masking
        if self.robustness != BUCKETS:
            return tuple({name: (around,) for name, around in graph.items()} for graph in self.turn)
        groups = self.twins if masking["survivors"] == "group_atomic" else ()
        return tuple(
            {
                name: tuple(
                    neighbourhood(part, masking["colluders"], masking["min_hidden"], False)
                    for part in cut(self.study, around.names, groups)
                )
                for name, around in graph.items()
            }
            for graph in self.turn
        )

    def parts(self, name: str, round: int) -> tuple[Neighbourhood, ...]:
        """Return whose sums a region opens in a round: that of its neighbourhood, or of each of its buckets."""
        if round < self.sum_rounds:
            return (self.neighbourhood(name, round),)
        self.neighbourhood(name, round)
        return self._parts[(round - self.sum_rounds) % len(self._parts)][name]

    def part(self, name: str, round: int, bucket: int = 0) -> Neighbourhood:
        """Return who sends to one session of a region: to its bucket, or, in any attempt of a sum round, all.

        Raises:
            ValueError: As ``neighbourhood``, or it has no such bucket.
        """
        parts = self.parts(name, round)
        if round < self.sum_rounds:
            return parts[0]
        if not 0 <= bucket < len(parts):
            raise ValueError(f"bucket {bucket} of {name}, which has {len(parts)}")
        return parts[bucket]

    def bucket_of(self, receiver: str, round: int, name: str) -> int:
        """Return in which bucket of a receiver a region sends, 0 where there is one.

        Raises:
            ValueError: It does not send to that receiver in that round.
        """
        for bucket, part in enumerate(self.parts(receiver, round)):
            if name in part.names:
                return bucket
        raise ValueError(f"{name} does not send to {receiver} in round {round}")

    def neighbours(self, name: str, round: int) -> tuple[str, ...]:
        """Return the names of a region's neighbours in a round, sorted."""
        return self.neighbourhood(name, round).names

    def degree(self, name: str, round: int) -> int:
        """Return d, the number of planned neighbours."""
        return len(self.neighbourhood(name, round).names)

    def colluders(self, name: str, round: int) -> int:
        """Return c, how many of a receiver's neighbours may be in league with it."""
        return self.neighbourhood(name, round).colluders

    def needed(self, name: str, round: int, bucket: int = 0) -> int:
        """Return h + c, the fewest senders that a masked cohort needs."""
        around = self.part(name, round, bucket)
        if round < self.sum_rounds and not around.is_maskable:
            return 1  # only where the plan discloses under dp: the noise of each region is what protects it
        return around.needed

    def is_disclosed(self, name: str, round: int) -> bool:
        """Whether those who send to this receiver do so in the clear, since their sum would hide nobody."""
        return self.neighbourhood(name, round).disclosed

    @cached_property
    def may_be_away(self) -> int:
        """How many regions may be absent, whichever they are, before somebody has too few neighbours to mix.

        Under buckets: before somebody loses one, which costs the round only where fewer than three are left.
        """
        return may_be_away(self._sums_opened)[0]

    @cached_property
    def away_regions(self) -> tuple[str, ...]:
        """The regions of whom one more than ``may_be_away`` missing leaves a neighbour alone."""
        return may_be_away(self._sums_opened)[1]

    @property
    def most_senders(self) -> int:
        """The largest planned number of senders of one training session."""
        return max(part.degree for graph in self._parts for parts in graph.values() for part in parts)

    @property
    def _sums_opened(self) -> list[Mapping[str, Neighbourhood]]:
        return [{f"{n}/{b}": p for n, parts in graph.items() for b, p in enumerate(parts)} for graph in self._parts]

    @property
    def is_clear(self) -> bool:
        """Whether every value travels without masks, so that each can be judged by itself."""
        return self.robustness in CLEAR

    def disclosures(self) -> list[tuple[str, str]]:
        """Return (receiver, member) for each region whose single updates another one sees, sorted."""
        return sorted(
            {
                (receiver, member)
                for graph in self.turn
                for receiver, around in graph.items()
                if around.disclosed
                for member in around.names
            }
        )

    def sentences(self) -> list[str]:
        """Return the sentence for each disclosure that pages and reports must carry."""
        return [f"{receiver} sees every update of {member}" for receiver, member in self.disclosures()]

    def fallen_back(self) -> Plan:
        """Return the same study, id and all, as it goes on where its fallback holds: along its graphs."""
        other = replace(self, aggregation="neighbourhood")
        other.__dict__["_bytes"] = self._bytes
        return other

    # ---------------------------------------------------------------- numbers of a round

    @cached_property
    def _dens(self) -> tuple[int, ...]:
        if self.weights == METROPOLIS:
            return (self.weight_den,) * len(self.turn)
        return tuple(1 + max(around.degree for around in graph.values()) for graph in self.turn)

    @cached_property
    def _rows(self) -> tuple[Mapping[str, Row], ...]:
        rows = []
        for graph, den in zip(self.turn, self._dens, strict=True):
            degrees = {name: around.degree for name, around in graph.items()}
            rows.append({name: row(self.weights, den, degrees, name, a.names) for name, a in graph.items()})
        return tuple(rows)

    def den(self, round: int) -> int:
        """Return Q, what integer weights are divided by; 1 in sum rounds."""
        return 1 if round < self.sum_rounds else self._dens[(round - self.sum_rounds) % len(self._dens)]

    def row(self, name: str, round: int) -> Row:
        """Return the weights of a receiver's neighbours in a round; in sum rounds all are 1.

        Raises:
            ValueError: As ``neighbourhood``, or ``weight_den`` is too small for the graph.
        """
        if round < self.sum_rounds:
            return Row(dict.fromkeys(self.neighbours(name, round), 1), 1)
        self.neighbourhood(name, round)
        return self._rows[(round - self.sum_rounds) % len(self._rows)][name]

    @cached_property
    def weight_bound(self) -> int:
        """A, the largest sum of weights of one receiver's neighbours in the study."""
        if self.aggregation == "network":
            return self.n
        return max(row.bound for rows in self._rows for row in rows.values())

    def ring_at(self, round: int) -> int:
        """Return w, the bits of one masked number."""
        return SUM_RING if round < self.sum_rounds else self.ring

    def x_max(self, round: int) -> int:
        """Return the largest size of one coded number; no sum of a cohort can wrap with it."""
        return self._x_max_sum if round < self.sum_rounds else self._x_max

    @cached_property
    def _x_max(self) -> int:
        return largest(self.ring, max(1, self.weight_bound))

    @cached_property
    def _x_max_sum(self) -> int:
        return largest(SUM_RING, self.n)  # the opened total holds everybody's, the receiver's own too

    def step_log2_at(self, round: int) -> int:
        """Return k of parameters without a prefix of their own: steps of 2^-k; 0 in sum rounds, which are integers."""
        if round < self.sum_rounds:
            return 0
        return next(k for start, prefix, k in reversed(self.step_log2) if start <= round and not prefix)

    @cached_property
    def step_rounds(self) -> tuple[int, ...]:
        """Training rounds that between them show all graphs with all steps: enough to look at for a bound."""
        begins = sorted({max(start, self.sum_rounds) for start, _, _ in self.step_log2})
        return tuple(begin + turn for begin in begins for turn in range(len(self.turn)))

    def clip_threshold(self, round: int) -> int:
        """Return T = floor(clip Q 2^f): a sum may move a region by D of at most this length.

        f is the study's finest step under ``diff``, else the finest of the round. 0 without ``clip``.
        """
        if self.clip is None:
            return 0
        if self.exchange == "diff":
            fine = finest(self.step_log2)
        else:
            fine = max(k for start, _, k in self.step_log2 if start <= round)
        return floor(Fraction(self.clip) * self.den(round) * Fraction(2) ** fine)

    def payload_bytes(self, round: int, kind: str = "mix") -> int:
        """Return the length of one masked vector.

        Args:
            kind: ``mix``, or ``state``: whole, in a ring of 64 bits.

        Raises:
            ValueError: A sum round, whose length its stage says.
        """
        if round < self.sum_rounds:
            raise ValueError(f"round {round} is a sum round: its stage says how long a vector is")
        if kind == "state":
            return self.dim * SUM_RING // 8
        indices = chosen(self.study, round, self.dim, self.block_share_bp)
        return (self.dim if indices is None else indices.size) * self.ring // 8

    # ---------------------------------------------------------------- rules

    def check(self) -> None:
        """Refuse a plan that cannot be run, or not by this version.

        Raises:
            PlanError: With the rule's name, what was found and expected, and what to do.
        """
        plan_rules.check(self)

    def check_roster(self, roster: Roster) -> None:
        """Refuse a plan that was made for another roster, or names a region that is not in it."""
        plan_rules.check_roster(self, roster)
