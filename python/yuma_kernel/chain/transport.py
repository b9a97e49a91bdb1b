"""How requests reach a node by its URL: JSON-RPC over HTTP or over a WebSocket, blocking or awaited.

Certificates are checked as the system's default says. Every request has a time-out, and a broken connection a bounded number
of attempts. Messages name a node by its host alone: what else a URL holds may be a key.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import importlib
import itertools
import json
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, NoReturn, TypeVar

from yuma_kernel.arrays import integer
from yuma_kernel.chain.errors import ChainError, ContentError, NodeError, PrunedState, TransportError, TransportTimeout
from yuma_kernel.chain.requests import Request
from yuma_kernel.errors import BackendUnavailable, InputError, shown

_T = TypeVar("_T")

NETWORKS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "finney": "wss://entrypoint-finney.opentensor.ai:443",
        "archive": "wss://archive.chain.opentensor.ai:443",
        "test": "wss://test.finney.opentensor.ai:443",
        "local": "ws://127.0.0.1:9944",
    }
)
"""Public nodes by the names that people use; `archive` has the main network's states of all blocks."""

TIMEOUT: Final = 30.0
ATTEMPTS: Final = 3
_PAUSE: Final = 0.25  # seconds before the second attempt; every further pause is twice as long
_MOST: Final = 2**26
"""Bytes of an answer: the state of a subnet of 32767 uids would fit."""
_PART: Final = 2**16
_AGAIN: Final = (408, 425, 429, 500, 502, 503, 504)
"""Statuses of HTTP after which the same request may succeed."""


# -- words ----------------------------------------------------------------------------------------------------------------


def host(url: str) -> str:
    """What messages call the node: scheme and host, without labels that are long enough to be keys."""
    parts = urllib.parse.urlsplit(url)
    name = parts.hostname or ""
    named = f"[{name}]" if ":" in name else ".".join(label if len(label) <= 20 else "…" for label in name.split("."))
    port = "" if parts.port is None else f":{parts.port}"
    return f"{parts.scheme}://{named}{port}"


def said(value: object) -> str:
    """What a node or a client says, fit for a message: one line, no URL, no long run that may be a key, 200 characters."""
    text = re.sub(r"\w+://\S+", "<URL>", str(value)[:2000])
    text = re.sub(r"(?i)\b(\w*key|token|auth\w*|secret|password)\s*[=:]\s*\S+|\bbearer\s+\S+", "<secret>", text)
    text = "".join(c if c.isascii() and c.isprintable() else " " for c in text)
    return " ".join(text.split())[:200]


def _error(code: object, message: object, request: Request, extra: object = "") -> NodeError:
    text = said(f"{message} {extra}" if isinstance(extra, str) and extra else message)
    rule = f"the node answered with error {shown(code)}: {text}"
    if re.search(r"discarded|pruned|state already|not available for block", text, re.IGNORECASE):
        rule = f"the node no longer has the state of this block, ask an archive node ({text})"
        return PrunedState(rule, request=request.method, item=request.about)
    return NodeError(rule, request=request.method, item=request.about)


def node_error(error: Mapping[str, Any], request: Request) -> NodeError:
    """What an error object of JSON-RPC says."""
    return _error(error.get("code"), error.get("message"), request, error.get("data"))


def foreign(error: Exception, request: Request) -> ChainError:
    """What a client raised, as an error of ours."""
    about = {"request": request.method, "item": request.about}
    kinds = {kind.__name__ for kind in type(error).__mro__}
    text = said(error) or "no message"
    if isinstance(error, TimeoutError) or kinds & {"TimeoutError"}:
        return TransportTimeout(f"no answer in time ({type(error).__name__})", **about)
    if isinstance(error, OSError) or kinds & {
        "ConnectionClosed",
        "WebSocketException",
        "InvalidHandshake",
        "MaxRetriesExceeded",
    }:
        return TransportError(f"the connection failed ({type(error).__name__}: {text})", **about)
    return _error(type(error).__name__, text, request)


