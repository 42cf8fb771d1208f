"""Epochs of a region's log: how an origin is read, and what a ``log.genesis`` says of the log before it.

A log that lost what it had signed is never gone on with: that would be a second history. It is begun anew, as
``<network>/<region>/<epoch + 1>``, and its first entry names the largest head of the log before it that could be
proven. Heads of one region are ordered by epoch, then by size.
"""

from __future__ import annotations

from dataclasses import dataclass

from protocol.codec import Value
from protocol.entries import decode_entry
from protocol.errors import SchemaError

MAX_EPOCH = 999_999


@dataclass(frozen=True, slots=True)
class Origin:
    """An origin, read.

    Attributes:
        network, region: Whose log.
        epoch: From 1.
    """

    network: str
    region: str
    epoch: int

    def __str__(self) -> str:
        return f"{self.network}/{self.region}/{self.epoch}"


def read_origin(origin: str) -> Origin:
    """Return the parts of an origin.

    Raises:
        SchemaError: It is none.
    """
    network, _, rest = origin.partition("/")
    region, _, epoch = rest.partition("/")
    if not network or not region or not epoch.isdecimal() or epoch.startswith("0") or int(epoch) > MAX_EPOCH:
        raise SchemaError(f"{origin[:120]!r} is no origin; expected <network>/<region>/<epoch>")
    return Origin(network, region, int(epoch))


def epoch_of(origin: str) -> int:
    """Return the epoch of an origin; SchemaError for what is none."""
    return read_origin(origin).epoch


@dataclass(frozen=True, slots=True)
class Previous:
    """The head of an earlier epoch with which a log was begun anew.

    Attributes:
        origin: Of the log that was lost.
        size, root: The largest head of it that could be proven.
        reason: A word of ``EPOCH_REASONS``.
    """

    origin: str
    size: int
    root: bytes
    reason: str

    @property
    def place(self) -> tuple[int, int]:
        """Epoch and size: heads of a region are ordered by it."""
        return epoch_of(self.origin), self.size

    def value(self) -> dict[str, Value]:
        """As ``log.genesis`` holds it."""
        return {"origin": self.origin, "size": self.size, "root": self.root, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class Genesis:
    """The first entry of an epoch after the first.

    Attributes:
        origin: Of the new log.
        identity: The region's identity key.
        keys: The map of its public keys, with their serial.
        previous: What it goes on from.
    """

    origin: Origin
    identity: bytes
    keys: dict[str, Value]
    previous: Previous


def read_genesis(leaf: bytes) -> Genesis:
    """Return what the first entry of a later epoch says.

    Raises:
        CodecError: It is no such entry, or what it says of the log before it cannot be.
    """
    entry = decode_entry(leaf)
    origin = read_origin(entry.log)
    match entry.kind, entry.body:
        case "log.genesis", {
            "network": origin.network, "region": origin.region, "identity": bytes(identity), "keys": dict(keys),
            "prev": {"origin": str(before), "size": int(size), "root": bytes(root), "reason": str(reason)},
        }:  # fmt: skip
            previous, its = Previous(before, size, root, reason), read_origin(before)
            if (its.network, its.region) != (origin.network, origin.region) or its.epoch >= origin.epoch:
                raise SchemaError(f"{origin} names {before} as the log before it; expected an earlier epoch of its own")
            return Genesis(origin, identity, keys, previous)
    raise SchemaError(f"the first entry of {origin} is no log.genesis of a later epoch")
