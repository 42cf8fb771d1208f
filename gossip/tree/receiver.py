"""This region as root of a whole-network round: it opens the sum that the tree has added up.

The two machines of ``receiver`` and ``receiver_recoverable``, but for one thing: of most members the root hears the
signed header of the MASKED alone; their vectors come added up, in the PARTIALs of its children. A PARTIAL counts if
every MASKED that it lists is the one that its sender signed to the root; else those below that child are lost.
T_mask and all that follows come 2 s later for each level of the tree.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from gossip.events import Buffer
from gossip.sessions.receiver import StrictReceiver
from gossip.sessions.receiver_recoverable import SurvivingReceiver
from gossip.sessions.recoverable_receiver import RecoverableReceiver
from gossip.sessions.session import ReceiverState, Statement
from gossip.step import Step
from gossip.tree.node import fits, names_in, receipt_of
from gossip.tree.shape import STEP_MS, Tree, tree_of
from protocol.envelope import Envelope
from protocol.errors import CodecError


def is_direct(tree: Tree, name: str) -> bool:
    """Whether a member sends its own vector to the root: a child with nobody below it."""
    return tree.parent(name) == tree.root and not tree.is_inner(name)


class TreeMachine(RecoverableReceiver):
    """The receiver's machine with vectors that come added up; ``study`` is set before ``route``."""

    study: bytes = b""
    tree: Tree | None = None

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._heads: dict[str, Envelope] = {}
        self._vectors: dict[str, tuple[dict[str, bytes], Buffer]] = {}
        self._owed: dict[str, Statement] = {}

    def route(self) -> Statement | None:
        statement = super().route()
        if statement is not None:
            self.tree = tree_of(self.study, self.round, self._me, self.routed)
        return statement

    def awaits(self, envelope: Envelope) -> bool:
        fields = envelope.fields
        if fields.type not in ("MASKED", "PARTIAL"):
            return super().awaits(envelope)
        if self.state is not ReceiverState.ROUTED or (fields.session, fields.round) != (self.sid, self.round):
            return False
        tree, name, view = self.tree, fields.sender, self._said.get("ROUTED", b"")
        if tree is None or name not in tree or name == tree.root or name in self._complained:
            return False
        if fields.type == "MASKED":
            return name not in self._heads and fields.body["view"] == view and fields.body["self_commit"] != b""
        return tree.parent(name) == tree.root and name not in self._vectors and fits(tree, envelope, view)

    def is_bare(self, envelope: Envelope) -> bool:
        """Whether the payload of this MASKED goes elsewhere."""
        return (
            self.tree is not None
            and envelope.fields.sender in self.tree.order[1:]
            and not is_direct(self.tree, envelope.fields.sender)
        )

    def hear(self, envelope: Envelope, payload: Buffer) -> Statement | None:
        """Take a MASKED, with its vector where it is a direct one, or a PARTIAL; returns the RECEIPT of a child.

        A child has it once all that its PARTIAL lists are here by their own headers: who was given one cannot be
        lost any more.

        Raises:
            CodecError: A payload of another length.
        """
        self._expect(envelope)
        name, is_masked = envelope.fields.sender, envelope.fields.type == "MASKED"
        if not is_masked or not self.is_bare(envelope):
            if len(payload) != self._words * self._dtype.itemsize:
                raise CodecError(f"a payload of {len(payload)} bytes; expected {self._words * self._dtype.itemsize}")
            self._vectors[name] = (names_in(envelope), payload)
            statement = receipt_of(envelope)
            if statement is not None:
                self._owed[name] = statement
        if is_masked:
            self._heads[name] = envelope
        due = next((child for child in self._owed if self._counts(self._vectors[child][0])), None)
        return self._owed.pop(due) if due is not None else None

    def _counts(self, names: Mapping[str, bytes]) -> bool:
        """Whether a child's vector is of what its members have signed to the root."""
        return all(name in self._heads and self._heads[name].eid == digest for name, digest in names.items())

    @property
    def missing(self) -> tuple[str, ...]:
        if self.state is not ReceiverState.ROUTED:
            return super().missing
        there = {name for names, _ in self._vectors.values() for name in names} & self._heads.keys()
        return tuple(name for name in self.routed if name not in there and name not in self._complained)

    def survive(self) -> Statement | None:
        total = np.zeros(self._words, dtype=self._dtype)
        for names, payload in self._vectors.values():
            if self._counts(names):
                total += np.frombuffer(payload, dtype=self._dtype)
                self._masked |= {name: self._heads[name] for name in names}
        self._vectors = {}
        self._sums = {frozenset(): total}
        return super().survive()


