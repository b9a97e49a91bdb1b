"""Metadata of a runtime, V14 to V16, read just far enough to say how a pallet stores its items."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from yuma_kernel.chain.errors import ContentError
from yuma_kernel.chain.hashing import HASHERS
from yuma_kernel.chain.scale import Cursor
from yuma_kernel.errors import shown

VERSIONS: Final = (14, 15, 16)
_HASHERS: Final = tuple(HASHERS)
_PRIMITIVES: Final = (
    "bool", "char", "str", "u8", "u16", "u32", "u64", "u128", "u256", "i8", "i16", "i32", "i64", "i128", "i256",
)  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """How one item is stored.

    Attributes:
        hashers, keys: of a map, by key: the hasher, and the type of the key as `scale` names it. Empty for a plain value.
        value: the type of the value, as `scale` names it.
        optional: whether an absent value is none, and not `default`.
        default: the encoded value that stands for an absent one.
    """

    hashers: tuple[str, ...]
    keys: tuple[str, ...]
    value: str
    optional: bool
    default: bytes


def storage(data: bytes, pallet: str) -> Mapping[str, Entry]:
    """By name, the items that `pallet` stores.

    Raises:
        ContentError: these bytes are no metadata of a version that is read here, or have no such pallet.
    """
    cursor = Cursor(data)
    magic, version = cursor.take(4), cursor.integer(1)
    if magic != b"meta":
        raise ContentError("expected metadata, which begins with 'meta'")
    if version not in VERSIONS:
        raise ContentError(f"expected metadata of version {' or '.join(map(str, VERSIONS))}, got {version}")
    types = _types(cursor)
    for _ in range(cursor.count()):
        name = cursor.text()
        stored = _storage(cursor, version) if cursor.boolean() else []
        if name == pallet:  # whatever follows is about calls, events and other pallets
            return {item.name: _entry(types, item) for item in stored}
        _rest_of_pallet(cursor, version)
    raise ContentError(f"expected a pallet {pallet}, which the metadata do not have")


# -- types ----------------------------------------------------------------------------------------------------------------


def _skip_texts(cursor: Cursor) -> None:
    for _ in range(cursor.count()):
        cursor.take(cursor.count())


def _optional(cursor: Cursor, read: Callable[[Cursor], Any]) -> Any:
    return read(cursor) if cursor.boolean() else None


def _fields(cursor: Cursor) -> list[int]:
    kinds = []
    for _ in range(cursor.count()):
        _optional(cursor, Cursor.text)
        kinds.append(cursor.compact())
        _optional(cursor, Cursor.text)
        _skip_texts(cursor)
    return kinds


def _variants(cursor: Cursor) -> list[tuple[str, list[int], int]]:
    out = []
    for _ in range(cursor.count()):
        name, kinds, number = cursor.text(), _fields(cursor), cursor.integer(1)
        _skip_texts(cursor)
        out.append((name, kinds, number))
    return out


_DEFINITIONS: Final[tuple[tuple[str, Callable[[Cursor], Any]], ...]] = (
    ("composite", _fields),
    ("variant", _variants),
    ("sequence", Cursor.compact),
    ("array", lambda cursor: (cursor.integer(4), cursor.compact())),
    ("tuple", lambda cursor: [cursor.compact() for _ in range(cursor.count())]),
    ("primitive", lambda cursor: cursor.integer(1)),
    ("compact", Cursor.compact),
    ("bits", lambda cursor: (cursor.compact(), cursor.compact())),
)


def _types(cursor: Cursor) -> dict[int, tuple[str, Any]]:
    """By number, the kind of every type and what it is made of."""
    types: dict[int, tuple[str, Any]] = {}
    for _ in range(cursor.count()):
        number = cursor.compact()
        _skip_texts(cursor)
        for _ in range(cursor.count()):
            cursor.text()
            _optional(cursor, Cursor.compact)
        kind = cursor.integer(1)
        if kind >= len(_DEFINITIONS):
            raise ContentError(f"expected a kind of type below {len(_DEFINITIONS)}, got {kind}")
        name, read = _DEFINITIONS[kind]
        types[number] = (name, read(cursor))
        _skip_texts(cursor)
    return types


def _spelled(types: Mapping[int, tuple[str, Any]], number: int, depth: int = 0) -> str:
    """The type as it is encoded: a struct of one field is that field, and no names but those of enum variants remain."""
    if number not in types or depth > 32:
        raise ContentError(f"expected a type of the registry, got number {number}")
    kind, parts = types[number]

    def of(part: int) -> str:
        return _spelled(types, part, depth + 1)

    if kind in ("composite", "tuple"):
        return of(parts[0]) if len(parts) == 1 else f"({', '.join(map(of, parts))})"
    if kind == "sequence":
        return f"Vec<{of(parts)}>"
    if kind == "array":
        return f"[{of(parts[1])}; {parts[0]}]"
    if kind == "primitive":
        if parts >= len(_PRIMITIVES):
            raise ContentError(f"expected a primitive below {len(_PRIMITIVES)}, got {parts}")
        return _PRIMITIVES[parts]
    if kind == "variant":
        choices = ((name + (f"({', '.join(map(of, kinds))})" if kinds else ""), at) for name, kinds, at in parts)
        return f"enum({','.join(f'{name}={at}' for name, at in choices)})"
    return f"compact<{of(parts)}>" if kind == "compact" else "bits"


# -- pallets --------------------------------------------------------------------------------------------------------------


def _item_deprecation(cursor: Cursor) -> None:
    kind = cursor.integer(1)
    if kind == 2:
        _note(cursor)
    elif kind > 2:
        raise ContentError(f"expected a deprecation below 3, got {kind}")


def _note(cursor: Cursor) -> None:
    cursor.text()
    _optional(cursor, Cursor.text)


def _enum_deprecation(cursor: Cursor) -> None:
    for _ in range(cursor.count()):
        cursor.integer(1)
        kind = cursor.integer(1)
        if kind == 2:
            _note(cursor)
        elif kind != 1:
            raise ContentError(f"expected a deprecation of 1 or 2, got {kind}")


class _Stored(NamedTuple):
    """An item as the metadata have it; types by number."""

    name: str
    hashers: tuple[int, ...]
    key: int | None
    value: int
    modifier: int
    default: bytes


def _storage(cursor: Cursor, version: int) -> list[_Stored]:
    cursor.text()  # the prefix, which is the pallet's name
    out = []
    for _ in range(cursor.count()):
        name, modifier, kind = cursor.text(), cursor.integer(1), cursor.integer(1)
        if kind > 1:
            raise ContentError(f"expected a plain value or a map, got kind {kind}", item=shown(name))
        hashers = tuple(cursor.take(cursor.count())) if kind == 1 else ()
        key = cursor.compact() if kind == 1 else None
        value, default = cursor.compact(), cursor.take(cursor.count())
        _skip_texts(cursor)
        if version >= 16:
            _item_deprecation(cursor)
        out.append(_Stored(name, hashers, key, value, modifier, default))
    return out


def _entry(types: Mapping[int, tuple[str, Any]], item: _Stored) -> Entry:
    if any(hasher >= len(_HASHERS) for hasher in item.hashers):
        raise ContentError(f"expected hashers below {len(_HASHERS)}, got {list(item.hashers)}", item=shown(item.name))
    keys: tuple[str, ...] = ()
    if item.key is not None:
        if len(item.hashers) == 1:
            keys = (_spelled(types, item.key),)
        else:
            kind, parts = types.get(item.key, ("", ()))
            if kind != "tuple" or len(parts) != len(item.hashers):
                raise ContentError(f"expected a tuple of {len(item.hashers)} keys, one a hasher", item=shown(item.name))
            keys = tuple(_spelled(types, part) for part in parts)
    hashers = tuple(_HASHERS[hasher] for hasher in item.hashers)
    return Entry(hashers, keys, _spelled(types, item.value), item.modifier == 0, item.default)


def _rest_of_pallet(cursor: Cursor, version: int) -> None:
    late = version >= 16

    def reference() -> None:  # to the type of calls, events or errors
        if cursor.boolean():
            cursor.compact()
            if late:
                _enum_deprecation(cursor)

    reference()
    reference()
    for _ in range(cursor.count()):  # constants
        cursor.text()
        cursor.compact()
        cursor.take(cursor.count())
        _skip_texts(cursor)
        if late:
            _item_deprecation(cursor)
    reference()
    if late:
        for _ in range(cursor.count()):  # associated types
            cursor.text()
            cursor.compact()
            _skip_texts(cursor)
        for _ in range(cursor.count()):  # view functions
            cursor.take(32)
            cursor.text()
            for _ in range(cursor.count()):
                cursor.text()
                cursor.compact()
            cursor.compact()
            _skip_texts(cursor)
            _item_deprecation(cursor)
    cursor.integer(1)
    if version >= 15:
        _skip_texts(cursor)
    if late:
        _item_deprecation(cursor)
