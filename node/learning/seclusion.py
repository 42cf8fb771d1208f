"""What the training worker shuts itself off from, before it imports anything that others wrote.

  * the network, and with it the node's control socket: a seccomp filter has ``socket`` refuse, and a network
    namespace has nothing in it. Not on machines that are neither x86-64 nor arm64;
  * the keys: a mount namespace in which nothing lies at their path. Not where user namespaces are off (there the
    node's user can read them), nor in a process that has threads already.

Own tasks run in this process. It is a fence against a task that phones home or reads what it need not, not a
sandbox against code that exploits the kernel. Linux only; elsewhere nothing is shut off and nothing is claimed.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys
from collections.abc import Sequence
from pathlib import Path

_NEWNS, _NEWUSER, _NEWNET = 0x00020000, 0x10000000, 0x40000000
_MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_REC, _MS_PRIVATE, _MS_BIND = 2, 4, 8, 0x4000, 0x40000, 0x1000
_NO_NEW_PRIVS, _SET_SECCOMP, _FILTER = 38, 22, 2
# Audit architecture and number of socket(2).
_MACHINES = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000


def seclude(hide: Sequence[str] = ()) -> tuple[str, ...]:
    """Shut this process off, as far as the system allows; return from what: ``network``, ``keys``.

    Args:
        hide: Paths of files and folders that it must not read.
    """
    if sys.platform != "linux":
        return ()
    libc = ctypes.CDLL(None, use_errno=True)
    paths = [path for path in hide if path and Path(path).exists()]
    hidden = _namespaces(libc, paths)
    out = ["network"] if _no_sockets(libc) else []
    return tuple(out + (["keys"] if hidden and paths else []))


def _namespaces(libc: ctypes.CDLL, hide: Sequence[str]) -> bool:
    """Enter namespaces of one's own and hide the paths there; False where the system does not let us."""
    uid, gid = os.getuid(), os.getgid()
    if libc.unshare(_NEWUSER | _NEWNS | _NEWNET):
        return False
    try:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    except OSError:
        pass  # the capabilities of the new namespace are there without a map
    libc.mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None)
    done = True
    for path in hide:
        if Path(path).is_dir():
            flags = _MS_NOSUID | _MS_NODEV | _MS_NOEXEC
            done &= not libc.mount(b"none", os.fsencode(path), b"tmpfs", flags, b"size=4k,mode=000")
        else:
            done &= not libc.mount(b"/dev/null", os.fsencode(path), None, _MS_BIND, None)
    return done


def _no_sockets(libc: ctypes.CDLL) -> bool:
    """Have ``socket`` refuse; False where there is no such filter."""
    machine = _MACHINES.get(platform.machine())
    if machine is None or libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0):
        return False
    arch, number = machine

    def step(code: int, yes: int, no: int, k: int) -> bytes:
        return struct.pack("HBBI", code, yes, no, k)

    load, equal, answer = 0x20, 0x15, 0x06
    program = [
        step(load, 0, 0, 4),  # seccomp_data.arch
        step(equal, 1, 0, arch),
        step(answer, 0, 0, _ALLOW),  # a call of another machine's kind: none of ours
        step(load, 0, 0, 0),  # seccomp_data.nr
        step(equal, 0, 1, number),
        step(answer, 0, 0, _ERRNO | errno.EPERM),
        step(answer, 0, 0, _ALLOW),
    ]
    code = ctypes.create_string_buffer(b"".join(program))
    about = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(program), ctypes.addressof(code)))
    return not libc.prctl(_SET_SECCOMP, _FILTER, ctypes.byref(about), 0, 0)
