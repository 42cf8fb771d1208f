"""A second implementation of the primitives, on the standard library alone, to check the first one with.

Written from the RFCs and FIPS 197 for plainness, not speed, and never imported by the product. It must not
import ``crypto``: agreement between the two is the evidence. Not constant-time: use it on test keys only.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

# Ed25519, RFC 8032. Points are (X, Y, Z, T) with x = X/Z, y = Y/Z, x*y = T/Z.

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
Point = tuple[int, int, int, int]
IDENTITY: Point = (0, 1, 1, 0)


def add(p: Point, q: Point) -> Point:
    """RFC 8032, section 5.1.4: the complete addition formula."""
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def times(scalar: int, point: Point) -> Point:
    """``scalar`` times ``point``."""
    result = IDENTITY
    while scalar:
        if scalar & 1:
            result = add(result, point)
        point = add(point, point)
        scalar >>= 1
    return result


def encode_point(point: Point) -> bytes:
    """32 bytes: y, little-endian, and the lowest bit of x on top."""
    inverse = pow(point[2], P - 2, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def decode_point(data: bytes) -> Point:
    """Section 5.1.3, strictly; ValueError for what is no encoding of a point."""
    if len(data) != 32:
        raise ValueError("length")
    number = int.from_bytes(data, "little")
    y, sign = number & (2**255 - 1), number >> 255
    if y >= P:
        raise ValueError("y is not below p")
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * pow(2, (P - 1) // 4, P) % P
    if x * x % P != square or (x == 0 and sign):
        raise ValueError("no point")
    if x & 1 != sign:
        x = P - x
    return (x, y, 1, x * y % P)


BASE = decode_point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def ed25519_public(seed: bytes) -> bytes:
    """The public key of a seed."""
    return encode_point(times(_expanded(seed)[0], BASE))


def ed25519_sign(seed: bytes, message: bytes) -> bytes:
    """Section 5.1.6."""
    scalar, prefix = _expanded(seed)
    public = encode_point(times(scalar, BASE))
    r = _sha512(prefix + message)
    first = encode_point(times(r, BASE))
    s = (r + _sha512(first + public + message) * scalar) % L
    return first + s.to_bytes(32, "little")


def ed25519_valid(public: bytes, signature: bytes, message: bytes, *, strict: bool = True) -> bool:
    """Section 5.1.7 without the cofactor; ``strict`` also refuses keys of small order."""
    try:
        a, r = decode_point(public), decode_point(signature[:32])
    except ValueError:
        return False
    s = int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or s >= L or (strict and has_small_order(a)):
        return False
    h = _sha512(signature[:32] + public + message)
    return encode_point(times(s, BASE)) == encode_point(add(r, times(h, a)))


def has_small_order(point: Point) -> bool:
    """Whether the order divides 8."""
    return encode_point(times(8, point)) == encode_point(IDENTITY)


def _expanded(seed: bytes) -> tuple[int, bytes]:
    digest = hashlib.sha512(seed).digest()
    scalar = int.from_bytes(digest[:32], "little") & ((1 << 254) - 8) | (1 << 254)
    return scalar, digest[32:]


def _sha512(data: bytes) -> int:
    return int.from_bytes(hashlib.sha512(data).digest(), "little") % L


# X25519 and HKDF, RFC 7748 and RFC 5869.


def x25519(private: bytes, public: bytes) -> bytes:
    """RFC 7748, section 5: the Montgomery ladder. All zeros is returned, not refused."""
    k = int.from_bytes(private, "little") & ((1 << 255) - 8) & ((1 << 255) - 1) | (1 << 254)
    u = int.from_bytes(public, "little") & ((1 << 255) - 1)
    x2, z2, x3, z3, swap = 1, 0, u, 1, 0
    for t in reversed(range(255)):
        bit = k >> t & 1
        if swap ^ bit:
            x2, z2, x3, z3 = x3, z3, x2, z2
        swap = bit
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        da, cb, aa, bb = d * a % P, c * b % P, a * a % P, b * b % P
        e = aa - bb
        x3, z3 = (da + cb) ** 2 % P, u * (da - cb) ** 2 % P
        x2, z2 = aa * bb % P, e * (aa + 121665 * e) % P
    if swap:
        x2, z2 = x3, z3
    return (x2 * pow(z2, P - 2, P) % P).to_bytes(32, "little")


def x25519_public(private: bytes) -> bytes:
    """The ladder on the base point 9."""
    return x25519(private, (9).to_bytes(32, "little"))


def hkdf(ikm: bytes, salt: bytes, info: bytes) -> bytes:
    """HKDF-SHA256, 32 bytes: one round of extract and one of expand."""
    key = hmac.digest(salt or bytes(32), ikm, "sha256")
    return hmac.digest(key, info + b"\1", "sha256")


# AES-256 in counter mode, FIPS 197 and SP 800-38A.


def _sbox() -> bytes:
    table = bytearray(256)
    p = q = 1
    while True:
        p = p ^ (p << 1 & 0xFF) ^ (0x1B if p & 0x80 else 0)  # times 3
        q ^= q << 1
        q ^= q << 2
        q ^= q << 4
        q &= 0xFF
        if q & 0x80:
            q ^= 0x09  # divided by 3
        rotated = q | q << 8
        table[p] = (q ^ rotated >> 7 ^ rotated >> 6 ^ rotated >> 5 ^ rotated >> 4) & 0xFF ^ 0x63
        if p == 1:
            table[0] = 0x63
            return bytes(table)


_SBOX = _sbox()


def aes256(key: bytes, block: bytes) -> bytes:
    """One block of 16 bytes."""
    words = [key[i : i + 4] for i in range(0, 32, 4)]
    constant = 1
    for i in range(8, 60):
        word = words[-1]
        if i % 8 == 0:
            word = bytes(_SBOX[b] for b in word[1:] + word[:1])
            word = bytes((word[0] ^ constant,)) + word[1:]
            constant = _twice(constant)
        elif i % 8 == 4:
            word = bytes(_SBOX[b] for b in word)
        words.append(_xor(words[-8], word))
    keys = [b"".join(words[i : i + 4]) for i in range(0, 60, 4)]
    state = _xor(block, keys[0])
    for number in range(1, 15):
        # SubBytes and ShiftRows: row r of column c comes from column c + r.
        state = bytes(_SBOX[state[(i + 4 * (i % 4)) % 16]] for i in range(16))
        if number < 14:
            state = b"".join(_mixed(state[i : i + 4]) for i in range(0, 16, 4))
        state = _xor(state, keys[number])
    return state


def keystream(seed: bytes, start: int, end: int) -> bytes:
    """Bytes start..end of the mask stream of a seed: AES-256-CTR from counter zero."""
    first = start // 16
    blocks = (aes256(seed, i.to_bytes(16, "big")) for i in range(first, -(-end // 16)))
    return b"".join(blocks)[start - 16 * first : end - 16 * first]


def _twice(a: int) -> int:
    return (a << 1 ^ (0x11B if a & 0x80 else 0)) & 0xFF


def _mixed(c: bytes) -> bytes:
    return bytes(
        _twice(c[i]) ^ _twice(c[(i + 1) % 4]) ^ c[(i + 1) % 4] ^ c[(i + 2) % 4] ^ c[(i + 3) % 4] for i in range(4)
    )


def _xor(a: bytes, b: bytes) -> bytes:
    return bytes(x ^ y for x, y in zip(a, b, strict=True))


# The Merkle tree of RFC 6962, section 2.1, by its recursive definition.


def tree_root(leaves: Sequence[bytes]) -> bytes:
    """MTH(D[n]) over the leaves themselves."""
    if len(leaves) < 2:
        return hashlib.sha256(b"\0" + leaves[0] if leaves else b"").digest()
    k = _split(len(leaves))
    return _node(tree_root(leaves[:k]), tree_root(leaves[k:]))


def inclusion(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """PATH(m, D[n])."""
    if len(leaves) == 1:
        return []
    k = _split(len(leaves))
    if index < k:
        return [*inclusion(index, leaves[:k]), tree_root(leaves[k:])]
    return [*inclusion(index - k, leaves[k:]), tree_root(leaves[:k])]


def consistency(old: int, leaves: Sequence[bytes], known: bool = True) -> list[bytes]:
    """SUBPROOF(m, D[n], b); PROOF(m, D[n]) for ``known``. Empty for an empty old tree."""
    if old == 0 or old == len(leaves):
        return [] if known else [tree_root(leaves)]
    k = _split(len(leaves))
    if old <= k:
        return [*consistency(old, leaves[:k], known), tree_root(leaves[k:])]
    return [*consistency(old - k, leaves[k:], False), tree_root(leaves[:k])]


def inclusion_valid(index: int, size: int, leaf: bytes, path: Sequence[bytes], root: bytes) -> bool:
    """Whether PATH leads from a leaf hash to the root, by walking the definition backwards."""
    try:
        return 0 <= index < size and _climb(index, size, leaf, list(path)) == root
    except ValueError:
        return False


def consistency_valid(old: int, new: int, old_root: bytes, new_root: bytes, path: Sequence[bytes]) -> bool:
    """Whether PROOF leads to both roots, by walking the definition backwards."""
    if not 0 <= old <= new:
        return False
    if old in (0, new):
        first = old_root == (tree_root([]) if old == 0 else new_root)
        return first and not path and (new > 0 or new_root == tree_root([]))
    try:
        return _both(old, new, old_root, list(path), True) == (old_root, new_root)
    except ValueError:
        return False


def _climb(index: int, size: int, leaf: bytes, path: list[bytes]) -> bytes:
    if size == 1:
        if path:
            raise ValueError("too long")
        return leaf
    if not path:
        raise ValueError("too short")
    k, sibling = _split(size), path[-1]
    if index < k:
        return _node(_climb(index, k, leaf, path[:-1]), sibling)
    return _node(sibling, _climb(index - k, size - k, leaf, path[:-1]))


def _both(old: int, new: int, old_root: bytes, path: list[bytes], known: bool) -> tuple[bytes, bytes]:
    if old == new:
        if known:
            if path:
                raise ValueError("too long")
            return old_root, old_root
        if len(path) != 1:
            raise ValueError("length")
        return path[0], path[0]
    if not path:
        raise ValueError("too short")
    k, last = _split(new), path[-1]
    if old <= k:
        first, second = _both(old, k, old_root, path[:-1], known)
        return first, _node(second, last)
    first, second = _both(old - k, new - k, old_root, path[:-1], False)
    return _node(last, first), _node(last, second)


def _split(size: int) -> int:
    k = 1
    while 2 * k < size:
        k *= 2
    return k


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()