def result_of(envelope: object, number: int | None, request: Request) -> Any:
    """The result in an answer of JSON-RPC; `number` is the request's, None where a client has looked at it."""
    about = {"request": request.method, "item": request.about}
    if not isinstance(envelope, Mapping):
        raise ContentError(f"expected an object of JSON-RPC, got {shown(envelope)}", **about)
    error = envelope.get("error")
    if isinstance(error, Mapping):
        raise node_error(error, request)
    if error is not None:
        raise NodeError(f"the node answered with an error: {said(error)}", **about)
    if number is not None and envelope.get("id") != number:
        raise ContentError(f"expected the answer to request {number}, got that to {shown(envelope.get('id'))}", **about)
    if "result" not in envelope:
        raise ContentError("expected a result or an error, got neither", **about)
    return envelope["result"]


def _parsed(text: str | bytes, request: Request) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        rule = f"expected JSON, got {shown(text[:40])}"
        raise ContentError(rule, request=request.method, item=request.about) from None


def _payload(request: Request, number: int) -> str:
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": request.method, "params": list(request.params)})


# -- attempts -------------------------------------------------------------------------------------------------------------


def options(timeout: object, attempts: object) -> tuple[float, int]:
    """Seconds an answer may take, and attempts to get it."""
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or not 0 < timeout <= 3600:
        raise InputError("timeout", f"expected seconds above 0, up to 3600, got {shown(timeout)}")
    return float(timeout), integer("attempts", attempts, 1, 20)


def pauses(attempts: int) -> list[float | None]:
    """Seconds to wait after each failed attempt; None after the last."""
    return [*(_PAUSE * 2**k for k in range(attempts - 1)), None]


def attempted(call: Callable[[Request], Any], attempts: int) -> Callable[[Request], Any]:
    """`call`, again where the transport failed, as often as allowed."""

    def again(request: Request) -> Any:
        for pause in pauses(attempts):
            try:
                return call(request)
            except TransportError as error:  # noqa: PERF203 (a request takes milliseconds)
                if pause is None:
                    raise _gave_up(error, attempts) from None
                time.sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    return again


def _gave_up(error: TransportError, attempts: int) -> TransportError:
    tries = f"{error.rule}, {attempts} attempts" if attempts > 1 else error.rule
    return type(error)(tries, request=error.request, item=error.item)


def aattempted(call: Callable[[Request], Any], attempts: int) -> Callable[[Request], Any]:
    """The same, awaited."""

    async def again(request: Request) -> Any:
        for pause in pauses(attempts):
            try:
                return await call(request)
            except TransportError as error:  # noqa: PERF203
                if pause is None:
                    raise _gave_up(error, attempts) from None
                await asyncio.sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    return again


# -- HTTP -----------------------------------------------------------------------------------------------------------------


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A node that sends elsewhere is not the one that was asked."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


class Http:
    """A node behind http or https: one POST a request."""

    def __init__(self, url: str, timeout: float) -> None:
        self._name = host(url)
        self._timeout = timeout
        self._numbers = itertools.count(1)
        parts = urllib.parse.urlsplit(url)
        self._headers = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "yuma-kernel"}
        if parts.username is not None:
            user = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
            self._headers["Authorization"] = "Basic " + base64.b64encode(user.encode()).decode("ascii")
        self._url = urllib.parse.urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment=""))
        self._opener = urllib.request.build_opener(_NoRedirects())

    def call(self, request: Request) -> Any:
        number = next(self._numbers)
        post = urllib.request.Request(self._url, _payload(request, number).encode(), self._headers, method="POST")
        end = time.monotonic() + self._timeout
        try:
            with self._opener.open(post, timeout=self._timeout) as response:
                body = b"".join(self._parts(response, end))
                announced = response.headers.get("Content-Length")
        except urllib.error.HTTPError as error:
            self._refuse(error.code, request)
        except TimeoutError:
            self._late(request)
        except (OSError, ValueError, urllib.error.URLError) as error:
            reason = getattr(error, "reason", error)
            if isinstance(reason, TimeoutError):
                self._late(request)
            rule = f"{self._name} was not reached ({type(reason).__name__}: {said(reason)})"
            raise TransportError(rule, request=request.method, item=request.about) from None
        except Exception as error:  # http.client's own errors are no OSError
            rule = f"{self._name} broke off ({type(error).__name__})"
            raise TransportError(rule, request=request.method, item=request.about) from None
        if len(body) > _MOST:
            raise ContentError(f"expected at most {_MOST} bytes", request=request.method, item=request.about)
        if announced is not None and announced != str(len(body)):
            rule = f"{self._name} broke off after {len(body)} bytes"
            raise TransportError(rule, request=request.method, item=request.about)
        return result_of(_parsed(body, request), number, request)

    @staticmethod
    def _parts(response: Any, end: float) -> Iterator[bytes]:
        """What comes of the body until `end`, though the socket's own time-out begins anew with every part of it."""
        size = 0
        while size <= _MOST and (part := response.read1(_PART)):
            if time.monotonic() > end:
                raise TimeoutError
            size += len(part)
            yield part

    def _late(self, request: Request) -> NoReturn:
        rule = f"{self._name} did not answer in {self._timeout:g} seconds"
        raise TransportTimeout(rule, request=request.method, item=request.about) from None

    def _refuse(self, code: int, request: Request) -> NoReturn:
        rule, about = f"{self._name} refused with HTTP status {code}", {"request": request.method, "item": request.about}
        raise (TransportError(rule, **about) if code in _AGAIN else NodeError(rule, **about)) from None

    def close(self) -> None:
        """Nothing stays open between requests."""


