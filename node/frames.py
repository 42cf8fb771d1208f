"""Frames to and from the training worker: a length (u32, big-endian) and a msgpack map, without needless copies.

Nothing waits here: a frame is written as far as the pipe takes it, and read as far as it has come.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from typing import Any

import msgpack
import numpy as np

Buffer = bytes | memoryview

MAX_FRAME = 64 * 2**20  # and 8 bytes for each parameter of the largest open study
_PASS_BYTES = 16 * 2**20  # read from the pipe before others have their turn


class FrameError(Exception):
    """What came is not a frame."""


def frame(fields: Mapping[str, object]) -> list[Buffer]:
    """Return a frame in pieces; the bytes of numpy arrays are not copied.

    Args:
        fields: msgpack values, and contiguous arrays whose little-endian bytes travel as bin.
    """
    packer = msgpack.Packer(use_bin_type=True, autoreset=False)
    packer.pack_map_header(len(fields))
    parts: list[Buffer] = []
    for key, value in fields.items():
        packer.pack(key)
        if isinstance(value, np.ndarray):
            data = np.ascontiguousarray(value, value.dtype.newbyteorder("<")).data.cast("B")
            parts += [packer.bytes() + b"\xc6" + struct.pack(">I", len(data)), data]
            packer.reset()
        else:
            packer.pack(value)
    parts.append(packer.bytes())
    return [struct.pack(">I", sum(len(part) for part in parts)), *parts]


class Writer:
    """Writes frames to a pipe that does not block."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._parts: list[memoryview] = []

    @property
    def is_done(self) -> bool:
        """Whether all has been written."""
        return not self._parts

    def put(self, parts: list[Buffer]) -> None:
        """Take a frame."""
        self._parts += [memoryview(part) for part in parts if len(part)]

    def flush(self) -> None:
        """Write what the pipe takes now.

        Raises:
            OSError: The other end is gone.
        """
        try:
            while self._parts:
                written = os.writev(self._fd, self._parts[:16])
                while written:
                    first = self._parts[0]
                    if written < len(first):
                        self._parts[0], written = first[written:], 0
                    else:
                        written -= len(self._parts.pop(0))
        except BlockingIOError:
            return


class Reader:
    """Reads frames from a pipe that does not block; a frame's size is checked before it is read.

    Attributes:
        max_bytes: Largest frame.
    """

    def __init__(self, fd: int, max_bytes: int = MAX_FRAME) -> None:
        self.max_bytes = max_bytes
        self._fd = fd
        self._head = bytearray()
        self._body: bytearray | None = None
        self._got = 0

    def read(self) -> tuple[list[dict[str, Any]], bool]:
        """Return the frames that are complete, and whether the other end is gone.

        Raises:
            FrameError: A frame too large, or not a msgpack map.
        """
        frames: list[dict[str, Any]] = []
        budget = _PASS_BYTES
        try:
            while budget > 0:
                got = self._read_some()
                if got == 0:
                    return frames, True
                budget -= got
                if self._body is not None and self._got == len(self._body):
                    frames.append(_value(self._body))
                    self._body = None
        except BlockingIOError:
            pass
        return frames, False

    def _read_some(self) -> int:
        if self._body is not None:
            got = os.readv(self._fd, [memoryview(self._body)[self._got :]])
            self._got += got
            return got
        part = os.read(self._fd, 4 - len(self._head))
        self._head += part
        if len(self._head) == 4:
            (size,) = struct.unpack(">I", self._head)
            if not 0 < size <= self.max_bytes:
                raise FrameError(f"a frame of {size} bytes; at most {self.max_bytes}")
            self._head.clear()
            self._body, self._got = bytearray(size), 0
        return len(part)


def _value(body: bytearray) -> dict[str, Any]:
    try:
        value = msgpack.unpackb(body, raw=False, max_ext_len=0)
    except (ValueError, msgpack.UnpackException, RecursionError) as error:
        raise FrameError("a frame that is not msgpack") from error
    if not isinstance(value, dict):
        raise FrameError("a frame that is no map")
    return value
