"""Sweeps: any hyperparameters crossed over any subnets, and what metrics say of every combination."""

from __future__ import annotations

import base64
import hashlib
import itertools
import math
import os
import pickle
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import fields, replace
from functools import lru_cache
from os import PathLike
from pathlib import Path
from types import FunctionType
from typing import Any, Final, cast

import numpy as np

from yuma_kernel.arrays import U16_MAX, U64_MAX, AnyArray, has_items, integer
from yuma_kernel.errors import InputError, shown
from yuma_kernel.extras import axes
from yuma_kernel.results import STACKED
from yuma_kernel.simulation import simulate
from yuma_kernel.snapshot import Snapshot, load, packed, unpacked
from yuma_kernel.studies.engine import Chunk, Progress, run
from yuma_kernel.studies.metrics import Metric, Observed, named
from yuma_kernel.studies.result import Study, provenance
from yuma_kernel.studies.runtime_changes import under
from yuma_kernel.studies.series import Series
from yuma_kernel.types import Hyperparameters, SubnetState, plain, require_hyperparameters
from yuma_kernel.variants import variants

METRICS_BY_DEFAULT: Final = ("incentive_gini", "dividends_per_stake", "validator_trust")

EMISSION_RAO: Final = 10**18
"""To divide where the subject has none of its own; so much that what floors leave out is no part of a result."""

CELLS_OF_CHUNK: Final = 4096
"""Combinations that are a chunk at most, of one epoch each."""
NUMBERS_OF_CHUNK: Final = 2**20
"""Uids times combinations that are a chunk, or a combination alone where it has more."""
EPOCHS_OF_CHUNK: Final = 512
"""Epochs that are simulated for a chunk, or those of one combination where they are more."""

Subject = SubnetState | Snapshot | Series
Name = str | tuple[str, ...]


