"""`yuma-kernel study`: the studies, and the options that they share."""

from __future__ import annotations

import contextlib
import functools
import math
import multiprocessing
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from yuma_kernel.cli.groups import group_of
from yuma_kernel.cli.output import Table, draw, emit, formats, progress, write
from yuma_kernel.errors import InputError, shown
from yuma_kernel.extras import extra

if TYPE_CHECKING:
    from yuma_kernel.studies import Study

STUDIES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "guarantee": "yuma_kernel.cli.study_guarantee",
        "retention": "yuma_kernel.cli.study_retention",
        "copying": "yuma_kernel.cli.study_copying",
        "scenario": "yuma_kernel.cli.study_scenario",
        "sweep": "yuma_kernel.cli.study_sweep",
        "runtimes": "yuma_kernel.cli.study_runtimes",
        "float": "yuma_kernel.cli.study_float",
    }
)
"""Every study and the module that holds its command, as `command`."""

_EPILOG: Final = """\
\b
The table that is shown is what there is to read first; --csv and --out have every row, --json has all and where it is from.
Exit codes: 0 done, 2 anything that kept it from being computed, 130 interrupted{}.
"""
WHOLE_EPILOG: Final = _EPILOG.format("")
"""Of a study that is computed at once."""
PARTS_EPILOG: Final = _EPILOG.format(" (with --out, --resume goes on)")
"""Of one that is computed in parts."""

_F = TypeVar("_F", bound=Callable[..., Any])


@click.command(
    cls=group_of(STUDIES),
    invoke_without_command=True,
    short_help="Study consensus: maps, sweeps, copying, scenarios, floats.",
)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Studies of consensus: each computes a table, with a picture of it, and says what it was made with."""
    if ctx.invoked_subcommand is None:
        write(ctx.get_help() + "\n")


if TYPE_CHECKING:
    _Type = click.ParamType[Any]
else:
    _Type = click.ParamType  # which takes no argument at run time in older versions


class Several(_Type):
    """Values separated by commas, as a list."""

    def __init__(self, kind: Callable[[str], Any], name: str) -> None:
        self.kind, self.name = kind, name

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return [self.kind(part.strip()) for part in value.split(",")]
        except ValueError:
            self.fail(f"expected {self.name.lower()} separated by commas, got {shown(value)}", param, ctx)


def ranges(ctx: click.Context, param: click.Parameter, value: str | None) -> list[int] | None:
    """The value of an option, as `0,1,5-9`: both ends in it, each once, in ascending order."""
    if value is None:
        return None
    found: set[int] = set()
    for part in value.split(","):
        first, dash, last = part.strip().partition("-")
        last = last if dash else first
        if not (first.isdecimal() and last.isdecimal() and len(first + last) < 12 and int(first) <= int(last)):
            raise click.BadParameter(f"expected integers and ranges, as 0,1,5-9, got {shown(value)}", ctx, param)
        found |= set(range(int(first), int(last) + 1))
    return sorted(found)


def stored(text: str) -> int | float:
    """An integer as it is stored; of a float the study says which integer was probably meant."""
    try:
        return int(text)
    except ValueError:
        return float(text)


class _Stored(_Type):
    """One of them."""

    name = "INTEGER"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return stored(value)
        except ValueError:
            self.fail(f"expected an integer, got {shown(value)}", param, ctx)


STORED: Final = _Stored()
STORED_SEVERAL: Final = Several(stored, "INTEGERS")
INTEGERS: Final = Several(int, "INTEGERS")
NUMBERS: Final = Several(float, "NUMBERS")


@dataclass(frozen=True)
class Run:
    """What the shared options ask for."""

    form: str
    out: str | None
    plot: str | None
    resume: bool = False
    workers: int | None = None
    scheduler: str | None = None

    @contextlib.contextmanager
    def engine(self, label: str) -> Iterator[dict[str, Any]]:
        """The arguments executor, folder and progress of a study; what it finished is kept beside --out until that is
        written."""
        folder = self._parts()
        if folder is not None and folder.exists() and not self.resume:
            raise InputError("out", f"{folder} holds what an earlier run finished: --resume goes on, or remove it")
        with contextlib.ExitStack() as stack:
            executor = None
            if self.scheduler is not None:
                executor = stack.enter_context(_client(self.scheduler)).get_executor()
            elif self.workers is not None:
                # a fresh interpreter each: a fork of a process with threads is none that works everywhere
                context = multiprocessing.get_context("spawn")
                executor = stack.enter_context(ProcessPoolExecutor(self.workers, context))
            done = stack.enter_context(progress(label))
            yield {"executor": executor, "folder": folder, "progress": done}

    def _parts(self) -> Path | None:
        return None if self.out is None else Path(f"{self.out}.parts")

    def finish(self, study: Study, *tables: Table, picture: Callable[..., Any] | None = None) -> None:
        """Writes the study into --out and its picture into --plot, and shows `tables`, or else what there is to read."""
        if self.out is not None:
            study.save(self.out)
            if (folder := self._parts()) is not None and folder.is_dir():
                for pattern in ("chunk-*.npz", "study.json", ".*.tmp"):  # the last of processes that were killed
                    for path in folder.glob(pattern):
                        path.unlink()
                folder.rmdir()
        if self.plot is not None:
            draw(self.plot, picture or type(study).plot, study)
        if self.form == "csv":
            emit("csv", {}, Table(study.to_dict()))
        else:
            emit(self.form, lambda: _document(study), *(tables or (study.brief(),)))

    def show(self, table: Table) -> None:
        """Shows a table that is no study's."""
        emit(self.form, lambda: {"rows": table.rows()}, table)


