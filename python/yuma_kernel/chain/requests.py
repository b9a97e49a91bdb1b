"""What is asked of a node, without a word about how it gets there.

A flow is a generator: it yields a Request, is sent the result that the node gave, and returns what it was made for. `run`
and `arun` drive one over a blocking and over an awaited `call`; every check of an answer stands in the flow, once for both.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypeVar

from yuma_kernel.chain.errors import ContentError, NoSubnet, StateChanged, UnknownBlock
from yuma_kernel.chain.layout import Key, Layout
from yuma_kernel.chain.scale import Cursor, checked_u64, compacts
from yuma_kernel.errors import shown

_T = TypeVar("_T")

MAX_KEYS: Final = 8192
"""Keys that one request asks for: some 600 KB."""
PAGE: Final = 1000
"""Keys that a node is asked to list at once, the most that nodes give."""
_MAX_PAGES: Final = 64
_HASH: Final = re.compile(r"0x[0-9a-fA-F]{64}", re.ASCII)


@dataclass(frozen=True)
class Request:
    """One request.

    Attributes:
        method, params: of JSON-RPC.
        about: what it asks for, in words, as errors name it.
    """

    method: str
    params: tuple[Any, ...]
    about: str


Flow: TypeAlias = Generator[Request, Any, _T]


def run(flow: Flow[_T], call: Callable[[Request], Any]) -> _T:
    """What the flow returns, each of its requests answered by `call`."""
    try:
        request = next(flow)
        while True:
            request = flow.send(call(request))
    except StopIteration as done:
        result: _T = done.value
        return result


async def arun(flow: Flow[_T], call: Callable[[Request], Awaitable[Any]]) -> _T:
    """The same, awaited."""
    try:
        request = next(flow)
        while True:
            request = flow.send(await call(request))
    except StopIteration as done:
        result: _T = done.value
        return result


# -- answers --------------------------------------------------------------------------------------------------------------


def hex_bytes(value: object, request: str, item: object) -> bytes:
    """The bytes of an answer; some clients have decoded the hexadecimal already."""
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    if isinstance(value, str) and value[:2] == "0x":
        try:
            data = bytes.fromhex(value[2:])
        except ValueError:
            data = b""
        if len(value) == 2 * len(data) + 2:  # fromhex lets spaces pass
            return data
    rule = f"expected bytes as 0x and an even number of hexadecimal digits, got {shown(value)}"
    raise ContentError(rule, request=request, item=str(item))


def _hash(value: object, request: str, item: str) -> str:
    if isinstance(value, (bytes, bytearray)):
        value = "0x" + value.hex()
    if not isinstance(value, str) or not _HASH.fullmatch(value):
        raise ContentError(f"expected a block hash, got {shown(value)}", request=request, item=item)
    return value.lower()


# -- flows of one request -------------------------------------------------------------------------------------------------


def block_hash(block: int) -> Flow[str]:
    """The hash of the block of this number.

    Raises:
        UnknownBlock: the node has none.
    """
    method, item = "chain_getBlockHash", f"block {block}"
    answer = yield Request(method, (block,), item)
    if answer is None:
        raise UnknownBlock("the node knows no block of this number", request=method, item=item)
    return _hash(answer, method, item)


def head() -> Flow[str]:
    """The hash of the best block."""
    method = "chain_getHead"
    answer = yield Request(method, (), "the best block")
    if answer is None:
        raise UnknownBlock("the node knows no best block", request=method, item="the best block")
    return _hash(answer, method, "the best block")


@dataclass(frozen=True)
class Runtime:
    """What the chain runs at a block: its name, its version, and all that the node says of it, to tell builds apart."""

    spec_name: str
    spec_version: int
    identity: str


def runtime(at: str) -> Flow[Runtime]:
    """The runtime of the state of the block `at`, which is the one that executes the next block."""
    method, item = "state_getRuntimeVersion", "the runtime"
    answer = yield Request(method, (at,), item)
    name = answer.get("specName") if isinstance(answer, dict) else None
    version = answer.get("specVersion") if isinstance(answer, dict) else None
    if type(version) is not int or not 0 <= version < 2**32:
        raise ContentError(f"expected a specVersion, got {shown(version)}", request=method, item=item)
    if not isinstance(name, str) or not name.isascii() or not name.isprintable() or len(name) > 64:
        raise ContentError(f"expected a specName, got {shown(name)}", request=method, item=item)
    identity = repr(sorted((str(key), repr(value)) for key, value in answer.items()))
    return Runtime(name, version, identity)


def metadata(at: str) -> Flow[bytes]:
    """The metadata of the runtime of the block `at`."""
    method = "state_getMetadata"
    answer = yield Request(method, (at,), "the metadata")
    return hex_bytes(answer, method, "the metadata")


def storage(layout: Layout, keys: Sequence[Key], at: str) -> Flow[dict[Key, bytes | None]]:
    """The stored bytes of every key, None where nothing is stored, all of the state of the block `at`."""
    out: dict[Key, bytes | None] = {}
    for start in range(0, len(keys), MAX_KEYS):
        part = keys[start : start + MAX_KEYS]
        out.update((yield from _some_storage(layout, part, at)))
    return out


def _some_storage(layout: Layout, keys: Sequence[Key], at: str) -> Flow[dict[Key, bytes | None]]:
    method, raw = "state_queryStorageAt", ["0x" + layout.raw(key).hex() for key in keys]
    answer = yield Request(method, (raw, at), f"{len(keys)} values, {keys[0]} to {keys[-1]}" if keys else "no value")
    sets = answer if isinstance(answer, list) else None
    if sets is None or len(sets) != 1 or not isinstance(sets[0], dict):
        raise ContentError(f"expected one set of changes, got {shown(answer)}", request=method, item=str(keys[0]))
    block = _hash(sets[0].get("block"), method, "block")
    if block != at:
        raise StateChanged(f"expected the state of {at}, got that of {block}", request=method, item="block")
    changes = sets[0].get("changes")
    if not isinstance(changes, list):
        raise ContentError(f"expected a list of pairs, got {shown(changes)}", request=method, item="changes")
    out: dict[Key, bytes | None] = {}
    for k, (key, wanted) in enumerate(zip(keys, raw, strict=True)):
        if k >= len(changes):
            raise ContentError(
                f"missing: {len(keys)} values were asked for, {len(changes)} came", request=method, item=str(key)
            )
        pair = changes[k]
        if not isinstance(pair, (list, tuple)) or len(pair) != 2:
            raise ContentError(f"expected a pair of key and value, got {shown(pair)}", request=method, item=str(key))
        got, value = pair
        if isinstance(got, (bytes, bytearray)):
            got = "0x" + got.hex()
        if got != wanted and not (isinstance(got, str) and got.lower() == wanted):
            raise ContentError(
                f"expected the value of this key in its place, got that of {shown(got)}", request=method, item=str(key)
            )
        out[key] = None if value is None else hex_bytes(value, method, key)
    if len(changes) > len(keys):
        raise ContentError(
            f"{len(changes) - len(keys)} values more than asked for", request=method, item=shown(changes[len(keys)])
        )
    return out


def keys_below(layout: Layout, item: str, arg: int, at: str) -> Flow[list[Key]]:
    """Every key of a map of two keys whose first is `arg`, in the order of the node."""
    return (yield from _listed(layout, Key(item, (arg,)), at))


def keys_of(layout: Layout, item: str, at: str) -> Flow[list[Key]]:
    """Every key of a map of one key, in the order of the node."""
    return (yield from _listed(layout, Key(item), at))


def _listed(layout: Layout, above: Key, at: str) -> Flow[list[Key]]:
    item = above.item
    method, about = "state_getKeysPaged", f"{item}({', '.join((*map(str, above.args), '…'))})"
    prefix = layout.raw(above)
    kind = layout.entry(item).keys[len(above.args)]
    width = int(kind[5:-1]) if kind.startswith("[") else int(kind[1:]) // 8
    out: list[Key] = []
    last: bytes | None = None
    for _ in range(_MAX_PAGES):
        start = None if last is None else "0x" + last.hex()
        answer = yield Request(method, ("0x" + prefix.hex(), PAGE, start, at), about)
        if not isinstance(answer, list) or len(answer) > PAGE:
            raise ContentError(f"expected a list of up to {PAGE} keys, got {shown(answer)}", request=method, item=about)
        for value in answer:
            raw = hex_bytes(value, method, about)
            tail = raw[-width:]
            key = Key(item, (*above.args, tail if kind.startswith("[") else int.from_bytes(tail, "little")))
            if len(tail) != width or layout.raw(key) != raw:
                raise ContentError(f"expected a key of this item, got {shown(value)}", request=method, item=about)
            if last is not None and raw <= last:
                rule = f"expected ascending keys, each once, got {shown(value)} out of place"
                raise ContentError(rule, request=method, item=about)
            last = raw
            out.append(key)
        if len(answer) < PAGE:
            return out
    raise ContentError(f"expected at most {PAGE * _MAX_PAGES} keys", request=method, item=about)


# -- the metagraph call ---------------------------------------------------------------------------------------------------

SUBNET_STATE: Final = "SubnetInfoRuntimeApi_get_subnet_state"


@dataclass(frozen=True)
class SubnetAnswer:
    """What is read of the answer of `get_subnet_state`.

    Attributes:
        netuid: the subnet.
        hotkeys: accounts of 32 bytes, by uid.
        alpha_stake, tao_stake, total_stake: rao, by uid; the last is what the runtime makes of the others and `TaoWeight`.
    """

    netuid: int
    hotkeys: tuple[bytes, ...]
    alpha_stake: list[int]
    tao_stake: list[int]
    total_stake: list[int]


def subnet_state(netuid: int, at: str) -> Flow[SubnetAnswer]:
    """The answer of the metagraph call for the subnet, in the state of the block `at`."""
    item = f"get_subnet_state({netuid})"
    argument = "0x" + netuid.to_bytes(2, "little").hex()
    answer = yield Request("state_call", (SUBNET_STATE, argument, at), item)
    return read_subnet_state(hex_bytes(answer, "state_call", item), netuid, "state_call")


def read_subnet_state(data: bytes, netuid: int, request: str | None) -> SubnetAnswer:
    """The answer of the metagraph call from its bytes, all of them.

    Raises:
        ContentError: these are not the bytes of one, or it is of another subnet. NoSubnet: the runtime knows none.
    """
    item = f"get_subnet_state({netuid})"
    try:
        try:
            answer = _answer(data)
        except ContentError:
            # runtimes of the time of 218 wrap it in a Vec<u8>, whose length then is all that is before it
            cursor = Cursor(data)
            if cursor.compact() != len(data) - cursor.at:
                raise
            answer = _answer(data[cursor.at :])
    except ContentError as error:
        raise error.about(request, item) from None
    if answer is None:
        raise NoSubnet("the runtime knows no such subnet", request=request, item=item)
    if answer.netuid != netuid:
        raise ContentError(f"expected subnet {netuid}, got {answer.netuid}", request=request, item=item)
    return answer


def _answer(data: bytes) -> SubnetAnswer | None:
    cursor = Cursor(data)
    if not cursor.boolean():
        cursor.end()
        return None
    netuid = checked_u64(cursor)
    hotkeys = tuple(cursor.take(32) for _ in range(cursor.count(32)))
    n = len(hotkeys)
    cursor.take(32 * cursor.count(32))
    for _ in ("active", "validator_permit"):
        for _ in range(cursor.count()):
            cursor.boolean()
    by_uid = {name: compacts(cursor) for name in _BY_UID}
    for name in ("alpha_stake", "tao_stake", "total_stake"):  # the others are as they are stored, of whatever length
        if len(by_uid[name]) != n:
            raise ContentError(f"expected {n} of {name}, one a hotkey, got {len(by_uid[name])}")
    for _ in range(cursor.count()):
        compacts(cursor)
    cursor.end()
    return SubnetAnswer(netuid, hotkeys, by_uid["alpha_stake"], by_uid["tao_stake"], by_uid["total_stake"])


_BY_UID: Final = (
    "pruning_score", "last_update", "emission", "dividends", "incentives", "consensus", "trust", "rank",
    "block_at_registration", "alpha_stake", "tao_stake", "total_stake",
)  # fmt: skip
