"""Whatever the user has open already, as a function of a request.

Clients are known by what they have, not by their type: none of them is imported. Each way in is one line of the table.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import urllib.parse
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, Final, TypeAlias

from yuma_kernel.chain.errors import ChainError
from yuma_kernel.chain.layout import Layout
from yuma_kernel.chain.requests import Request
from yuma_kernel.chain.transport import (
    NETWORKS,
    AsyncWebSocket,
    Http,
    WebSocket,
    aattempted,
    attempted,
    foreign,
    host,
    options,
    result_of,
)
from yuma_kernel.errors import InputError

Call: TypeAlias = Callable[[Request], Any]
AsyncCall: TypeAlias = Callable[[Request], Awaitable[Any]]
_Raw: TypeAlias = Callable[[str, list[Any]], Any]

WHAT: Final = (
    "a URL (ws, wss, http, https), a network (finney, archive, test, local), a client of bittensor, turbobt or "
    "async-substrate-interface, or a callable rpc(method, params)"
)


def url_of(source: str) -> str:
    """The URL that `source` is or names.

    Raises:
        InputError: it is neither.
    """
    url = NETWORKS.get(source, source)
    try:
        parts = urllib.parse.urlsplit(url)
        sound = parts.scheme in ("ws", "wss", "http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound:  # what it is may hold a key, and is not shown
        raise InputError("source", f"expected {WHAT}")
    return parts.scheme + url[url.index(":") :]  # a scheme may be written in capitals


def name_of(source: object) -> str:
    """What `meta` calls the source: the host of a URL, the type of an object."""
    return host(url_of(source)) if isinstance(source, str) else f"{type(source).__module__}.{type(source).__qualname__}"


# -- ways in --------------------------------------------------------------------------------------------------------------


def _has(source: object, path: str) -> Any:
    """The attribute at the end of a dotted path, None where there is none; private names move, and then there is none."""
    for name in path.split("."):
        try:
            source = getattr(source, name, None)
        except Exception:  # a property that needs a connection, or whatever it does
            return None
        if source is None:
            return None
    return source


def _enveloped(path: str) -> Callable[[object], _Raw | None]:
    def way(source: object) -> _Raw | None:
        found = _has(source, path)
        return found if callable(found) else None

    return way


def _bittensor_11_blocking(source: object) -> _Raw | None:
    """Its event loop runs in a thread of its own, and `_call` takes what is to be awaited there."""
    call, substrate = _has(source, "_call"), _has(source, "_client._substrate")
    if not callable(call) or substrate is None:
        return None

    async def asked(method: str, params: list[Any]) -> Any:
        connect = _has(source, "_client.connect") or _has(substrate, "connect")
        if _has(substrate, "raw") is None and callable(connect):
            await connect()
        return await substrate.raw.rpc_request(method, params)

    return lambda method, params: call(asked(method, params))


_WAYS: Final[tuple[Callable[[object], _Raw | None], ...]] = (
    _enveloped("rpc_request"),  # async-substrate-interface
    _enveloped("substrate.rpc_request"),  # bittensor 9 and 10: Subtensor, AsyncSubtensor, SubtensorApi
    _bittensor_11_blocking,
    _enveloped("_substrate.raw.rpc_request"),  # bittensor 11: Client
    _enveloped("subtensor.rpc"),  # turbobt: Bittensor
    _enveloped("rpc"),  # turbobt: Subtensor
)


def _raw(source: object) -> _Raw:
    if not isinstance(source, type):
        for way in _WAYS:
            found = way(source)
            if found is not None:
                return found
        if callable(source):
            return source
        if _has(source, "_substrate") is not None or _has(source, "_client") is not None:
            what = "which is not connected, or of a version whose way to a raw request is not known here"
            raise InputError("source", f"expected an open client, got {type(source).__name__}, {what}")
    kind = type(source).__name__
    its_client = ": a metagraph holds rounded floats, give the client that read it" if "metagraph" in kind.lower() else ""
    raise InputError("source", f"expected {WHAT}, got {kind}{its_client}")


def _unwrapped(answer: Any, request: Request) -> Any:
    """The result in what a client gave: some give the whole answer of JSON-RPC, some its result.

    No result that is asked for here is an object with one of these names, so that there is no doubt.
    """
    if isinstance(answer, dict) and ("jsonrpc" in answer or "result" in answer or "error" in answer):
        return result_of(answer, None, request)
    return answer


# -- calls ----------------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def blocking(source: object, timeout: float, attempts: int) -> Iterator[Call]:
    """A function that answers requests; what is opened for it is closed, what was open stays."""
    timeout, attempts = options(timeout, attempts)
    if isinstance(source, str):
        url = url_of(source)
        transport = Http(url, timeout) if url.startswith("http") else WebSocket(url, timeout)
        try:
            yield attempted(transport.call, attempts)
        finally:
            transport.close()
        return
    raw = _raw(source)

    def call(request: Request) -> Any:
        try:
            answer = raw(request.method, list(request.params))
        except (ChainError, InputError):
            raise
        except Exception as error:
            raise foreign(error, request) from None
        if inspect.isawaitable(answer):
            if inspect.iscoroutine(answer):
                answer.close()
            raise InputError(
                "source", f"expected a blocking client, {type(source).__name__} is awaited: call the a… function"
            )
        return _unwrapped(answer, request)

    yield attempted(call, attempts)


@contextlib.asynccontextmanager
async def awaited(source: object, timeout: float, attempts: int) -> AsyncIterator[AsyncCall]:
    """The same, awaited; blocking clients run in a thread, a callable where it is called."""
    timeout, attempts = options(timeout, attempts)
    if isinstance(source, str):
        url = url_of(source)
        if url.startswith("http"):
            http = Http(url, timeout)
            yield aattempted(lambda request: asyncio.to_thread(http.call, request), attempts)
            return
        socket = AsyncWebSocket(url, timeout)
        try:
            yield aattempted(socket.call, attempts)
        finally:
            await socket.close()
        return
    raw = _raw(source)
    threaded = raw is not source and not inspect.iscoroutinefunction(raw)

    async def call(request: Request) -> Any:
        params = list(request.params)
        try:
            answer = await asyncio.to_thread(raw, request.method, params) if threaded else raw(request.method, params)
            if inspect.isawaitable(answer):
                answer = await asyncio.wait_for(answer, timeout)
        except (ChainError, InputError):
            raise
        except Exception as error:
            raise foreign(error, request) from None
        return _unwrapped(answer, request)

    yield aattempted(call, attempts)


# -- what is known of a source --------------------------------------------------------------------------------------------

_by_url: dict[str, dict[str, Layout]] = {}
_by_object: weakref.WeakKeyDictionary[Any, dict[str, Layout]] = weakref.WeakKeyDictionary()


def layouts_of(source: object) -> dict[str, Layout]:
    """By runtime, the layouts that were read from this source in this process, so that each is read once."""
    if isinstance(source, str):
        return _by_url.setdefault(source, {})
    owner = getattr(source, "__self__", source)  # a bound method is a new object at every look
    try:
        return _by_object.setdefault(owner, {})
    except TypeError:  # it cannot be kept in mind
        return {}
