"""``exchange = "diff"``: small integers that say how a model has moved since it was last told.

CHOCO-Gossip (Koloskova, Stich and Jaggi 2019) under masks. Region j keeps x_hat, what it has said of its model so
far; receiver i keeps s, the weighted sum of what its neighbours have said, and moves by the difference. What
rounding and clipping leave is sent later. All integers in steps of 2^-f, the study's finest; k is the step of the
round and q a whole number of steps 2^-k:

    j, once a round:  q = clip(SR((x - ref - x_hat 2^-f) 2^k), +-X_max);         x_hat += q 2^(f-k)
    j, to i:          X = clip(q + [pending / 2^(f-k)], +-X_max)                  [.] rounds towards zero
    i:                s += 2^(f-k) sum of a X;   D = s - (sum of a over M) x_hat;  x += gamma D 2^-f / Q

Rules kept here, and nowhere else:
  * after a session j does not know whether its value was counted: it keeps both outcomes, and ``since`` in the
    receiver's next COHORT decides;
  * of the members of a session either all were counted or none: a receiver that says otherwise is not answered;
  * who no longer knows what a receiver holds of it asks for a session of kind ``state``, in which everybody sends
    x_hat whole; so does a receiver that has lost s, or wants somebody back whose x_hat is not in s;
  * a sum far beyond ``clip`` is not counted, for any member.

Whatever fails and however often: s = sum over M of a (x_hat - pending), to the integer. Graph and weights are
fixed for the study. No sockets, clock or disk: state waits in files that ``diff_state`` reads and writes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from crypto.masking import expand
from gossip.exchange.diff_state import (
    Codes,
    Edge,
    Held,
    Own,
    pack_edges,
    pack_held,
    pack_own,
    plus,
    unpack_edges,
    unpack_held,
    unpack_own,
)
from gossip.exchange.mixing import move
from gossip.exchange.robust import Verdict, clip
from gossip.exchange.values import Exchange, Integers, Model
from gossip.step import Step
from protocol.blocks import chosen
from protocol.codec import hash_of
from protocol.errors import CodecError
from protocol.fixed_point import largest, stochastic
from protocol.plan import Plan
from protocol.steps import Layout, finest

Blob = Callable[[str], bytes | None]
KEPT_ROUNDS = 2  # sessions of rounds before that are closed: see ``sender``


class Diff(Exchange):
    """The difference exchange of one region in one study.

    Attributes:
        said: x_hat, int64 (dim,); None where it is lost until the next value is ready.
        edges: Receiver to what it still has to be told.
        held: What this region holds of others.
    """

    def __init__(self, plan: Plan, me: str, reference: Model, layout: Layout = ()) -> None:
        super().__init__(plan, me, reference, layout)
        neighbours = plan.neighbours(me, plan.first_round)
        self.fine = finest(plan.step_log2)
        self.said: Codes | None = np.zeros(plan.dim, np.int64)
        self.edges = {name: Edge() for name in neighbours}
        self.held = Held(np.zeros(plan.dim, np.int64), dict.fromkeys(neighbours, -1), -1)
        self._rounds: dict[int, Integers] = {}
        self._stamp = -1
        self._is_kept = True
        self._most = largest(64, max(1, plan.weight_bound))
        self._x_max = plan.x_max(plan.first_round)

    # ---------------------------------------------------------------- state files

    def _name(self, part: str) -> str:
        return f"diff/{self.plan.study.hex()}/{part}"

    def restore(self, blob: Blob, announced: int, masked: Mapping[str, int], mixed: int) -> None:
        """Read back what earlier runs have kept; what is older than the log is lost.

        Args:
            announced: Latest round that the log says was announced; -1 if none.
            masked: Receiver to the latest round in which it was sent a value.
            mixed: Latest round that was mixed; -1 if none.
        """
        dim = self.plan.dim
        try:
            held = unpack_held(blob(self._name("sum")) or b"", dim)
        except CodecError:
            held = None
        if held is not None and held.stamp >= mixed and set(held.since) <= set(self.edges):
            self.held = held
        elif mixed >= 0 or held is not None:
            self.held = Held(np.zeros(dim, np.int64), {}, -1)
        if announced < 0 and blob(self._name("own")) is None:
            return
        try:
            own, (edges, stamp) = (
                unpack_own(blob(self._name("own")) or b"", dim), unpack_edges(blob(self._name("edges")) or b"", dim)
            )  # fmt: skip
        except CodecError:
            self.said = None
            own, edges, stamp = None, {}, -1
        if own is not None and own.stamp >= announced:
            self.said, self._rounds, self._stamp = own.said, own.rounds, own.stamp
        else:
            self.said = None
        if self.said is None or own is None or own.stamp != stamp or set(edges) != set(self.edges):
            self._lose_edges()
            return
        self.edges = edges
        for name, round in masked.items():
            if name in edges and max(edges[name].open, edges[name].since) < round:
                edges[name] = Edge(unknown=True)

    def _lose_edges(self) -> None:
        self.edges = {name: Edge(unknown=True) for name in self.edges}

    def _keep(self, step: Step, *, own: bool) -> None:
        if not self._is_kept:
            return
        if own:
            assert self.said is not None
            step.blob(self._name("own"), pack_own(Own(self.said, self._stamp, self._rounds)))
        step.blob(self._name("edges"), pack_edges(self.edges, self._stamp))

    def leave(self, step: Step) -> None:
        self._is_kept = False
        for part in ("own", "edges", "sum"):
            step.blob(self._name(part), None)

    # ---------------------------------------------------------------- as a sender

    def ready(self, step: Step, round: int, value: Model) -> None:
        wanted = value.astype(np.float64) - self.reference.astype(np.float64)
        if self.said is None:
            said = self._whole(wanted)
            q: Integers = np.zeros(self.plan.dim, f"<i{self.plan.ring // 8}")
        else:
            q = self._quantised(round, wanted, self.said)
            said = self.said + self._fine(round, q)
        if max(int(said.max()), -int(said.min())) > self._most:
            raise ValueError("the model has moved farther from where the study began than its integers reach")
        self.said, self._stamp = said, round
        for edge in self.edges.values():
            for owed in [r for r in edge.owed if r < round - KEPT_ROUNDS]:
                self._add(edge, owed)
            edge.owed.append(round)
        self._rounds[round] = q
        self._forget()
        self._keep(step, own=True)

    def _whole(self, wanted: NDArray[np.float64]) -> Codes:
        """x_hat afresh, as near to the model as steps of 2^-f allow: what was said before is lost."""
        if not np.isfinite(wanted).all():
            raise ValueError("NaN or infinity in the vector; nothing may be sent")
        scaled = np.rint(wanted * 2.0**self.fine)
        return np.clip(scaled, -(2.0**62), 2.0**62).astype(np.int64)

    def _quantised(self, round: int, wanted: NDArray[np.float64], said: Codes) -> Integers:
        plan = self.plan
        words = expand(hash_of("rounding", [plan.study, round, self.me]), plan.dim, "<u2")
        q = np.zeros(plan.dim, f"<i{plan.ring // 8}")
        left = wanted - said * 2.0**-self.fine
        for part in self.parts(round):
            run = part.slice
            q[run] = stochastic(left[run] * 2.0**part.step_log2, words[run], self._x_max)
        travels = self._travels(round)
        if travels is not None:
            kept = np.zeros_like(q)
            kept[travels] = q[travels]
            return kept
        return q

    def _travels(self, round: int) -> NDArray[np.int64] | None:
        return chosen(self.plan.study, round, self.plan.dim, self.plan.block_share_bp)

    def _shift(self, round: int) -> int | Codes:
        """f - k of the round: one number, or one for each coordinate."""
        parts = self.parts(round)
        if len(parts) == 1:
            return self.fine - parts[0].step_log2
        return np.concatenate([np.full(p.stop - p.start, self.fine - p.step_log2, np.int64) for p in parts])

    def _fine(self, round: int, q: NDArray[np.signedinteger]) -> Codes:
        """Integers of the round in steps of 2^-f."""
        return np.left_shift(q.astype(np.int64), self._shift(round))

    def _add(self, edge: Edge, round: int) -> None:
        """A round without a session on this edge: what it moved is pending, however the open session ended."""
        edge.owed.remove(round)
        q = self._fine(round, self._rounds[round])
        if edge.open >= 0:
            edge.counted = plus(edge.counted, q)
        if not edge.unknown:
            edge.base = plus(edge.base, q)

    def _forget(self) -> None:
        needed = {r for edge in self.edges.values() for r in (*edge.owed, edge.open)}
        self._rounds = {r: q for r, q in self._rounds.items() if r in needed}

    def needs_state(self, receiver: str) -> bool:
        return self.edges[receiver].unknown

    def admit(
        self, round: int, receiver: str, kind: str, since: Mapping[str, int | None], is_whole: bool = True
    ) -> None:
        edge = self.edges[receiver]
        counted = {name: one for name, one in since.items() if one is not None}
        if kind not in ("mix", "state") or len(counted) < len(since) or self.me not in counted:
            raise ValueError("COHORT does not say since when it counts each member, as exchange = diff needs it")
        if round <= max([edge.open, edge.since, *edge.asked]):
            raise ValueError(f"{receiver} asks for round {round} after a later one, or twice")
        mine = counted[self.me]
        if edge.open >= 0 and len({counted[m] == edge.open for m in self._told(edge, counted)}) > 1:
            raise ValueError(f"{receiver} counts some members of its session in round {edge.open} and not others")
        if edge.open >= 0 and mine in (edge.open, edge.since):
            self._decide(edge, mine == edge.open)
        elif edge.open >= 0 or mine != edge.since:
            edge.open, edge.counted, edge.base, edge.unknown = -1, None, None, True
        if kind == "mix" and edge.unknown:
            raise ValueError(f"{receiver} holds another state of {self.me} than was sent: only a whole one helps")
        edge.asked[round] = kind
        edge.members = tuple(sorted(since)) if is_whole else ()

    def _told(self, edge: Edge, counted: Mapping[str, int]) -> list[str]:
        """Members of the open session of whom the receiver says whether that session was counted."""
        named = [name for name in edge.members if name in counted] or [self.me]
        return [name for name in named if counted[name] <= edge.open]

    def _decide(self, edge: Edge, is_counted: bool) -> None:
        if is_counted:
            edge.base, edge.since = edge.counted, edge.open
            edge.unknown = edge.unknown and edge.kind != "state"
        elif not edge.unknown:
            edge.base = plus(edge.base, self._fine(edge.open, self._rounds[edge.open]))
        edge.open, edge.counted = -1, None

    def integers(self, step: Step, round: int, receiver: str) -> Integers:
        edge = self.edges[receiver]
        kind = edge.asked.get(round)
        if kind is None or round not in edge.owed or max(edge.asked) > round:
            raise ValueError(f"nothing is asked by {receiver} in round {round}, or a later round already is")
        for owed in [r for r in edge.owed if r < round]:
            self._add(edge, owed)
        edge.owed.remove(round)
        q = self._rounds[round]
        if kind == "state":
            x, edge.counted = self._said_after(round), None
        else:
            x = self._next(edge, round, q)
        edge.open, edge.kind = round, kind
        edge.asked = {}
        self._keep(step, own=False)
        return x

    def _said_after(self, round: int) -> Integers:
        assert self.said is not None
        said = self.said.copy()
        for later, q in self._rounds.items():
            if later > round:
                said -= self._fine(later, q)
        return said.astype("<i8")

    def _next(self, edge: Edge, round: int, q: Integers) -> Integers:
        """X of a round; what it leaves pending, should it be counted, is kept."""
        travels = self._travels(round)
        if edge.base is None:
            edge.counted = None  # |q| <= X_max: all of it is told
            return q if travels is None else np.take(q, travels)
        shift = self._shift(round)
        waiting = np.sign(edge.base) * np.right_shift(np.abs(edge.base), shift)
        x = np.clip(q + waiting, -self._x_max, self._x_max)
        if travels is not None:
            told = np.zeros_like(x)
            told[travels] = x[travels]
            x = told
        edge.counted = plus(edge.base + self._fine(round, q), -np.left_shift(x, shift))
        sent: Integers = (x if travels is None else x[travels]).astype(q.dtype)
        return sent

    def survived(self, round: int, receiver: str, members: Sequence[str]) -> None:
        edge = self.edges[receiver]
        if edge.open == round:
            edge.members = tuple(sorted(members))

    # ---------------------------------------------------------------- as a receiver

    def kind_of(self, round: int, announced: Mapping[str, bool]) -> tuple[str, Mapping[str, int] | None]:
        since = {name: self.held.since.get(name, -1) for name in announced}
        is_whole = any(announced.values()) or any(name not in self.held.since for name in announced)
        self.kind, self.kind_round = "state" if is_whole else "mix", round
        return self.kind, since

    def mix(
        self, step: Step, round: int, kind: str, value: Model, total: Integers, senders: Sequence[str]
    ) -> Model | None:
        plan, row = self.plan, self.plan.row(self.me, round)
        if kind == "state":
            held, since = total.astype(np.int64), dict.fromkeys(senders, round)
        else:
            held = self.held.total + self._received(round, total)
            since = {**self.held.since, **dict.fromkeys(senders, round)}
        assert self.said is not None
        change = held - row.total(since) * self.said
        travels = self._travels(round)
        if kind == "mix" and travels is not None:
            # What did not travel has pulled already, when it last did: once more each round would overshoot.
            moving = np.zeros_like(change)
            moving[travels] = change[travels]
            change = moving
        if plan.robustness == "clip_sum":
            change, verdict = clip(change, plan.clip_threshold(round))
            if verdict is Verdict.ALARM:
                return None
        self.held = Held(held, since, round)
        step.blob(self._name("sum"), pack_held(self.held))
        return move(value, change, self.fine, row.den, plan.gamma_u)

    def _received(self, round: int, total: Integers) -> Codes:
        travels = self._travels(round)
        if travels is None:
            return self._fine(round, total)
        whole = np.zeros(self.plan.dim, np.int64)
        whole[travels] = total
        return self._fine(round, whole)