# -- WebSocket ------------------------------------------------------------------------------------------------------------


def _websockets(part: str) -> Any:
    try:
        return importlib.import_module(f"websockets.{part}")
    except ImportError:
        needs = 'a URL ws:// or wss:// needs the extra: pip install "yuma-kernel[chain]"'
        raise BackendUnavailable(needs) from None


class WebSocket:
    """A node behind ws or wss: one connection, made again where it breaks."""

    def __init__(self, url: str, timeout: float) -> None:
        self._connect = _websockets("sync.client").connect
        self._url = url
        self._name = host(url)
        self._timeout = timeout
        self._numbers = itertools.count(1)
        self._open = contextlib.ExitStack()
        self._socket: Any = None

    def call(self, request: Request) -> Any:
        number = next(self._numbers)
        try:
            if self._socket is None:
                connect = self._connect(self._url, open_timeout=self._timeout, max_size=_MOST, close_timeout=1)
                self._socket = self._open.enter_context(connect)
            self._socket.send(_payload(request, number))
            end = time.monotonic() + self._timeout
            while True:
                envelope = _parsed(self._socket.recv(timeout=max(0.0, end - time.monotonic())), request)
                if not _notification(envelope):
                    return result_of(envelope, number, request)
        except ChainError:
            self.close()  # what else is on its way is not ours to guess
            raise
        except Exception as error:
            self.close()
            raise _broken(error, self._name, self._timeout, request) from None

    def close(self) -> None:
        self._socket = None
        self._open.close()


class AsyncWebSocket:
    """The same, awaited."""

    def __init__(self, url: str, timeout: float) -> None:
        self._connect = _websockets("asyncio.client").connect
        self._url = url
        self._name = host(url)
        self._timeout = timeout
        self._numbers = itertools.count(1)
        self._open = contextlib.AsyncExitStack()
        self._socket: Any = None

    async def call(self, request: Request) -> Any:
        number = next(self._numbers)
        try:
            return await asyncio.wait_for(self._exchange(request, number), self._timeout)
        except ChainError:
            await self.close()
            raise
        except Exception as error:
            await self.close()
            raise _broken(error, self._name, self._timeout, request) from None

    async def _exchange(self, request: Request, number: int) -> Any:
        if self._socket is None:
            connect = self._connect(self._url, open_timeout=None, max_size=_MOST, close_timeout=1)
            self._socket = await self._open.enter_async_context(connect)
        await self._socket.send(_payload(request, number))
        while True:
            envelope = _parsed(await self._socket.recv(), request)
            if not _notification(envelope):
                return result_of(envelope, number, request)

    async def close(self) -> None:
        self._socket = None
        await self._open.aclose()


def _notification(envelope: object) -> bool:
    """Whether it is of a subscription, which nobody here has asked for."""
    return isinstance(envelope, dict) and "id" not in envelope and "method" in envelope


def _broken(error: Exception, name: str, timeout: float, request: Request) -> TransportError:
    about = {"request": request.method, "item": request.about}
    if isinstance(error, (TimeoutError, asyncio.TimeoutError)):
        return TransportTimeout(f"{name} did not answer in {timeout:g} seconds", **about)
    return TransportError(f"the connection to {name} failed ({type(error).__name__}: {said(error)})", **about)
