"""What becomes of a subnet's next epochs if something in it were otherwise: many changes together, beside what is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from yuma_kernel.arrays import U64_MAX, AnyArray, I64Array, has_items, integer, seal
from yuma_kernel.epoch import epoch
from yuma_kernel.errors import InputError, shown
from yuma_kernel.moves import Change, Draft, drafts, stacked
from yuma_kernel.pool import spread, thread_count
from yuma_kernel.results import OUTPUT_TABLE, OUTPUTS, STACKED
from yuma_kernel.simulation import MAX_EPOCHS, simulate
from yuma_kernel.tables import SHOWN, Table, Tabled, alpha
from yuma_kernel.types import Hyperparameters, SubnetState, require_known, require_subnet
from yuma_kernel.variants import variants

AS_IT_IS: Final = "as it is"
"""What a table calls the subnet without a change."""
DEFAULT: Final = ("validator_trust", "incentive", "dividends", "emission")
"""The outputs that are shown where none are named; without an emission the last says nothing, and is left out."""
STACK_BYTES: Final = 2**18
"""Of the weights of changes that are laid out at a time: more would leave the cache before they are read."""


@dataclass(frozen=True, eq=False, repr=False)
class WhatIf(Tabled):
    """What each change leads to, beside what is. `print` shows the table, a notebook too.

    Attributes:
        changes: by name, in order; k of them.
        epochs: how many epochs ahead; 1 is the next.
        n: the number of uids.
        uids: those that the table shows.
        now: by output, [n]: without any change, so many epochs ahead.
        then: by output, [k, n]: with each of the changes.
    """

    changes: Mapping[str, Change]
    epochs: int
    n: int
    uids: tuple[int, ...]
    now: Mapping[str, AnyArray]
    then: Mapping[str, AnyArray]

    def __len__(self) -> int:
        """The number of changes."""
        return len(self.changes)

    def __getitem__(self, name: str) -> dict[str, AnyArray]:
        """By output, [n]: what the change of this name leads to."""
        if name not in self.changes:
            raise InputError(
                "name", f"expected one of the changes, {', '.join(map(shown, self.changes))}, got {shown(name)}"
            )
        k = list(self.changes).index(name)
        return {output: rows[k] for output, rows in self.then.items()}

    def difference(self, output: str) -> I64Array:
        """int64[k, n]: what there is more of an output with each of the changes, in its own unit."""
        if output not in self.then:
            raise InputError("output", f"expected one that was asked for, {', '.join(self.then)}, got {shown(output)}")
        then, now = (values[output].astype(np.uint64) for values in (self.then, self.now))
        return (then - now).view(np.int64)

    def table(self, uids: int | Iterable[int] | None = None) -> Table:
        """A row for each change and uid, after those of what is: each output, and how much more it is than what is."""
        chosen = list(self.uids) if uids is None else _chosen(uids, self.n)
        columns: dict[str, list[Any]] = {
            "change": [name for name in (AS_IT_IS, *self.changes) for _ in chosen],
            "uid": chosen * (len(self.changes) + 1),
        }
        people: dict[str, list[str]] = {name: [str(value) for value in values] for name, values in columns.items()}
        for output, rows in self.then.items():
            values = np.concatenate([self.now[output][None], rows])[:, chosen].reshape(-1).tolist()
            more: list[Any] = [None] * len(chosen) + self.difference(output)[:, chosen].reshape(-1).tolist()
            columns[output], columns[f"{output}_change"] = values, more
            say = _SAID[str(OUTPUT_TABLE[output].dtype)]
            people[output] = [say(value) for value in values]
            people[f"{output}_change"] = ["" if d is None else f"{'+' * (d > 0)}{say(d)}" if d else "=" for d in more]
        ahead = "the next epoch" if self.epochs == 1 else f"the epoch {self.epochs} ahead"
        title = f"{len(self)} change{'s' * (len(self) != 1)} in {ahead}"
        amounts = [output for output in self.then if OUTPUT_TABLE[output].dtype == np.uint64]
        headers = {name: f"{name.replace('_', ' ')} (alpha)" for output in amounts for name in (output, f"{output}_change")}
        nothing = bool(amounts) and not any(values[output].any() for values in (self.now, self.then) for output in amounts)
        caption = "no amount of alpha: the epoch's emission is 0" if nothing else ""
        return Table(columns, people, headers, left=("change",), title=title, caption=caption)

    def __repr__(self) -> str:
        return f"WhatIf(changes={len(self)}, epochs={self.epochs}, n={self.n}, outputs={', '.join(self.then)})"

    def __str__(self) -> str:
        return self.table().text(4 * SHOWN)

    def _repr_html_(self) -> str:
        return self.table().html(4 * SHOWN)

    def to_dict(self) -> dict[str, Any]:
        """What was asked, and the rows of the table as machines read them."""
        return {
            "epochs": self.epochs,
            "changes": {name: str(change) for name, change in self.changes.items()},
            "rows": self.table().rows(),
        }


_SAID: Final[Mapping[str, Callable[[Any], str]]] = {
    "bool": lambda value: "yes" if value == 1 else "no",
    "uint16": lambda value: f"{value / 65535:.4%}",
    "uint64": alpha,
}
"""How people read a number of this dtype: a proportion in percent, rao as alpha."""


def what_if(
    state: SubnetState,
    hyperparameters: Hyperparameters,
    changes: Mapping[str, Change] | Change,
    *,
    epochs: int = 1,
    emission: int = 0,
    uids: int | Iterable[int] | None = None,
    outputs: str | Iterable[str] | None = None,
    threads: int | None = None,
    progress: Callable[[int, int], object] | None = None,
    backend: str | None = None,
) -> WhatIf:
    """What each of the changes would lead to in the next epoch, or so many epochs ahead.

    One epoch is computed by `variants`. Further ones by `simulate` with steps by tempo: whoever holds a permit goes on with
    the weights that it has, and nobody changes anything else.

    Args:
        state, hyperparameters: the subnet as it is.
        changes: {name: change} of `yuma_kernel.moves`; one alone is named by what it does.
        epochs: how many ahead; 1 is the next.
        emission: u64, rao, of each epoch.
        uids: those that the table shows, one or several; None: those that the changes name, or all where they name none.
        outputs: names out of `OUTPUTS`, all but the bonds. None: validator_trust, incentive, dividends, and emission where
            there is one to divide.
        threads, progress (with the number of subnets computed and of all), backend: as for `variants`.

    Raises:
        InputError: naming the argument, and the change that cannot be made.
    """
    require_subnet(state, hyperparameters)
    named = _named(changes)
    ahead = integer("epochs", epochs, 1, MAX_EPOCHS)
    amount = integer("emission", emission, 0, U64_MAX)
    names = _outputs((DEFAULT if amount else DEFAULT[:-1]) if outputs is None else outputs)
    asked = drafts(state, hyperparameters, {AS_IT_IS: Change(), **named}, backend)
    require_known(state, hyperparameters)
    for name, draft in zip(named, asked[1:], strict=True):
        _known(state, draft.hyperparameters, name)
    told = dict.fromkeys(uid for change in named.values() for step in change.steps for uid in step.uids)
    chosen = _chosen(told or range(state.n) if uids is None else uids, state.n)
    if ahead == 1:
        sealed = _next(state, hyperparameters, asked, amount, names, threads, progress, backend)
    else:
        sealed = _further(state, asked, ahead, amount, names, threads, progress, backend)
    return WhatIf(
        changes=MappingProxyType(named),
        epochs=ahead,
        n=state.n,
        uids=tuple(chosen),
        now=MappingProxyType({name: values[0] for name, values in sealed.items()}),
        then=MappingProxyType({name: values[1:] for name, values in sealed.items()}),
    )


def _known(state: SubnetState, hyperparameters: Hyperparameters, name: str) -> None:
    """`require_known` of a change."""
    try:
        require_known(state, hyperparameters)
    except InputError as error:
        raise InputError(error.field, f"{error.rule} (in the change {shown(name)})") from None


def _chosen(uids: object, n: int) -> list[int]:
    asked = list(uids) if has_items(uids) else [uids]  # type: ignore[call-overload]
    return [integer("uids", uid, 0, n - 1, k) for k, uid in enumerate(asked)]


def _named(changes: object) -> dict[str, Change]:
    if isinstance(changes, Change):
        return {str(changes): changes}
    if not isinstance(changes, Mapping):
        raise InputError("changes", f"expected {{name: change}}, got {type(changes).__name__}")
    for name, change in changes.items():
        if not isinstance(name, str):
            raise InputError("changes", f"expected a name, got {shown(name)}")
        if name == AS_IT_IS:
            raise InputError("changes", f"expected another name than {name!r}, which is that of the subnet without a change")
        if not isinstance(change, Change):
            raise InputError("changes", f"expected a Change for {shown(name)}, got {type(change).__name__}")
    return dict(changes)


def _outputs(outputs: object) -> tuple[str, ...]:
    names = [outputs] if isinstance(outputs, str) or not has_items(outputs) else list(outputs)  # type: ignore[call-overload]
    for k, name in enumerate(names):
        if not isinstance(name, str) or name not in STACKED:
            raise InputError("outputs", f"expected names out of {', '.join(STACKED)}, got {shown(name)}", k)
    return tuple(name for name in OUTPUTS if name in names)


def _room(outputs: Iterable[str], count: int, n: int) -> dict[str, AnyArray]:
    return {name: np.empty((count, n), OUTPUT_TABLE[name].dtype) for name in outputs}


# -- the next epoch


def _next(
    state: SubnetState,
    rules: Hyperparameters,
    asked: list[Draft],
    amount: int,
    outputs: tuple[str, ...],
    threads: int | None,
    progress: Callable[[int, int], object] | None,
    backend: str | None,
) -> Mapping[str, AnyArray]:
    late = Draft(asked[0].known)  # what has not come yet is as it is
    come = [late if draft.delay else draft for draft in asked]
    # variants have one owner: those without it are computed alone
    together = [k for k, draft in enumerate(come) if draft.owner_uid == state.owner_uid]
    some = [come[k] for k in together]
    given: dict[str, Any] = {}
    for name in sorted({name for draft in some for name in draft.values}):
        given[name] = stacked(some, name)
    if any(draft.bonds is not None for draft in some):
        given["bonds"] = [state.bonds if draft.bonds is None else draft.bonds for draft in some]
    moved = sorted({uid for draft in some for uid in draft.rows})
    if moved and _all_plain(some, moved):
        given["weights"], given["uids"] = _dense(state, moved, some), moved
    elif moved:
        given["weights"] = [draft.weights() for draft in some]

    def told(done: int, _: int | None) -> None:
        if progress is not None:
            progress(done, len(come))

    everybody = [draft.hyperparameters for draft in some]
    one_rule = all(h is rules for h in everybody)
    got = variants(
        state,
        rules if one_rule else everybody,
        count=len(some),
        emission=amount,
        outputs=outputs,
        threads=threads,
        progress=told if callable(progress) else progress,  # which refuses what is no function
        backend=backend,
        **given,
    )
    if len(together) == len(come):
        return got.arrays
    rows = _room(outputs, len(come), state.n)
    for name, values in rows.items():
        values[together] = got.arrays[name]
    for done, k in enumerate(sorted(set(range(len(come))) - set(together)), len(together) + 1):
        alone = epoch(come[k].apply(), come[k].hyperparameters, emission=amount, backend=backend)
        for name, values in rows.items():
            values[k] = getattr(alone, name)
        told(done, None)
    return {name: seal(values) for name, values in rows.items()}


def _plain(uids: AnyArray, values: AnyArray) -> bool:
    """Whether a row is what its dense form says: ascending, and without zeros. The order and the zeros of a row count in the
    epoch, where liquid alpha walks it."""
    return bool((uids[1:] > uids[:-1]).all() and values.all())


def _all_plain(some: list[Draft], moved: list[int]) -> bool:
    known = some[0].known
    if not all(_plain(*known.row(uid)) for uid in moved):
        return False
    return all(_plain(*row) for draft in some for row in draft.rows.values() if isinstance(row, tuple))


def _dense(state: SubnetState, moved: list[int], some: list[Draft]) -> Iterator[AnyArray]:
    """The rows of the uids that any change moves, of several changes at a time, in the same array."""
    place = {uid: r for r, uid in enumerate(moved)}
    held = np.zeros((len(moved), state.n), np.uint16)
    for uid, r in place.items():
        uids, values = some[0].known.row(uid)
        held[r, uids] = values

    stack = np.repeat(held[None], max(1, min(len(some), STACK_BYTES // held.nbytes)), axis=0)
    for begin in range(0, len(some), len(stack)):
        part = some[begin : begin + len(stack)]
        for dense, draft in zip(stack, part, strict=False):
            for uid, row in draft.rows.items():
                if isinstance(row, tuple):
                    dense[place[uid]] = 0
                    dense[place[uid], row[0]] = row[1]
                else:
                    dense[place[uid]] = row
        yield stack[: len(part)]
        for dense, draft in zip(stack, part, strict=False):
            for uid in draft.rows:
                dense[place[uid]] = held[place[uid]]


# -- further epochs


def _further(
    state: SubnetState,
    asked: list[Draft],
    ahead: int,
    amount: int,
    outputs: tuple[str, ...],
    threads: int | None,
    progress: Callable[[int, int], object] | None,
    backend: str | None,
) -> Mapping[str, AnyArray]:
    if progress is not None and not callable(progress):
        raise InputError("progress", f"expected a callable, got {type(progress).__name__}")
    workers = max(1, min(thread_count(threads), len(asked)))
    rows = _room(outputs, len(asked), state.n)
    done = 0

    def compute(k: int) -> None:
        draft = asked[k]
        first = draft.apply()
        weights = None
        if draft.delay:
            late = min(draft.delay, ahead)
            weights = [state.weights] * late + [first.weights] * (ahead - late)
        run = simulate(
            first,
            draft.hyperparameters,
            epochs=ahead,
            weights=weights,
            steps="tempo",
            emission=amount,
            every=ahead,
            backend=backend,
        )
        for name, values in rows.items():
            values[k] = getattr(run, name)[-1]

    def finished(k: int) -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, len(asked))

    spread(range(len(asked)), compute, workers, finished)
    return {name: seal(values) for name, values in rows.items()}
