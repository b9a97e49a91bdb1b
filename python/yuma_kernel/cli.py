"""The command `yuma-kernel`."""

from __future__ import annotations

import argparse
import csv
import importlib
import importlib.resources
import io
import json
import os
import sys
from collections.abc import Sequence
from typing import Any, Final

from yuma_kernel import __version__
from yuma_kernel.epoch import BACKENDS, DEFAULT_BACKEND, epoch
from yuma_kernel.errors import InputError
from yuma_kernel.results import OUTPUTS, EpochResult
from yuma_kernel.snapshot import Snapshot, load

_COLUMNS: Final = ("stake_weight", "validator_trust", "consensus", "incentive", "dividends", "emission", "validator_permit")
_HEADERS: Final = {"emission_rao": "emission (rao)", "validator_permit": "permit"}  # in the table; else the name as it is
_WIDTH: Final = 1000  # characters, more than any row: a table is never folded or cut, whatever it is printed on

_EPILOG: Final = """\
Values are the integers that the chain stores: proportions are of 65535, emission is in rao.
Exit codes: 0 done (and equal, with --check), 1 a difference, 2 anything that kept it from being computed or compared.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command with `argv` (None: those of the process) and returns its exit code.

    Raises:
        SystemExit: with 2 for a wrong usage, with 0 after --help.
    """
    parser = _parser()
    arguments = parser.parse_args(argv)
    try:
        if arguments.version:
            return _write(f"yuma-kernel {__version__} ({_kernel()})\n")
        if arguments.command is None:
            parser.error("expected a command: epoch")
        return _epoch(arguments)
    except OSError as error:
        print(f"yuma-kernel: error: {error.filename or 'output'}: {error.strerror or error}", file=sys.stderr)
    except (InputError, ImportError) as error:  # BackendUnavailable is an ImportError
        print(f"yuma-kernel: error: {error}", file=sys.stderr)
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="yuma-kernel", description="Bittensor's Yuma Consensus epoch, exactly.")
    parser.add_argument("--version", action="store_true", help="show the version of the package and the build of its kernel")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    command = commands.add_parser(
        "epoch",
        help="compute the epoch of a snapshot",
        description="Computes the epoch of a snapshot and shows the uids that earn something.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("snapshot", nargs="?", metavar="SNAPSHOT", help="an .npz file (default: the bundled example)")
    output = command.add_mutually_exclusive_group()
    output.add_argument("--json", dest="format", action="store_const", const=_json, help="write JSON instead of a table")
    output.add_argument("--csv", dest="format", action="store_const", const=_csv, help="write CSV instead of a table")
    command.add_argument("--all", action="store_true", help="show every uid, also those that earn nothing")
    command.add_argument("--backend", choices=tuple(BACKENDS), default=DEFAULT_BACKEND, help="default: %(default)s")
    command.add_argument("--check", action="store_true", help="compare the outputs with those that the snapshot expects")
    return parser


def _kernel() -> str:
    try:
        native = importlib.import_module(BACKENDS["c"])
    except ImportError as error:
        return f"no C kernel: {error}"
    return f"kernel: {native.build()}"


def _epoch(arguments: argparse.Namespace) -> int:
    snapshot = _example() if arguments.snapshot is None else load(arguments.snapshot)
    if arguments.check and snapshot.expected is None:
        raise InputError(arguments.snapshot or "example", "there is nothing to check against: no expect_* in the snapshot")
    result = epoch(snapshot.state, snapshot.hyperparameters, emission=snapshot.emission, backend=arguments.backend)

    code = _check(snapshot, result) if arguments.check else 0
    earns = (result.incentive != 0) | (result.dividends != 0) | (result.emission != 0)
    uids = [uid for uid in range(snapshot.state.n) if arguments.all or earns[uid]]
    columns: dict[str, list[Any]] = {"uid": uids}
    for name in _COLUMNS:
        columns["emission_rao" if name == "emission" else name] = getattr(result, name)[uids].tolist()
    if snapshot.hotkeys is not None:
        columns["hotkey"] = [snapshot.hotkeys[uid] for uid in uids]
    _write((arguments.format or _table)(snapshot, columns))
    return code


def _example() -> Snapshot:
    with importlib.resources.as_file(importlib.resources.files("yuma_kernel") / "data" / "example.npz") as path:
        return load(path)


def _check(snapshot: Snapshot, result: EpochResult) -> int:
    expected = snapshot.expected or {}
    difference = result.first_difference(expected)
    if difference is not None:
        print(f"yuma-kernel: check failed: {difference}", file=sys.stderr)
        return 1
    print(f"yuma-kernel: check passed: {', '.join(expected)} of {snapshot.state.n} uids are equal", file=sys.stderr)
    missing = [name for name in OUTPUTS if name not in expected]
    if missing:
        print(f"yuma-kernel: not checked, as they do not stand in the snapshot: {', '.join(missing)}", file=sys.stderr)
    return 0


# -- formats --------------------------------------------------------------------------------------------------------------


def _json(snapshot: Snapshot, columns: dict[str, list[Any]]) -> str:
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    head = {
        "n": snapshot.state.n,
        "current_block": snapshot.state.current_block,
        "profile": snapshot.hyperparameters.profile,
        "emission_rao": snapshot.emission,
    }
    return json.dumps({**head, "uids": rows}, indent=1) + "\n"


def _csv(_: Snapshot, columns: dict[str, list[Any]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    for row in zip(*columns.values(), strict=True):
        writer.writerow(str(value).lower() if isinstance(value, bool) else value for value in row)
    return out.getvalue()


def _table(snapshot: Snapshot, columns: dict[str, list[Any]]) -> str:
    try:
        from rich import box
        from rich.console import Console
        from rich.table import Table
    except ImportError:
        print('yuma-kernel: for a table: pip install "yuma-kernel[cli]"; this is CSV', file=sys.stderr)
        return _csv(snapshot, columns)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False)
    for name in columns:
        table.add_column(_HEADERS.get(name, name.replace("_", " ")), justify="left" if name == "hotkey" else "right")
    for row in zip(*columns.values(), strict=True):
        table.add_row(*(("yes" if value else "no") if isinstance(value, bool) else str(value) for value in row))
    # captured rather than printed: rich ends the process with 1, which means a difference here, when a pipe is closed
    console = Console(width=_WIDTH, markup=False, highlight=False, emoji=False)
    with console.capture() as capture:
        console.print(table)
        uids = f"{table.row_count} of {snapshot.state.n} uids"
        console.print(f"{uids}, block {snapshot.state.current_block}, emission {snapshot.emission} rao")
    return capture.get()


def _write(text: str) -> int:
    """`text` to standard output. A reader that has seen enough and closed the pipe is no error."""
    try:
        print(text, end="", flush=True)
    except OSError as error:
        # what is still buffered has to go somewhere, or the interpreter complains about it as it exits
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            raise
    return 0


if __name__ == "__main__":
    sys.exit(main())
