"""SCALE, as far as storage values and runtime calls need it: strict both ways.

A type is named as the metadata spells it once all names of structs are gone: `u16`, `bool`, `[u8; 32]`, `Vec<(u16, u16)>`,
`compact`, `str`. Bytes that are missing, left over, or no canonical encoding are a ContentError.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import numpy as np

from yuma_kernel.arrays import AnyArray
from yuma_kernel.chain.errors import ContentError
from yuma_kernel.errors import shown

INTEGERS: Final = {f"{sign}{8 * size}": (size, sign == "i") for sign in "ui" for size in (1, 2, 4, 8, 16)}
"""By name: bytes, and whether it is signed."""

_DTYPES: Final = {name: np.dtype(f"<{name[0]}{size}") for name, (size, _) in INTEGERS.items() if size <= 8}
_TOKEN: Final = re.compile(r"\s*(Vec<|enum\([^)]*\)|\[u8; \d+\]|[a-z]+\d*|[(),>])")

Decoder: TypeAlias = Callable[["Cursor"], Any]


class Cursor:
    """A place in bytes, moving to their end."""

    __slots__ = ("at", "data")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, size: int) -> bytes:
        """The next `size` bytes."""
        end = self.at + size
        if end > len(self.data):
            raise ContentError(f"truncated: {size} bytes expected at {self.at}, {len(self.data) - self.at} are there")
        part = self.data[self.at : end]
        self.at = end
        return part

    def integer(self, size: int, signed: bool = False) -> int:
        return int.from_bytes(self.take(size), "little", signed=signed)

    def compact(self) -> int:
        """A compact integer, in the shortest form that holds it."""
        data, at = self.data, self.at
        if at >= len(data):
            raise ContentError(f"truncated: a compact integer expected at {at}")
        first = data[at]
        mode = first & 3
        if mode == 0:
            self.at = at + 1
            return first >> 2
        if mode == 3:
            size = (first >> 2) + 4
            self.at = at + 1
            value = self.integer(size)
            least = 2 ** (8 * (size - 1)) if size > 4 else 2**30
        else:
            size = 2 * mode
            value = self.integer(size) >> 2
            least = 2**6 if mode == 1 else 2**14
        if value < least:
            raise ContentError(f"no canonical encoding: {shown(value)} in {self.at - at} bytes at {at}")
        return value

    def count(self, least: int = 1) -> int:
        """A number of things that take at least `least` bytes each, all of which can be there."""
        at, count = self.at, self.compact()
        if count * least > len(self.data) - self.at:
            raise ContentError(
                f"truncated: {shown(count)} entries announced at {at}, {len(self.data) - self.at} bytes are there"
            )
        return count

    def boolean(self) -> bool:
        byte = self.take(1)[0]
        if byte > 1:
            raise ContentError(f"expected a boolean, 0 or 1, at {self.at - 1}, got {byte}")
        return byte == 1

    def text(self) -> str:
        at, data = self.at, self.take(self.count())
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            raise ContentError(f"expected text at {at}, got no UTF-8") from None

    def end(self) -> None:
        """Refuses bytes that are left over."""
        if self.at != len(self.data):
            raise ContentError(f"{len(self.data) - self.at} bytes more than expected")


# -- decoders of types ----------------------------------------------------------------------------------------------------


def decode(type_name: str, data: bytes) -> Any:
    """The value of `data`, which holds one `type_name` and nothing else.

    Integers are int, [u8; n] and Vec<u8> bytes, tuples tuples; a Vec of integers, of booleans, or of tuples of one kind of
    integer is an array (of the latter with a row each), any other Vec a list.
    """
    cursor = Cursor(data)
    value = decoder(type_name)(cursor)
    cursor.end()
    return value


@functools.lru_cache(maxsize=256)
def decoder(type_name: str) -> Decoder:
    """What reads one value of the type from a cursor."""
    tokens = _TOKEN.findall(type_name)
    if "".join(tokens).replace(" ", "") == type_name.replace(" ", ""):
        try:
            read, rest = _parsed(tokens)
        except (IndexError, ValueError):  # it ends before it should
            rest = tokens
        if not rest:
            return read
    raise ContentError(f"expected a type, got {shown(type_name)}")


def _parsed(tokens: list[str]) -> tuple[Decoder, list[str]]:
    head, rest = tokens[0], tokens[1:]
    if head == "Vec<":
        return _vector(rest)
    if head == "(":
        parts: list[Decoder] = []
        while rest[0] != ")":
            part, rest = _parsed(rest)
            parts.append(part)
            if rest[0] == ",":
                rest = rest[1:]
        return (lambda cursor: tuple(part(cursor) for part in parts)), rest[1:]
    if head in INTEGERS:
        size, signed = INTEGERS[head]
        return (lambda cursor: cursor.integer(size, signed)), rest
    if head.startswith("[u8;"):
        length = int(head[5:-1])
        return (lambda cursor: cursor.take(length)), rest
    if head.startswith("enum("):
        return _choice(head), rest
    simple: dict[str, Decoder] = {"bool": Cursor.boolean, "compact": Cursor.compact, "str": Cursor.text}
    if head not in simple:
        raise ContentError(f"expected a type, got {shown(head)}")
    return simple[head], rest


def _choice(name: str) -> Decoder:
    known = {int(part.split("=")[1]) for part in name[5:-1].split(",")}

    def read(cursor: Cursor) -> int:
        value = cursor.take(1)[0]
        if value not in known:
            raise ContentError(f"expected one of {name}, got {value}")
        return value

    return read


def _vector(rest: list[str]) -> tuple[Decoder, list[str]]:
    head = rest[0]
    if head == "u8":
        return (lambda cursor: cursor.take(cursor.count())), rest[2:]
    if head == "bool":
        return _booleans, rest[2:]
    if head in _DTYPES:
        return _numbers(_DTYPES[head], 1), rest[2:]
    if head == "(":
        inside = rest[1 : rest.index(")")]
        kinds = set(inside) - {","}
        if len(kinds) == 1 and kinds <= _DTYPES.keys():
            return _numbers(_DTYPES[kinds.pop()], (len(inside) + 1) // 2), rest[len(inside) + 3 :]
    part, rest = _parsed(rest)
    return (lambda cursor: [part(cursor) for _ in range(cursor.count())]), rest[1:]


def _booleans(cursor: Cursor) -> AnyArray:
    at = cursor.at
    flags = np.frombuffer(cursor.take(cursor.count()), np.uint8)
    if (flags > 1).any():
        raise ContentError(f"expected booleans, 0 or 1, at {at}, got {int(flags.max())}")
    return flags.view(np.bool_)


def _numbers(dtype: np.dtype[Any], columns: int) -> Decoder:
    native = dtype.newbyteorder("=")

    def read(cursor: Cursor) -> AnyArray:
        size = dtype.itemsize * columns
        count = cursor.count(size)
        numbers = np.frombuffer(cursor.take(count * size), dtype).astype(native, copy=False)
        return numbers if columns == 1 else numbers.reshape(count, columns)

    return read


def compacts(cursor: Cursor) -> list[int]:
    """A Vec of compact integers of up to 64 bits."""
    count = cursor.count()
    end = cursor.at + count
    if not any(cursor.data[cursor.at : end]):  # a zero is a byte of 0, and histories are mostly zeros
        cursor.at = end
        return [0] * count
    return [checked_u64(cursor) for _ in range(count)]


def checked_u64(cursor: Cursor) -> int:
    """One compact integer of up to 64 bits."""
    value = cursor.compact()
    if value >= 2**64:
        raise ContentError(f"expected at most 64 bits, got {shown(value)}")
    return value


# -- encoding -------------------------------------------------------------------------------------------------------------


def encode_key(type_name: str, value: Any) -> bytes:
    """One key of a map: an integer, or bytes of a fixed length."""
    if type_name in INTEGERS:
        size, signed = INTEGERS[type_name]
        try:
            return int(value).to_bytes(size, "little", signed=signed)
        except OverflowError:
            raise ContentError(f"expected a key of {type_name}, got {shown(value)}") from None
    if type_name.startswith("[u8;") and isinstance(value, bytes) and len(value) == int(type_name[5:-1]):
        return value
    raise ContentError(f"expected a key of {type_name}, got {shown(value)}")


def encode_compact(value: int) -> bytes:
    """The compact form of an integer."""
    if value < 2**6:
        return bytes((value << 2,))
    if value < 2**14:
        return (value << 2 | 1).to_bytes(2, "little")
    if value < 2**30:
        return (value << 2 | 2).to_bytes(4, "little")
    size = (value.bit_length() + 7) // 8
    return bytes(((size - 4) << 2 | 3,)) + value.to_bytes(size, "little")