def _check_files(out: str | None, plot: str | None) -> None:
    """Before anything is computed: that there is where to write, and a picture can be drawn in this format."""
    for name, path in (("out", out), ("plot", plot)):
        if path is not None and not Path(path).absolute().parent.is_dir():
            raise InputError(name, f"there is no folder {Path(path).parent}")
    if plot is not None:
        known = extra("matplotlib.figure", "plots").Figure().canvas.get_supported_filetypes()
        if Path(plot).suffix[1:].lower() not in known:
            raise InputError("plot", f"expected an ending out of {', '.join(sorted(known))}, got {shown(plot)}")


def _client(address: str) -> Any:
    distributed = extra("distributed", "studies")
    try:
        return distributed.Client(address, timeout=30)
    except (OSError, ValueError) as error:
        raise InputError("scheduler", f"no scheduler answers at {address}: {error}") from None


def _document(study: Study) -> dict[str, Any]:
    table = {
        name: [None if isinstance(value, float) and not math.isfinite(value) else value for value in values]
        for name, values in study.to_dict().items()
    }
    return {"study": type(study).__name__, "provenance": dict(study.provenance), "table": table}


def shows(function: _F) -> _F:
    """The options --out, --plot, --json and --csv of a study, which gets a `Run` as `run`."""

    @click.option("--out", metavar="FILE", help="Save the study into this .npz file; `load` of its class reads it.")
    @click.option("--plot", metavar="FILE", help="Draw it into this file, of which the ending says the format.")
    @formats
    @functools.wraps(function)
    def command(*args: Any, form: str, out: str | None, plot: str | None, **kwargs: Any) -> Any:
        _check_files(out, plot)
        return function(*args, run=Run(form, out, plot), **kwargs)

    return command  # type: ignore[return-value]


def runs(function: _F) -> _F:
    """Those of `shows`, and --resume, --workers and --scheduler of a study that is computed in parts."""

    @click.option("--out", metavar="FILE", help="Save the study into this .npz file; `load` of its class reads it.")
    @click.option("--plot", metavar="FILE", help="Draw it into this file, of which the ending says the format.")
    @click.option("--resume", is_flag=True, help="With --out: go on where a run that was stopped had come to.")
    @click.option("--workers", type=click.IntRange(1, 1024), help="So many processes (default: threads of this one).")
    @click.option("--scheduler", metavar="ADDRESS", help="Compute on the workers of this scheduler of dask.distributed.")
    @formats
    @functools.wraps(function)
    def command(
        *args: Any,
        form: str,
        out: str | None,
        plot: str | None,
        resume: bool,
        workers: int | None,
        scheduler: str | None,
        **kwargs: Any,
    ) -> Any:
        context = click.get_current_context()
        if resume and out is None:
            raise click.UsageError("--resume: needs --out", context)
        if workers is not None and scheduler is not None:
            raise click.UsageError("--workers: not allowed with --scheduler", context)
        _check_files(out, plot)
        return function(*args, run=Run(form, out, plot, resume, workers, scheduler), **kwargs)

    return command  # type: ignore[return-value]
