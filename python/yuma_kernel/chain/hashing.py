"""The hashes of storage keys, and addresses as people write them."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

_MASK: Final = 2**64 - 1
_P1, _P2, _P3, _P4, _P5 = (
    0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5,
)  # fmt: skip


def _left(value: int, bits: int) -> int:
    return (value << bits | value >> (64 - bits)) & _MASK


def _round(accumulator: int, lane: int) -> int:
    return _left((accumulator + lane * _P2) & _MASK, 31) * _P1 & _MASK


def xxhash64(data: bytes, seed: int) -> int:
    """XXH64 of `data`."""
    size, at = len(data), 0
    if size >= 32:
        lanes = [(seed + _P1 + _P2) & _MASK, (seed + _P2) & _MASK, seed & _MASK, (seed - _P1) & _MASK]
        while at + 32 <= size:
            for k in range(4):
                lanes[k] = _round(lanes[k], int.from_bytes(data[at + 8 * k : at + 8 * k + 8], "little"))
            at += 32
        value = sum(_left(lane, bits) for lane, bits in zip(lanes, (1, 7, 12, 18), strict=True)) & _MASK
        for lane in lanes:
            value = ((value ^ _round(0, lane)) * _P1 + _P4) & _MASK
    else:
        value = (seed + _P5) & _MASK
    value = (value + size) & _MASK
    while at + 8 <= size:
        value = (_left(value ^ _round(0, int.from_bytes(data[at : at + 8], "little")), 27) * _P1 + _P4) & _MASK
        at += 8
    if at + 4 <= size:
        value = (_left(value ^ (int.from_bytes(data[at : at + 4], "little") * _P1 & _MASK), 23) * _P2 + _P3) & _MASK
        at += 4
    for byte in data[at:]:
        value = _left(value ^ (byte * _P5 & _MASK), 11) * _P1 & _MASK
    value = (value ^ value >> 33) * _P2 & _MASK
    value = (value ^ value >> 29) * _P3 & _MASK
    return value ^ value >> 32


@functools.lru_cache(maxsize=1024)
def _twox(data: bytes, words: int) -> bytes:
    return b"".join(xxhash64(data, seed).to_bytes(8, "little") for seed in range(words))


def twox64(data: bytes) -> bytes:
    """8 bytes."""
    return _twox(data, 1)


def twox128(data: bytes) -> bytes:
    """16 bytes: what the names of pallets and items become."""
    return _twox(data, 2)


def blake2_128(data: bytes) -> bytes:
    """16 bytes."""
    return hashlib.blake2b(data, digest_size=16).digest()


HASHERS: Final[Mapping[str, Callable[[bytes], bytes]]] = MappingProxyType(
    {
        "Blake2_128": blake2_128,
        "Blake2_256": lambda data: hashlib.blake2b(data, digest_size=32).digest(),
        "Blake2_128Concat": lambda data: blake2_128(data) + data,
        "Twox128": twox128,
        "Twox256": lambda data: _twox(data, 4),
        "Twox64Concat": lambda data: twox64(data) + data,
        "Identity": lambda data: data,
    }
)
"""By the name that the metadata has for it, what a hasher makes of an encoded key; in the order of their numbers there."""

_ALPHABET: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_PREFIX: Final = b"\x2a"  # 42, the network's


def _checksum(body: bytes) -> bytes:
    return hashlib.blake2b(b"SS58PRE" + body, digest_size=64).digest()[:2]


@functools.lru_cache(maxsize=65536)
def ss58(account: bytes) -> str:
    """The address of an account of 32 bytes, as the network writes it."""
    body = _PREFIX + account
    number = int.from_bytes(body + _checksum(body), "big")
    letters = []
    while number:
        number, digit = divmod(number, 58)
        letters.append(_ALPHABET[digit])
    return "".join(reversed(letters))  # the prefix is no zero byte, which base 58 would need a letter of its own for
