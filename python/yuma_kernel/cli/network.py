"""What the commands that ask a node share: which network, which subnet, how long."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

NETWORK: Final = "finney"
_F = TypeVar("_F", bound=Callable[..., Any])


def asks(function: _F) -> _F:
    """The options of a command that asks a node; it gets `network`, `netuid`, `block`, `profile`, and `patience`, which are
    the keywords timeout and attempts."""

    @click.option(
        "--network",
        default=NETWORK,
        envvar="YUMA_NETWORK",
        show_envvar=True,
        help="finney, archive, test, local, or a URL (ws, wss, http, https). Default: finney.",
    )
    @click.option("--netuid", type=click.IntRange(1, 4095), required=True, help="The subnet.")
    @click.option("--block", type=click.IntRange(0), help="The block; without it the newest.")
    @click.option("--profile", type=click.IntRange(0), help="The arithmetic, instead of that of the runtime.")
    @click.option(
        "--timeout", type=click.FloatRange(0, 3600, min_open=True), default=30.0, help="Seconds an answer may take."
    )
    @click.option("--attempts", type=click.IntRange(1, 20), default=3, help="Attempts where the connection fails.")
    @functools.wraps(function)
    def command(*args: Any, timeout: float, attempts: int, **kwargs: Any) -> Any:
        return function(*args, patience={"timeout": timeout, "attempts": attempts}, **kwargs)

    return command  # type: ignore[return-value]
