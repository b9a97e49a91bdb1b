"""The commands, how they are found, and what an error becomes: a line on standard error and an exit code."""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import click

from yuma_kernel import __version__
from yuma_kernel.cli.groups import group_of
from yuma_kernel.cli.output import write
from yuma_kernel.epoch import BACKENDS
from yuma_kernel.errors import InputError

COMMANDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "epoch": "yuma_kernel.cli.epoch",
        "convert": "yuma_kernel.cli.convert",
        "explain": "yuma_kernel.cli.explain",
        "compare": "yuma_kernel.cli.compare",
        "what-if": "yuma_kernel.cli.what_if",
        "search": "yuma_kernel.cli.search",
        "preflight": "yuma_kernel.cli.preflight",
        "study": "yuma_kernel.cli.study",
        "fetch": "yuma_kernel.cli.fetch",
        "next": "yuma_kernel.cli.next",
        "forecast": "yuma_kernel.cli.forecast",
        "audit": "yuma_kernel.cli.audit",
        "payout": "yuma_kernel.cli.payout",
    }
)
"""Every command and the module that holds it, as `command`: imported when it runs or when the help lists it. A command
returns its exit code, None for 0, and lets the errors of the library pass."""

PROGRAM: Final = "yuma-kernel"
FAILED: Final = 2
INTERRUPTED: Final = 130  # what a shell gives for a process that SIGINT ended


@click.command(cls=group_of(COMMANDS), invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--version", is_flag=True, help="Show the version of the package and the build of its kernel.")
@click.pass_context
def _app(ctx: click.Context, version: bool) -> None:
    """Bittensor's Yuma Consensus epoch, exactly."""
    if version:
        write(f"{PROGRAM} {__version__} ({_kernel()})\n")
        raise _Done
    if ctx.invoked_subcommand is None:
        write(ctx.get_help() + "\n")


class _Done(Exception):
    """What there was to do is done, whatever command follows."""


def run(arguments: list[str]) -> int:
    """Runs the command with `arguments` and returns its exit code; SystemExit as `main` documents it."""
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _warn
            with _app.make_context(PROGRAM, arguments) as context:
                return int(_app.invoke(context) or 0)
    except _Done:
        return 0
    except click.exceptions.Exit as done:
        raise SystemExit(done.exit_code) from None
    except click.ClickException as error:
        wrong = error.ctx if isinstance(error, click.UsageError) else None
        if wrong is not None:
            print("usage:", wrong.command_path, *wrong.command.collect_usage_pieces(wrong), file=sys.stderr)
        print(f"{PROGRAM}: error: {error.format_message()}", file=sys.stderr)
        raise SystemExit(FAILED) from None
    except (KeyboardInterrupt, click.Abort):
        print(f"{PROGRAM}: interrupted", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        text = _line(error)
        if text is None:
            raise
        print(f"{PROGRAM}: error: {text}", file=sys.stderr)
        return FAILED


def _line(error: Exception) -> str | None:
    """What the user reads of an error that the library documents; None for any other, which is a defect of ours."""
    chain = sys.modules.get("yuma_kernel.chain.errors")  # not there: none of its errors can be
    if isinstance(error, (InputError, ImportError)) or (chain is not None and isinstance(error, chain.ChainError)):
        return str(error)  # BackendUnavailable and a missing extra are ImportErrors
    if isinstance(error, OSError):
        return f"{error.filename or 'output'}: {error.strerror or error}"
    return None


def _warn(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
    print(f"{PROGRAM}: warning: {message}", file=sys.stderr)


def _kernel() -> str:
    try:
        native = importlib.import_module(BACKENDS["c"])
    except ImportError as error:
        return f"no C kernel: {error}"
    return f"kernel: {native.build()}"
