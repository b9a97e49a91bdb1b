"""What commands share to write: tables for people, JSON and CSV for machines, progress on a terminal."""

from __future__ import annotations

import contextlib
import csv
import functools
import io
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeVar

import click

from yuma_kernel.errors import InputError
from yuma_kernel.extras import extra
from yuma_kernel.tables import Table, alpha, cell

__all__ = ["Table", "alpha", "as_csv", "as_json", "as_text", "cell", "draw", "emit", "formats", "note", "progress", "write"]

WIDTH: Final = 1000  # characters, more than any row: a table is never folded or cut, whatever it is printed on

_F = TypeVar("_F", bound=Callable[..., Any])


def formats(function: _F) -> _F:
    """The options --json and --csv for a command, which gets `form`: "table", "json" or "csv"."""

    @click.option("--json", "as_json", is_flag=True, help="Write JSON instead of a table.")
    @click.option("--csv", "as_csv", is_flag=True, help="Write CSV instead of a table.")
    @functools.wraps(function)
    def command(*args: Any, as_json: bool, as_csv: bool, **kwargs: Any) -> Any:
        if as_json and as_csv:
            raise click.UsageError("--csv: not allowed with --json", click.get_current_context())
        return function(*args, form="json" if as_json else "csv" if as_csv else "table", **kwargs)

    return command  # type: ignore[return-value]


def emit(form: str, document: Mapping[str, Any] | Callable[[], Mapping[str, Any]], *tables: Table) -> None:
    """Writes the `document` as JSON, the tables as text, or as CSV the first of them, which is the command's subject."""
    if form == "json":
        write(as_json(document() if callable(document) else document))
    elif form == "csv":
        write(as_csv(tables[0]))
    else:
        write(as_text(*tables))


def as_json(document: Mapping[str, Any]) -> str:
    """One JSON document; a read-only mapping in it is an object like any other."""
    return json.dumps(document, indent=1, default=dict, allow_nan=False) + "\n"


def as_csv(table: Table) -> str:
    """A line of names and a line a row; booleans as true and false, nothing as nothing."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table.columns)
    for row in zip(*table.columns.values(), strict=True):
        writer.writerow(str(value).lower() if isinstance(value, bool) else value for value in row)
    return out.getvalue()


def as_text(*tables: Table) -> str:
    """The tables as a person reads them; without rich the first as CSV, and a line that says why."""
    try:
        from rich import box
        from rich.console import Console
        from rich.table import Table as Drawn
    except ImportError:
        print('yuma-kernel: for a table: pip install "yuma-kernel[cli]"; this is CSV', file=sys.stderr)
        return as_csv(tables[0])
    # captured rather than printed: rich ends the process with 1, which means a difference here, when a pipe is closed
    console = Console(width=WIDTH, markup=False, highlight=False, emoji=False)
    with console.capture() as capture:
        for number, table in enumerate(tables):
            if number:
                console.print()
            if table.title:
                console.print(table.title)
            if table.columns:
                drawn = Drawn(box=box.SIMPLE_HEAD, show_edge=False)
                columns = table.columns if table.people is None else table.people
                for name in columns:
                    header = table.headers.get(name, name.replace("_", " "))
                    drawn.add_column(header, justify="left" if name in table.left else "right")
                for row in zip(*columns.values(), strict=True):
                    drawn.add_row(*map(cell, row))
                console.print(drawn)
            if table.caption:
                console.print(table.caption)
    return capture.get()


def draw(path: str, picture: Callable[..., Any], of: Any) -> None:
    """Draws `picture(of, ax)` into the file `path`; its ending says in which format."""
    figure = extra("matplotlib.figure", "plots").Figure(figsize=(8, 5), layout="constrained")
    picture(of, figure.subplots())
    try:
        figure.savefig(path)
    except ValueError as error:  # an ending that stands for no format
        raise InputError("plot", str(error)) from None


def note(text: str) -> None:
    """A line about the run, on standard error."""
    print(f"yuma-kernel: {text}", file=sys.stderr)


def write(text: str) -> None:
    """`text` to standard output. A reader that has seen enough and closed the pipe is no error."""
    try:
        print(text, end="", flush=True)
    except OSError as error:
        # what is still buffered has to go somewhere, or the interpreter complains about it as it exits
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            raise


@contextlib.contextmanager
def progress(label: str, total: int | None = None) -> Iterator[Callable[..., None]]:
    """How far a long work has come, as a bar on standard error where that is a terminal, else nothing.

    Yields:
        What is to be called with the number that is done, and with how many there are where that is not known before.
    """
    if not sys.stderr.isatty():  # where click would still write the label
        yield lambda count, of=None: None
        return
    with click.progressbar(length=total or 1, label=label, file=sys.stderr) as bar:

        def done(count: int, of: int | None = None) -> None:
            bar.length = of or bar.length
            bar.update(count - bar.pos)

        yield done
