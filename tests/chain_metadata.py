"""Metadata of no real runtime: written from entries, so that tests can have any layout they like."""

from __future__ import annotations

from collections.abc import Mapping

from yuma_kernel.chain.layout import LATER, PALLET, SYSTEM, TABLE
from yuma_kernel.chain.metadata import Entry

HASHERS = ("Blake2_128", "Blake2_256", "Blake2_128Concat", "Twox128", "Twox256", "Twox64Concat", "Identity")
PRIMITIVES = ("bool", "char", "str", "u8", "u16", "u32", "u64", "u128", "u256", "i8", "i16", "i32", "i64", "i128", "i256")

LATE_ITEMS: Mapping[str, Entry] = {
    **TABLE,
    **{name: Entry(("Identity",), e.keys, e.value, e.optional, e.default) for name, e in LATER.items()},
}
"""A runtime that has everything, as a later one may."""


def compact(value: int) -> bytes:
    if value < 64:
        return bytes([value * 4])
    if value < 2**14:
        return (value * 4 + 1).to_bytes(2, "little")
    if value < 2**30:
        return (value * 4 + 2).to_bytes(4, "little")
    size = (value.bit_length() + 7) // 8
    return bytes([(size - 4) * 4 + 3]) + value.to_bytes(size, "little")


def text(value: str) -> bytes:
    return compact(len(value.encode())) + value.encode()


class _Types:
    """The registry: every spelled type gets a number when it is first asked for."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}
        self.bodies: list[bytes] = []

    def number(self, kind: str) -> int:
        if kind not in self.numbers:
            body = self._body(kind)
            self.numbers[kind] = len(self.bodies)
            self.bodies.append(body)
        return self.numbers[kind]

    def _body(self, kind: str) -> bytes:
        if kind in PRIMITIVES:
            return bytes([5, PRIMITIVES.index(kind)])
        if kind.startswith("Vec<"):
            return b"\2" + compact(self.number(kind[4:-1]))
        if kind.startswith("["):
            inner, _, length = kind[1:-1].partition("; ")
            return b"\3" + int(length).to_bytes(4, "little") + compact(self.number(inner))
        if kind.startswith("enum("):
            names = [part.split("=") for part in kind[5:-1].split(",")]
            return (
                b"\1" + compact(len(names)) + b"".join(text(name) + b"\0" + bytes([int(at)]) + b"\0" for name, at in names)
            )
        assert kind.startswith("("), kind
        parts = [self.number(part) for part in _split(kind[1:-1])]
        return b"\4" + compact(len(parts)) + b"".join(map(compact, parts))

    def encoded(self) -> bytes:
        return compact(len(self.bodies)) + b"".join(
            compact(k) + b"\0\0" + body + b"\0" for k, body in enumerate(self.bodies)
        )


def _split(inside: str) -> list[str]:
    parts, depth, start = [], 0, 0
    for at, letter in enumerate(inside):
        depth += (letter in "(<[") - (letter in ")>]")
        if letter == "," and depth == 0:
            parts.append(inside[start:at].strip())
            start = at + 1
    return [*parts, inside[start:].strip()]


def metadata(items: Mapping[str, Entry] = LATE_ITEMS, version: int = 14) -> bytes:
    """Metadata whose pallets store these items, and the System's."""
    types = _Types()
    late = version >= 16
    pallets = []
    for name, entries in (("System", SYSTEM), (PALLET, items)):
        body = text(name) + b"\1" + text(name) + compact(len(entries))
        for item, entry in entries.items():
            body += text(item) + bytes([0 if entry.optional else 1])
            if entry.keys:
                key = entry.keys[0] if len(entry.keys) == 1 else f"({', '.join(entry.keys)})"
                body += b"\1" + compact(len(entry.hashers)) + bytes(map(HASHERS.index, entry.hashers))
                body += compact(types.number(key))
            else:
                body += b"\0"
            body += compact(types.number(entry.value)) + compact(len(entry.default)) + entry.default + b"\0"
            body += b"\0" if late else b""
        body += b"\0\0" + b"\0" + b"\0" + (b"\0\0" if late else b"") + b"\7"
        body += (b"\0" if version >= 15 else b"") + (b"\0" if late else b"")
        pallets.append(body)
    return b"meta" + bytes([version]) + types.encoded() + compact(len(pallets)) + b"".join(pallets)