class Sweep(Study):
    """What metrics say of subnets under hyperparameters: a row a combination.

    Columns of the table: `subject`; the hyperparameters that were crossed, by name, as stored; then the metrics, doubles.
    Subjects are outermost, and the hyperparameter that was named last moves first.
    """

    title = "hyperparameters and what they do"

    @property
    def crossed(self) -> tuple[tuple[str, ...], ...]:
        """The hyperparameters that were crossed, in their order; those that move together are one."""
        return tuple(tuple(names) for names in self.provenance["crossed"])

    @property
    def metrics(self) -> tuple[str, ...]:
        """The names of the metrics."""
        return tuple(self.provenance["metrics"])

    def where(self, **values: Any) -> Sweep:
        """The rows that have these values, by the names of columns: `where(subject="a", kappa=32767)`.

        Raises:
            InputError: there is no such column, or no such row.
        """
        of = np.ones(len(self), np.bool_)
        for name, value in values.items():
            if name not in self.table:
                raise InputError("where", f"expected names out of {', '.join(self.table)}, got {shown(name)}")
            of &= np.array([held == value for held in self.table[name].tolist()], np.bool_)
            if not of.any():
                raise InputError("where", f"no row has {name} = {shown(value)}")
        about = {**self.provenance, "where": {**self.provenance.get("where", {}), **values}}
        return Sweep({name: column[of] for name, column in self.table.items()}, about)

    def plot(self, ax: Any = None, *, metric: str | None = None) -> Any:
        """A metric over one hyperparameter, a line a subject, or over two of one subject as a heat map; returns the axes.

        Args:
            metric: its name; None for the first.

        Raises:
            InputError: no such metric, or more than a picture can have: `where` leaves some.
        """
        name = self.metrics[0] if metric is None else metric
        if name not in self.metrics:
            raise InputError("metric", f"expected one of {', '.join(self.metrics)}, got {shown(name)}")
        moved = [names for names in self.crossed if len(dict.fromkeys(self._places(names))) > 1]
        subjects = list(dict.fromkeys(self.table["subject"].tolist()))
        if len(moved) > 2 or (len(moved) == 2 and len(subjects) > 1):
            raise InputError(
                "metric",
                f"expected at most one hyperparameter of more subjects or two of one, got {len(moved)} of {len(subjects)}: "
                "where(…) leaves some",
            )
        ax = axes(ax)
        if len(moved) == 2:
            self._map(ax, name, *moved)
        else:
            self._lines(ax, name, moved[0] if moved else self.crossed[0], subjects)
        return ax

    def _places(self, names: Sequence[str]) -> list[tuple[Any, ...]]:
        return list(zip(*(self.table[name].tolist() for name in names), strict=True))

    def _lines(self, ax: Any, metric: str, names: tuple[str, ...], subjects: list[str]) -> None:
        places = list(dict.fromkeys(self._places(names)))
        at = _along(names, places)
        for subject in subjects:
            of = self.table["subject"] == subject
            mine = [places.index(place) for place, own in zip(self._places(names), of, strict=True) if own]
            x = [float(k) if at is None else at[k] for k in mine]
            ax.plot(x, self.table[metric][of], marker="." if len(x) <= 60 else "", label=subject)
        if at is None:
            ax.set_xticks(range(len(places)), [_said(names, place) for place in places], rotation=30, ha="right")
        ax.set_xlabel(_axis(names))
        ax.set_ylabel(metric.replace("_", " "))
        ax.set_title(f"{metric.replace('_', ' ')} by {' and '.join(names).replace('_', ' ')}")
        if len(subjects) > 1:
            ax.legend(fontsize=8)

    def _map(self, ax: Any, metric: str, across: tuple[str, ...], up: tuple[str, ...]) -> None:
        columns, rows = (list(dict.fromkeys(self._places(names))) for names in (across, up))
        values = np.full((len(rows), len(columns)), np.nan)
        for x, y, value in zip(self._places(across), self._places(up), self.table[metric].tolist(), strict=True):
            values[rows.index(y), columns.index(x)] = value
        image = ax.imshow(values, origin="lower", aspect="auto", interpolation="nearest", cmap="viridis")
        ax.figure.colorbar(image, ax=ax, label=metric.replace("_", " "))
        for axis, names, places in ((ax.xaxis, across, columns), (ax.yaxis, up, rows)):
            every = -(-len(places) // 16)
            axis.set_ticks(range(0, len(places), every), [_said(names, place) for place in places[::every]])
            axis.set_label_text(_axis(names))
        if len(columns) > 8 or len(across) > 1:
            for text in ax.get_xticklabels():
                text.set(rotation=45, ha="right", rotation_mode="anchor")
        if values.size <= 144:
            low, high = float(np.nanmin(values)), float(np.nanmax(values))
            # so many that cells of different colors are different numbers
            digits = min(9, max(0, 2 - math.floor(math.log10(high - low)))) if high > low else 3
            for (row, column), value in np.ndenumerate(values):
                color = "black" if value > low + 0.6 * (high - low) else "white"
                ax.text(column, row, f"{value:.{digits}f}", ha="center", va="center", fontsize=8, color=color)
        ax.set_title(f"{metric.replace('_', ' ')} by {' and '.join([*across, *up]).replace('_', ' ')}")


_UNITS: Final[Mapping[str, tuple[int, str]]] = {
    **dict.fromkeys(("kappa", "bonds_penalty", "alpha_low", "alpha_high"), (U16_MAX, "proportion")),
    "bonds_moving_average": (10**6, "proportion kept"),
    "stake_threshold": (10**9, "alpha"),
    "tempo": (1, "blocks"),
    "activity_cutoff": (1, "blocks"),
}
"""For people: what is 1, and of what."""


def _along(names: Sequence[str], places: Sequence[tuple[Any, ...]]) -> list[float] | None:
    """Where on an axis the values of one hyperparameter stand; None where they are no numbers."""
    if len(names) > 1 or any(isinstance(place[0], (bool, str)) for place in places):
        return None
    return [place[0] / _UNITS.get(names[0], (1, ""))[0] for place in places]


def _said(names: Sequence[str], place: tuple[Any, ...]) -> str:
    said = []
    for name, value in zip(names, place, strict=True):
        whole = _UNITS.get(name, (1, ""))[0]
        if isinstance(value, bool):
            said.append("on" if value else "off")
        else:
            said.append(f"{value / whole:.3g}" if whole > 1 else str(value))
    return " and ".join(said)


def _axis(names: Sequence[str]) -> str:
    return ", ".join(
        name.replace("_", " ") + (f" ({_UNITS[name][1]})" if name in _UNITS else "") for name in names
    )  # fmt: skip


def sweep(
    subjects: Subject | str | PathLike[str] | Mapping[str, Any] | Sequence[Any],
    parameters: Mapping[Name, Iterable[Any]],
    *,
    metrics: str | Metric | Sequence[str | Metric] | Mapping[str, str | Metric] = METRICS_BY_DEFAULT,
    hyperparameters: Hyperparameters | None = None,
    epochs: int | None = None,
    steps: str | None = None,
    warmup: int = 0,
    emission: int | None = None,
    executor: Executor | None = None,
    folder: str | PathLike[str] | None = None,
    progress: Progress | None = None,
) -> Sweep:
    """Hyperparameters crossed, over subnets, and what metrics say of each combination.

    A state or a snapshot goes through one epoch (`yuma_kernel.variants`), or through `epochs` of them
    (`yuma_kernel.simulate`); a series through all of its own. Combinations are computed chunk by chunk, and only the metrics
    are kept. The result does not depend on how many workers there are.

    Args:
        subjects: a SubnetState, Snapshot or Series, or the path of a file of one of the latter; a sequence of them, which
            their file's name or their place names; or a mapping by name.
        parameters: by the name of a hyperparameter, the values that it takes, as stored; by a tuple of names, tuples of
            values that they take together: `{("alpha_low", "alpha_high"): [(6554, 19661), (6554, 32768)]}`. Under another
            `profile` the steepness is converted to its unit.
        metrics: names of `METRICS`, or of `metrics.OF_UIDS` with uids in brackets, as `retention[0-12,40]`; functions of an
            `Observed` that give a number; or a mapping of either by the name of the column.
        hyperparameters: those that are not crossed; None for those of the snapshot or series. A state needs them.
        epochs: of a state or snapshot, one after the other, its weights held; None for one.
        steps: "tempo", as for `yuma_kernel.simulate`; with None blocks stand still.
        warmup: the first so many of the epochs are not measured.
        emission: rao for every epoch; None for what the snapshot has, and 10^18 where it has none.
        executor, folder, progress: as for `yuma_kernel.studies.engine.run`. For other processes and for folders a function
            is one of a module; a folder knows it by its name and its code, and does not look at what it calls.

    Raises:
        InputError: naming the argument or the hyperparameter, and the index of its value.
    """
    given = _subjects(subjects)
    count = 1 if epochs is None else integer("epochs", epochs, 1, 2**31 - 1)
    if steps not in (None, "tempo"):
        raise InputError("steps", f"expected 'tempo' or None, got {shown(steps)}")
    amount = None if emission is None else integer("emission", emission, 0, U64_MAX)
    named_metrics, functions = _metrics(metrics, min(subject_n(subject) for subject in given.values()), folder, executor)
    skipped = integer("warmup", warmup, 0, 2**31 - 1)
    if hyperparameters is not None:
        require_hyperparameters(hyperparameters)
    contents = {label: _content(subject) for label, subject in given.items()}
    chunks: list[Chunk] = []
    keys: list[tuple[str, ...]] = []
    values: list[list[list[Any]]] = []
    for label, subject in given.items():
        rules = hyperparameters or getattr(subject, "hyperparameters", None)
        if rules is None:
            raise InputError("hyperparameters", f"expected some, as the state {shown(label)} has none")
        keys, values = _crossing(parameters, rules)
        total = math.prod(map(len, values))
        long = len(subject) if isinstance(subject, Series) else count
        if isinstance(subject, Series) and (epochs is not None or steps is not None):
            raise InputError("epochs", f"expected not to be given with a series, which has {long}")
        if skipped >= long:
            raise InputError("warmup", f"expected less than the {long} epochs of {shown(label)}, got {skipped}")
        alone = long == 1 and steps is None and not isinstance(subject, Series)
        own = (isinstance(subject, Snapshot) and subject.emission) or EMISSION_RAO
        size = (
            max(1, min(CELLS_OF_CHUNK, NUMBERS_OF_CHUNK // subject_n(subject))) if alone else max(1, EPOCHS_OF_CHUNK // long)
        )
        common = {
            "subject": label, "series": isinstance(subject, Series), "content": contents[label],
            "hyperparameters": plain(rules), "names": [list(names) for names in keys], "values": values,
            "epochs": long, "steps": steps, "warmup": skipped, "emission": own if amount is None else amount,
            "metrics": named_metrics,
        }  # fmt: skip
        chunks += [{**common, "first": k, "end": min(k + size, total)} for k in range(0, total, size)]
    parts = run(_Cells(functions), chunks, executor=executor, folder=folder, progress=progress)
    table = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    crossing = {"+".join(names): column for names, column in zip(keys, values, strict=True)}
    about = provenance(
        {"parameters": crossing, "epochs": epochs, "steps": steps, "warmup": skipped, "emission": amount},
        profiles=sorted({chunk["hyperparameters"]["profile"] for chunk in chunks} | set(_profiles(keys, values))),
    )
    about |= {
        "subjects": {label: _digest(content) for label, content in contents.items()},
        "hyperparameters": {chunk["subject"]: chunk["hyperparameters"] for chunk in chunks},
        "crossed": [list(names) for names in keys],
        "metrics": [metric["name"] for metric in named_metrics],
    }
    return Sweep(table, about)


def _digest(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()


def _profiles(keys: Sequence[tuple[str, ...]], values: Sequence[Sequence[Sequence[Any]]]) -> Iterable[int]:
    for names, column in zip(keys, values, strict=True):
        if "profile" in names:
            yield from (place[names.index("profile")] for place in column)


# -- what is given --------------------------------------------------------------------------------------------------------


def _subjects(subjects: Any) -> dict[str, Subject]:
    """By name."""
    if isinstance(subjects, (SubnetState, Snapshot, Series, str, os.PathLike)):
        items: Iterable[tuple[Any, Any]] = [(_name(subjects, 0), subjects)]
    elif isinstance(subjects, Mapping):
        items = subjects.items()
    elif has_items(subjects):
        items = [(_name(subject, k), subject) for k, subject in enumerate(subjects)]
    else:
        raise InputError("subjects", f"expected a state, a snapshot, a series or several, got {type(subjects).__name__}")
    found: dict[str, Subject] = {}
    for k, (name, subject) in enumerate(items):
        if not isinstance(name, str) or name in found:
            raise InputError("subjects", f"expected names, every one once, got {shown(name)}", k)
        found[name] = _loaded(subject) if isinstance(subject, (str, os.PathLike)) else subject
        if not isinstance(found[name], (SubnetState, Snapshot, Series)):
            raise InputError("subjects", f"expected a state, a snapshot or a series, got {type(subject).__name__}", k)
    if not found:
        raise InputError("subjects", "expected at least one")
    return found


def _name(subject: Any, k: int) -> str:
    return Path(os.fsdecode(subject)).name if isinstance(subject, (str, os.PathLike)) else str(k)


def _loaded(path: str | PathLike[str]) -> Snapshot | Series:
    """A snapshot has a schema, and a series has not."""
    try:
        with zipfile.ZipFile(path) as archive:
            series = "blocks.npy" in archive.namelist()
    except zipfile.BadZipFile:
        series = False  # `load` says what it is
    return Series.load(path) if series else load(path)


def subject_n(subject: Subject) -> int:
    """How many uids it has."""
    return subject.state.n if isinstance(subject, Snapshot) else subject.n


def _content(subject: Subject) -> str:
    if isinstance(subject, Series):
        content = subject.to_bytes()
    else:
        state = subject.state if isinstance(subject, Snapshot) else subject
        content = packed(Snapshot(state, Hyperparameters()))
    return base64.b64encode(content).decode()


def _crossing(parameters: Any, rules: Hyperparameters) -> tuple[list[tuple[str, ...]], list[list[list[Any]]]]:
    """The names that are crossed, and for each the values, as hyperparameters hold them."""
    if not isinstance(parameters, Mapping) or not parameters:
        raise InputError("parameters", "expected a mapping of names of hyperparameters to their values")
    known = {f.name for f in fields(Hyperparameters)}
    keys: list[tuple[str, ...]] = []
    values: list[list[list[Any]]] = []
    for key, column in parameters.items():
        names = (key,) if isinstance(key, str) else key
        if not isinstance(names, tuple) or not names or any(name not in known for name in names):
            raise InputError("parameters", f"expected names out of {', '.join(sorted(known))}, got {shown(key)}")
        if len(set(names)) < len(names) or any(set(names) & set(others) for others in keys):
            raise InputError("parameters", f"expected every name once, got {shown(key)} again")
        if isinstance(column, str) or not has_items(column):
            raise InputError("parameters", f"expected the values of {', '.join(names)}, got {shown(column)}")
        places: list[list[Any]] = []
        for k, value in enumerate(column):
            place = (value,) if isinstance(key, str) else value
            if not isinstance(place, (tuple, list)) or len(place) != len(names):
                raise InputError("parameters", f"expected {len(names)} values together, got {shown(value)}", k)
            try:
                held = _with(rules, dict(zip(names, place, strict=True)))
            except InputError as error:
                raise type(error)(error.field, error.rule, k) from None
            places.append([getattr(held, name) for name in names])
        if not places or len({repr(place) for place in places}) < len(places):
            raise InputError("parameters", f"expected at least one value of {', '.join(names)}, and every one once")
        keys.append(names)
        values.append(places)
    return keys, values


def _with(rules: Hyperparameters, changes: Mapping[str, Any]) -> Hyperparameters:
    if "profile" in changes:
        rules = under(rules, Hyperparameters(profile=changes["profile"]).profile)
    return replace(rules, **{name: value for name, value in changes.items() if name != "profile"})


def _metrics(
    metrics: Any, n: int, folder: object, executor: Executor | None
) -> tuple[list[dict[str, Any]], tuple[Metric, ...]]:
    """Of each metric its name, what is computed under it, and of functions which one it is and what is known of it."""
    single = isinstance(metrics, str) or callable(metrics)
    if isinstance(metrics, Mapping):
        items: list[tuple[Any, Any]] = list(metrics.items())
    elif single or has_items(metrics):
        listed = [metrics] if single else list(metrics)
        items = [(metric if isinstance(metric, str) else getattr(metric, "__name__", None), metric) for metric in listed]
    else:
        raise InputError("metrics", f"expected names or functions, got {type(metrics).__name__}")
    taken = {"subject", *(f.name for f in fields(Hyperparameters))}
    found: list[dict[str, Any]] = []
    functions: list[Metric] = []
    for k, (name, metric) in enumerate(items):
        if not isinstance(name, str) or name in taken:
            raise InputError("metrics", f"expected a name that is not taken, got {shown(name)}", k)
        taken.add(name)
        if callable(metric):
            found.append({"name": name, "function": len(functions), "code": _code(metric, k, folder, executor)})
            functions.append(metric)
        else:
            named(metric, n, k)
            found.append({"name": name, "of": metric})
    if not found:
        raise InputError("metrics", "expected at least one")
    return found, tuple(functions)


def _code(function: Any, k: int, folder: object, executor: Executor | None) -> str | None:
    """By what a folder knows a function again."""
    if isinstance(executor, ProcessPoolExecutor):
        try:
            pickle.dumps(function)
        except Exception as error:
            raise InputError(
                "metrics", f"expected a function of a module, which other processes find ({error})", k
            ) from None
    if folder is None:
        return None
    if not isinstance(function, FunctionType) or function.__closure__ or "<" in function.__qualname__:
        raise InputError("metrics", "expected a function of a module, as a folder has to know it again", k)
    code = repr((_constants(function.__code__), function.__defaults__, function.__kwdefaults__))
    return f"{function.__module__}:{function.__qualname__} {_digest(code)}"


def _constants(code: Any) -> tuple[Any, ...]:
    inner = tuple(_constants(item) if hasattr(item, "co_code") else repr(item) for item in code.co_consts)
    return code.co_code.hex(), code.co_names, code.co_varnames, inner


# -- what is computed -----------------------------------------------------------------------------------------------------


@lru_cache(maxsize=4)
def _unpacked(content: str, series: bool) -> SubnetState | Series:
    data = base64.b64decode(content)
    return Series.from_bytes(data) if series else unpacked("subject", data).state


class _Cells:
    """Computes a chunk: a row of the table for each of its combinations."""

    def __init__(self, functions: tuple[Metric, ...]) -> None:
        self.__qualname__ = "sweep"
        self.functions = functions

    def __call__(self, chunk: Chunk) -> dict[str, AnyArray]:
        subject = _unpacked(chunk["content"], chunk["series"])
        keys = [tuple(names) for names in chunk["names"]]
        places = [_place(chunk["values"], k) for k in range(chunk["first"], chunk["end"])]
        rules = Hyperparameters(**chunk["hyperparameters"])
        all_names = [name for names in keys for name in names]
        combinations = [
            _with(rules, dict(zip(all_names, itertools.chain.from_iterable(place), strict=True))) for place in places
        ]
        metrics: list[Callable[[Observed], Any]] = [
            self.functions[metric["function"]] if "function" in metric else named(metric["of"], subject.n)
            for metric in chunk["metrics"]
        ]
        names = [metric["name"] for metric in chunk["metrics"]]
        found = [
            [_number(name, metric(observed)) for name, metric in zip(names, metrics, strict=True)]
            for observed in _observed(subject, combinations, chunk)
        ]
        table: dict[str, AnyArray] = {"subject": np.full(len(places), chunk["subject"])}
        for name in all_names:
            table[name] = np.array([getattr(h, name) for h in combinations], _dtype(name))
        for name, column in zip(names, zip(*found, strict=True), strict=True):
            table[name] = np.array(column, np.float64)
        return table


def _place(values: Sequence[Sequence[Any]], k: int) -> list[Any]:
    """The k-th combination; the last values move first."""
    place: list[Any] = []
    for column in reversed(values):
        k, at = divmod(k, len(column))
        place.append(column[at])
    return place[::-1]


def _dtype(name: str) -> Any:
    kind = type(getattr(Hyperparameters(), name))
    signed = name == "alpha_sigmoid_steepness"
    return {bool: np.bool_, str: np.str_}.get(kind, np.int64 if signed else np.uint64)


def _number(name: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise InputError("metrics", f"expected a number from {name}, got {shown(value)}") from None


def _observed(subject: SubnetState | Series, combinations: list[Hyperparameters], chunk: Chunk) -> Iterable[Observed]:
    """What the epochs gave, of one combination after the other."""
    state = subject.state() if isinstance(subject, Series) else subject
    if not isinstance(subject, Series) and chunk["epochs"] == 1 and chunk["steps"] is None:
        computed = variants(state, combinations, emission=chunk["emission"], threads=1)
        for k, h in enumerate(combinations):
            outputs = {name: getattr(computed, name)[k : k + 1] for name in STACKED}
            yield _of(state, h, outputs, state.total_stake[None], state.validator_permit[None], 0)
        return
    for h in combinations:
        if isinstance(subject, Series):
            simulation = subject.simulate(h, emission=chunk["emission"])
            stake, permit = subject.total_stake, subject.validator_permit
        else:
            steps = cast(Any, chunk["steps"])
            simulation = simulate(state, h, epochs=chunk["epochs"], steps=steps, emission=chunk["emission"])
            stake = np.broadcast_to(state.total_stake, (chunk["epochs"], *state.total_stake.shape))
            permit = np.concatenate([state.validator_permit[None], simulation.validator_permit[:-1]])
        yield _of(state, h, {name: getattr(simulation, name) for name in STACKED}, stake, permit, chunk["warmup"])


def _of(
    state: SubnetState, h: Hyperparameters, outputs: Mapping[str, AnyArray], stake: AnyArray, permit: AnyArray, warmup: int
) -> Observed:
    if state.owner_uid is not None and h.rules.owner_permit:
        permit = permit.copy()
        permit[:, state.owner_uid] = True
    before: AnyArray | None = None
    if warmup:
        before = outputs["consensus"][warmup - 1]
    elif state.previous_consensus is not None and state.previous_consensus.size:
        before = np.zeros(state.n, np.uint16)
        known = state.previous_consensus[: state.n]
        before[: known.size] = known
    measured = {name: rows[warmup:] for name, rows in outputs.items()}
    return Observed(h, measured, stake[warmup:], permit[warmup:], before, state.owner_uid)