class TreeRoot(SurvivingReceiver):
    """The root of a round whose sum survives losses."""

    MACHINE: ClassVar[type[RecoverableReceiver]] = TreeMachine

    @property
    def _machine(self) -> TreeMachine | None:
        return self._session if isinstance(self._session, TreeMachine) else None

    @property
    def tree(self) -> Tree | None:
        """Who stands where; None before the members are known."""
        return self._machine.tree if self._machine is not None else None

    def _name(self, step: Step) -> None:
        super()._name(step)
        if self._machine is not None:
            self._machine.study = self._context.study

    def after(self, percent: int, more_ms: int = 0) -> int:
        levels = self.tree.height if self.tree is not None and percent >= self.MASK_PERCENT else 0
        return super().after(percent, more_ms + STEP_MS * levels)

    def is_bare(self, envelope: Envelope) -> bool:
        """Whether the payload of this MASKED goes elsewhere."""
        return self._machine is not None and self._machine.is_bare(envelope)

    def take(self, step: Step, envelope: Envelope, payload: Buffer) -> None:
        if envelope.fields.type not in ("MASKED", "PARTIAL") or self._machine is None:
            super().take(step, envelope, payload)
            return
        try:
            self._tell(step, self._machine.hear(envelope, payload))
        except CodecError as error:
            self._refuse(step, envelope.fields.sender, str(error))


class StrictTreeRoot(StrictReceiver):
    """The root of a round over all of the cohort or nothing."""

    @property
    def tree(self) -> Tree | None:
        """Who stands where; None before the cohort is named."""
        if not self._session.members:
            return None
        return tree_of(self._context.study, self._round, self._context.me, self._session.members)

    def after(self, percent: int, more_ms: int = 0) -> int:
        levels = self.tree.height if self.tree is not None and percent >= self.MASK_PERCENT else 0
        return super().after(percent, more_ms + STEP_MS * levels)

    def is_bare(self, envelope: Envelope) -> bool:
        """Whether the payload of this MASKED goes elsewhere."""
        tree = self.tree
        return (
            tree is not None
            and envelope.fields.sender in tree.order[1:]
            and not is_direct(tree, envelope.fields.sender)
        )

    def awaits(self, envelope: Envelope) -> bool:
        tree, fields, sent = self.tree, envelope.fields, self._session.sent
        if fields.type == "MASKED":
            return super().awaits(envelope)
        if fields.type != "PARTIAL" or tree is None or sent is None or self.state is not ReceiverState.COHORT:
            return False
        is_here = (fields.session, fields.round) == (self.sid, self._round) and fields.sender in tree
        return (
            is_here
            and tree.parent(fields.sender) == tree.root
            and fits(tree, envelope, sent[0].eid)
            and set(names_in(envelope)) <= set(self._session.missing)
            and fields.sender in names_in(envelope)
        )

    def take(self, step: Step, envelope: Envelope, payload: Buffer) -> None:
        if envelope.fields.type == "MASKED":
            if not self.is_bare(envelope):
                super().take(step, envelope, payload)
            return  # the signed header is logged, which is all
        self._session.add(envelope.fields.sender, payload, names_in(envelope))
        statement = receipt_of(envelope)
        assert statement is not None
        self.say(step, statement, (envelope.fields.sender,))
