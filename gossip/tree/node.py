"""This region below the root of a whole-network round: what it adds up, and what it sends to whom.

    leaf     MASKED: header to the root, header and payload to its parent
    inner    MASKED: header to the root; own value and what came from below, added up, as PARTIAL to its parent

Rules kept here, and nowhere else:
  * one statement of each child, of the view that this region itself has answered, and each gets its RECEIPT;
  * an inner node sends up once: when all below it are in, or 2 s for each level below it after T_mask; without a
    value of its own it sends on what came;
  * what it has added is kept until the round ends: with the statements of its children it can show that it counted
    rightly (``tree.counts_rightly``).

Statements of children may come before this region knows its place; they wait. No sockets, clock or disk.
"""

from __future__ import annotations

from collections.abc import Collection

from gossip.events import Buffer
from gossip.sessions.session import Statement
from gossip.step import Step
from gossip.studies.context import StudyContext
from gossip.tree.shape import Tree, added, listed, partial_body, tree_of, up_ms
from protocol.codec import Value
from protocol.envelope import Envelope

STATEMENTS = ("MASKED", "PARTIAL")


class TreeNode:
    """This region's place in one round.

    Args:
        root: Receiver of the round.
        mask_ms: T_mask by this region's own start of the round.
        late_ms: What is left for values where members are named later than that.
    """

    def __init__(self, context: StudyContext, round: int, root: str, *, mask_ms: int, late_ms: int) -> None:
        self.round = round
        self.root = root
        self.sid = context.sid(round, root)
        self.tree: Tree | None = None
        self._context = context
        self._mask_ms = mask_ms
        self._late_ms = late_ms
        self._view = b""
        self._own: tuple[Envelope, Buffer] | None = None
        self._children: dict[str, tuple[Envelope, Buffer]] = {}
        self._early: dict[tuple[str, str], tuple[Envelope, Buffer]] = {}
        self._up: tuple[Envelope, Buffer] | None = None

    # ---------------------------------------------------------------- its place

    def plant(self, step: Step, view: bytes, members: Collection[str]) -> None:
        """The members are named: find the own place, and take what came before."""
        if self.tree is not None:
            return
        self.tree, self._view = tree_of(self._context.study, self.round, self.root, members), view
        self._mask_ms = max(self._mask_ms, step.now_ms + self._late_ms)
        early, self._early = self._early, {}
        for envelope, payload in early.values():
            if self.awaits(envelope):
                self.take(step, envelope, payload)

    @property
    def _deadline_ms(self) -> int:
        assert self.tree is not None
        return self._mask_ms + up_ms(self.tree, self._context.me)

    @property
    def _is_waiting(self) -> bool:
        return self.tree is not None and self.tree.is_inner(self._context.me) and self._up is None

    def wake_ms(self) -> int | None:
        """Until when it waits for those below."""
        return self._deadline_ms if self._is_waiting else None

    # ---------------------------------------------------------------- its own value

    def masked(self, step: Step, statement: Statement) -> tuple[Envelope, Buffer | None]:
        """Send the own masked value on its way; returns what of it goes to the root."""
        context, tree = self._context, self.tree
        assert tree is not None
        assert statement.payload is not None
        parent = tree.parent(context.me)
        is_leaf = not tree.is_inner(context.me)
        bare = [self.root] if parent != self.root or not is_leaf else []
        envelope = step.seal(
            statement.type,
            statement.body,
            to=sorted({self.root, parent} if is_leaf else {self.root}),
            study=context.study,
            round=self.round,
            session=self.sid,
            payload=statement.payload,
            bare=bare,
        )
        self._own = (envelope, statement.payload)
        context.recording.heard(step, envelope, statement.payload)
        if is_leaf:
            self._up = self._own
        self.progress(step)
        return envelope, None if bare else statement.payload

    # ---------------------------------------------------------------- from below

    def awaits(self, envelope: Envelope) -> bool:
        """Whether this statement has its turn here, or may wait for it."""
        fields, me = envelope.fields, self._context.me
        if fields.type not in STATEMENTS or (fields.session, fields.round) != (self.sid, self.round):
            return False
        if self.tree is None:
            return (fields.sender, fields.type) not in self._early and fields.sender != self.root
        child = fields.sender
        if not self._is_waiting or child not in self.tree.children(me) or child in self._children:
            return False
        return fits(self.tree, envelope, self._view)

    def take(self, step: Step, envelope: Envelope, payload: Buffer) -> None:
        """Take in a statement that is awaited."""
        if self.tree is None:
            self._early[(envelope.fields.sender, envelope.fields.type)] = (envelope, payload)
            return
        child = envelope.fields.sender
        self._children[child] = (envelope, payload)
        statement = receipt_of(envelope)
        if statement is not None:
            step.seal(
                statement.type,
                statement.body,
                to=[child],
                study=self._context.study,
                round=self.round,
                session=self.sid,
            )
        self.progress(step)

    def progress(self, step: Step) -> None:
        """Send up what is there, once all is or the time has come."""
        tree, me = self.tree, self._context.me
        if tree is None or not self._is_waiting:
            return
        is_whole = self._own is not None and len(self._children) == len(tree.children(me))
        parts = [*([self._own] if self._own is not None else []), *self._children.values()]
        if not parts or not (is_whole or step.now_ms >= self._deadline_ms):
            return
        members: dict[str, bytes] = {}
        for envelope, _ in parts:
            members |= names_in(envelope)
        data = added([payload for _, payload in parts], self._context.plan.ring_at(self.round))
        envelope = step.seal(
            "PARTIAL",
            partial_body(self._view, members),
            to=[tree.parent(me)],
            study=self._context.study,
            round=self.round,
            session=self.sid,
            payload=data,
        )
        self._up = (envelope, data)

    @property
    def kept(self) -> list[tuple[Envelope, Buffer]]:
        """What was added up: with it this region shows that it counted rightly."""
        return [*([self._own] if self._own is not None else []), *self._children.values()]

    def waiting_for(self) -> list[tuple[str, str]]:
        """(region, what) this region waits for, as an inner node."""
        if not self._is_waiting or self.tree is None:
            return []
        return [(n, "what it adds up") for n in self.tree.children(self._context.me) if n not in self._children]

    def resend(self, step: Step, link: str) -> None:
        """Say again to the parent what was sent up."""
        if self.tree is not None and self._up is not None and link == self.tree.parent(self._context.me):
            step.send(*self._up, [link])


def names_in(envelope: Envelope) -> dict[str, bytes]:
    """Return whose values a statement holds, with the digest of each MASKED."""
    return listed(envelope) if envelope.fields.type == "PARTIAL" else {envelope.fields.sender: envelope.eid}


def fits(tree: Tree, envelope: Envelope, view: bytes) -> bool:
    """Whether a statement is of this view, of the kind of its sender's place, and holds only who is below it."""
    sender = envelope.fields.sender
    kind: Value = "PARTIAL" if tree.is_inner(sender) else "MASKED"
    if envelope.fields.type != kind or envelope.fields.body["view"] != view:
        return False
    return set(names_in(envelope)) <= set(tree.subtree(sender))


def receipt_of(envelope: Envelope) -> Statement | None:
    """Return the RECEIPT for a child; None if its own value is not in what it sent."""
    child = envelope.fields.sender
    digest = names_in(envelope).get(child)
    return None if digest is None else Statement("RECEIPT", {"about": child, "masked": digest})
