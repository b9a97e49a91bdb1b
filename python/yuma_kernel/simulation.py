"""Consecutive epochs of one subnet, each starting from the bonds, permits and consensus that the one before it stored."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from yuma_kernel.arrays import (
    U16_MAX,
    U64_MAX,
    AnyArray,
    BoolArray,
    Boolean,
    I64Array,
    Integer,
    U16Array,
    U64Array,
    array,
    boolean,
    each_u64,
    freeze,
    has_items,
    integer,
    seal,
)
from yuma_kernel.epoch import Backend, load_backend, supported
from yuma_kernel.errors import InactiveWarning, InputError, shown
from yuma_kernel.results import OUTPUT_TABLE, STACKED, EpochResult, _Outputs, earned
from yuma_kernel.rows import SparseRows, stored_rows
from yuma_kernel.stacks import Stacked
from yuma_kernel.stake import total_stake_array
from yuma_kernel.tables import SHOWN, Table
from yuma_kernel.types import Hyperparameters, SubnetState, require_known, require_state
from yuma_kernel.units import shown_alpha, shown_part

MAX_EPOCHS: Final = 2**31 - 1
Progress = Callable[[int, int], object]


@dataclass(frozen=True, eq=False, repr=False)
class Simulation(Stacked, _Outputs):
    """What consecutive epochs stored. Of the kept epochs, K in number, each array holds a row.

    Attributes:
        epochs: int64[K], which epochs the rows are of, counted from 0.
        blocks: uint64[K], the blocks in which they ran.
        active, validator_permit: bool[K, n].
        stake_weight, consensus, validator_trust, incentive, dividends: uint16[K, n], proportions, 65535 for 1.
        server_emission, validator_emission, emission: uint64[K, n], rao.
        bonds: of each kept epoch the bonds that it stored, or None where they were not asked for.
        state: the subnet as the epoch after the last one finds it: its bonds, its permits and its previous consensus, and
            with `steps="tempo"` its blocks and the dates of its weights.
    """

    bonds: tuple[SparseRows, ...] | None
    epochs: I64Array
    blocks: U64Array
    state: SubnetState

    def __repr__(self) -> str:
        if not len(self):
            return f"Simulation(kept=0, n={self.state.n})"
        return f"Simulation(kept={len(self)}, n={self.state.n}, {self._when()}; the last: {self._earned()})"

    def _when(self) -> str:
        first, last = self.blocks[[0, -1]].tolist()
        return f"block {first}" if first == last else f"blocks {first} to {last}"

    def _earned(self) -> str:
        """How much the last kept epoch divides, and who gets most of it: what a result of it says."""
        return earned(self.emission[-1], self.incentive[-1], self.dividends[-1])

    def _repr_html_(self) -> str:
        """The uids that earn most in the last kept epoch, beside what they earn in the first."""
        if not len(self):
            return Table({}, title=repr(self)).html()
        weight = self.emission if self.emission[-1].any() else self.incentive.astype(np.uint64) + self.dividends
        order = np.argsort(weight[-1], kind="stable")[::-1][:SHOWN]
        columns: dict[str, list[Any]] = {"uid": order.tolist()}
        for place, epoch in zip((0, -1), self.epochs[[0, -1]].tolist(), strict=True):
            columns[f"emission in epoch {epoch}, alpha"] = list(map(shown_alpha, self.emission[place, order].tolist()))
        for name in ("incentive", "dividends", "validator_trust"):
            columns[name] = [shown_part(stored / U16_MAX) for stored in getattr(self, name)[-1, order].tolist()]
        columns["permit"] = self.validator_permit[-1, order].tolist()
        rest = self.state.n - len(order)
        title = (
            f"{len(self)} epoch{'s' * (len(self) != 1)} of {self.state.n} uids, {self._when()}; the last: {self._earned()}"
        )
        return Table(columns, title=title, caption=f"and {rest} more" if rest else "").html()

    def to_dict(self) -> dict[str, Any]:
        """By name, in Python's own integers and booleans, as JSON takes them: `epochs` and `blocks`, of each output of each
        kept epoch a list by uid, and where bonds are kept of each epoch its rows of (uid, value)."""
        whole = {name: getattr(self, name).tolist() for name in ("epochs", "blocks", *STACKED)}
        return whole if self.bonds is None else {**whole, "bonds": [rows.to_rows() for rows in self.bonds]}

    def _stacks(self) -> Mapping[str, AnyArray]:
        return {name: getattr(self, name) for name in STACKED}

    def _index(self) -> tuple[str, Iterable[int], int]:
        return "epoch", self.epochs.tolist(), self.state.n

    def _beside(self) -> dict[str, AnyArray]:
        return {"block": self.blocks}

    def __len__(self) -> int:
        """The number of kept epochs."""
        return int(self.epochs.size)

    def __reduce__(self) -> tuple[Any, ...]:
        plain = (getattr(self, f.name) for f in fields(self))
        return _rebuilt, tuple(np.array(value) if isinstance(value, np.ndarray) else value for value in plain)


def _rebuilt(*values: Any) -> Simulation:
    held: list[Any] = [freeze(value) if isinstance(value, np.ndarray) else value for value in values]
    return Simulation(*held)


@dataclass(frozen=True)
class Plan:
    """What a backend is given: every input of every epoch, validated. `None` for what is carried from the epoch before."""

    state: SubnetState
    epochs: int
    every: int
    keep_bonds: bool
    weights: Sequence[SparseRows]  # one, or one an epoch, and so the next three
    hyperparameters: Sequence[Hyperparameters]
    emission: Sequence[int]
    scalars: dict[str, Sequence[int]]
    last_yuma_step_block: Sequence[int | None]
    arrays: dict[str, AnyArray | None]  # [epochs, n, ...] or, with a first axis of 1, held
    progress: Progress | None
    by_tempo: bool = False  # who holds a permit has set weights in the block before an epoch

    def of(self, items: Sequence[Any], epoch: int) -> Any:
        """An item of a sequence that is of one or of all epochs."""
        return items[epoch if len(items) > 1 else 0]

    def array_of(self, name: str, epoch: int) -> AnyArray | None:
        stack = self.arrays[name]
        return None if stack is None else stack[epoch if len(stack) > 1 else 0]

    def kept(self) -> range:
        return range(self.every - 1, self.epochs, self.every)


def simulate(
    state: SubnetState,
    hyperparameters: Hyperparameters | Sequence[Hyperparameters],
    *,
    epochs: Integer,
    weights: SparseRows | Sequence[SparseRows] | None = None,
    total_stake: npt.ArrayLike | None = None,
    last_update: npt.ArrayLike | None = None,
    block_at_registration: npt.ArrayLike | None = None,
    commit_block: npt.ArrayLike | None = None,
    validator_permit: npt.ArrayLike | None = None,
    current_block: Integer | Sequence[Integer] | AnyArray | None = None,
    last_mechanism_step_block: Integer | Sequence[Integer] | AnyArray | None = None,
    last_yuma_step_block: Integer | Sequence[Integer] | AnyArray | None = None,
    emission: Integer | Sequence[Integer] | AnyArray = 0,
    steps: Literal["tempo"] | None = None,
    every: Integer = 1,
    bonds: Boolean = False,
    progress: Progress | None = None,
    backend: str | None = None,
) -> Simulation:
    """Consecutive epochs: each finds the bonds, the permits and the consensus that the one before it stored (sections 8, 9).

    What is not given is held as it stands in `state`; what is given has one item for each epoch. Nothing else moves by
    itself unless `steps` says so: blocks stand still where `current_block` is not given, and where it is, validators go
    inactive unless `last_update` is given too.

    Args:
        state: the subnet when the first epoch begins.
        hyperparameters: for all epochs, or one for each.
        epochs: how many.
        weights: SparseRows of uint16 for each epoch; one alone is held.
        total_stake: uint64[epochs, n, 2], I64F64 bits.
        last_update, block_at_registration, commit_block: uint64[epochs, n], blocks.
        validator_permit: bool[epochs, n], in place of the permits that the epochs store.
        current_block, last_mechanism_step_block, last_yuma_step_block: u64 for each epoch, blocks; one alone is held.
        emission: u64, rao, for all epochs or for each.
        steps: "tempo": the first epoch runs in the state's current block and each other one as soon as it is due, a tempo
            after the one before (with the runtimes before 423 a tempo and a block); the last steps move with it; and whoever
            holds a permit, as the owner does where the profile says so, has set the weights that it has again in the block
            before. Neither these blocks nor `last_update` can be given then.
        every: only every so many-th epoch is kept: those of index every - 1, 2 * every - 1, and so on.
        bonds: whether the bonds of the kept epochs are kept too. Those of the last epoch stand in `Simulation.state` anyhow.
        progress: called with the number of epochs computed and of all, now and then and at the end; what it raises ends
            the simulation.
        backend: as for `epoch`.

    Raises:
        InputError: naming the argument, and the epoch as the first index. BackendUnavailable: as for `epoch`.

    Warns:
        InactiveWarning: from some epoch on no validator that holds a permit is active, where one was before.
    """
    require_state(state)
    state._as_made()
    count = integer("epochs", epochs, 1, MAX_EPOCHS)
    n = state.n
    rules = _hyperparameters(hyperparameters, count)
    if steps is not None:
        if not isinstance(steps, str) or steps != "tempo":
            raise InputError("steps", f"expected 'tempo' or None, got {shown(steps)}")
        moved = {
            "current_block": current_block,
            "last_mechanism_step_block": last_mechanism_step_block,
            "last_yuma_step_block": last_yuma_step_block,
            "last_update": last_update,
        }
        for name, value in moved.items():
            if value is not None:
                raise InputError(name, "expected not to be given with steps='tempo', which moves it")
        current_block = _blocks(state, rules, count)
        last_mechanism_step_block = (state.last_mechanism_step_block, *current_block[:-1])
        if state.last_yuma_step_block is not None:
            last_yuma_step_block = (state.last_yuma_step_block, *current_block[:-1])

    def stack(name: str, given: object, dtype: npt.DTypeLike) -> AnyArray | None:
        if given is not None:
            return array(name, given, dtype, (count, n))
        held: AnyArray | None = getattr(state, name)
        return None if held is None else held[None]

    def scalars(name: str, value: object) -> tuple[int, ...]:
        return each_u64(name, value, count) or (integer(name, value, 0, U64_MAX),)

    yuma_step = state.last_yuma_step_block if last_yuma_step_block is None else last_yuma_step_block
    plan = Plan(
        state=state,
        epochs=count,
        every=integer("every", every, 1, MAX_EPOCHS),
        keep_bonds=boolean("bonds", bonds),
        weights=_weights(weights, state, count),
        hyperparameters=rules,
        emission=scalars("emission", emission),
        scalars={
            name: scalars(name, getattr(state, name) if given is None else given)
            for name, given in (
                ("current_block", current_block),
                ("last_mechanism_step_block", last_mechanism_step_block),
            )
        },
        last_yuma_step_block=(None,) if yuma_step is None else scalars("last_yuma_step_block", yuma_step),
        arrays={
            "total_stake": state.total_stake[None] if total_stake is None else _stakes(total_stake, count, n),
            "last_update": stack("last_update", last_update, np.uint64),
            "block_at_registration": stack("block_at_registration", block_at_registration, np.uint64),
            "commit_block": stack("commit_block", commit_block, np.uint64),
            "validator_permit": None if validator_permit is None else stack("validator_permit", validator_permit, np.bool_),
        },
        progress=_callable(progress),
        by_tempo=steps is not None,
    )
    module = load_backend(backend)
    for h in plan.hyperparameters:
        supported(module, h)
    require_known(state, plan.hyperparameters[0])  # the other epochs find the consensus of the one before them
    run: Callable[[Plan, Dates], Simulation] | None = getattr(module, "simulate", None)
    dates = Dates(plan)
    simulation = run(plan, dates) if run is not None else _stepwise(plan, module, dates)
    if dates.all_inactive_from is not None:
        warnings.warn(_inactive(plan, dates.all_inactive_from), InactiveWarning, stacklevel=2)
    return simulation


def _blocks(state: SubnetState, rules: Sequence[Hyperparameters], count: int) -> tuple[int, ...]:
    """When epochs are due that start in the state's current block."""
    blocks = [state.current_block]
    for k in range(count):
        h = rules[k if len(rules) > 1 else 0]
        if h.tempo == 0:
            raise InputError(
                "tempo", "expected more than 0: with a tempo of 0 no epoch is ever due", k if len(rules) > 1 else None
            )
        blocks.append(blocks[-1] + period(h))
    if blocks[-1] > U64_MAX:
        raise InputError("current_block", f"expected {count} epochs to end within u64, got block {blocks[-1]}")
    return tuple(blocks[:-1])


def period(hyperparameters: Hyperparameters) -> int:
    """The blocks from one epoch to the next: since runtime 423 the tempo, before it one more."""
    return hyperparameters.tempo + (hyperparameters.profile < 423)


def _inactive(plan: Plan, epoch: int) -> str:
    block = plan.of(plan.scalars["current_block"], epoch)
    cutoff = plan.of(plan.hyperparameters, epoch).activity_cutoff
    return (
        f"from epoch {epoch} (block {block}) on no validator that holds a permit is active: the last_update of each lies "
        f"more than activity_cutoff, {cutoff} blocks, back. What follows is computed without active stake: give last_update,"
        " or let steps='tempo' keep it fresh"
    )


class Dates:
    """Who is active in one epoch after the other, and with steps by tempo the dates of weights, which follow the permits.

    Who holds a permit is known when the epoch before is computed. A backend that computes many in a call takes the dates of
    all but the first as if everybody held one: of those who hold none they decide nothing but `active`, which `follow` gives
    as it is, except where they tell which bonds are outdated (`exact`); then each epoch is a call.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan, self.n = plan, plan.state.n
        self.permit: AnyArray = plan.state.validator_permit
        self.updated: AnyArray = plan.state.last_update  # when the epoch before had begun
        self.exact = any(h.rules.bonds_cutoff == "last_update" for h in plan.hyperparameters)
        self.all_inactive_from: int | None = None
        self._some = False
        stake = plan.arrays["total_stake"]
        assert stake is not None  # as it cannot be carried
        self._high: AnyArray = stake[:, :, 1]
        self._any: AnyArray = np.logical_or(stake[:, :, 0], stake[:, :, 1])

    def _column(self, values: Sequence[int], epochs: slice) -> AnyArray:
        return np.array(values[epochs] if len(values) > 1 else values, np.uint64)[:, None]

    def _rules(self, epochs: slice, values: Callable[[Hyperparameters], int]) -> AnyArray:
        rules = self.plan.hyperparameters
        return np.array([values(h) for h in (rules[epochs] if len(rules) > 1 else rules)], np.uint64)[:, None]

    def _holds(self, permit: AnyArray, epochs: slice) -> AnyArray:
        """With the owner, where it always has one, and where its stake counts whatever it is."""
        owner = self.plan.state.owner_uid
        if owner is None:
            return permit
        rules = self.plan.hyperparameters
        permit = np.array(permit)
        permit[:, owner] |= [h.rules.owner_permit for h in (rules[epochs] if len(rules) > 1 else rules)]
        return permit

    def fresh(self, first: int, count: int) -> U64Array:
        """With steps by tempo, the dates that epochs find: exactly those of the first, for which the one before it has been
        followed, and of the others as if everybody held a permit."""
        epochs = slice(first, first + count)
        before = np.maximum(self._column(self.plan.scalars["current_block"], epochs), np.uint64(1)) - np.uint64(1)
        dates = np.maximum(self.updated, before)
        holds = self._holds(self._given(epochs, self.permit[None]), slice(first, first + 1))[0]
        dates[0] = np.where(holds, dates[0], self.updated)
        return dates

    def _given(self, epochs: slice, carried: AnyArray) -> AnyArray:
        given = self.plan.arrays["validator_permit"]
        return carried if given is None else given[epochs] if len(given) > 1 else given

    def follow(self, first: int, stored: AnyArray) -> AnyArray | None:
        """After epochs from `first` on, with the permits that they stored: with steps by tempo, who was active in each."""
        plan, count = self.plan, len(stored)
        epochs = slice(first, first + count)
        permit = self._holds(self._given(epochs, np.concatenate([self.permit[None], stored[:-1]])), epochs)
        self.permit = stored[-1].copy()
        blocks = self._column(plan.scalars["current_block"], epochs)
        cutoff = self._rules(epochs, lambda h: h.activity_cutoff)
        updated = plan.arrays["last_update"]
        assert updated is not None
        if plan.by_tempo:
            before = np.maximum(blocks, np.uint64(1)) - np.uint64(1)
            updated = np.where(permit, before, np.uint64(0))
            np.maximum(updated[0], self.updated, out=updated[0])
            for earlier, later in pairwise(updated):  # a fourth of what `accumulate` takes for these rows
                np.maximum(earlier, later, out=later)
            self.updated = updated[-1].copy()
        elif len(updated) > 1:
            updated = updated[epochs]
        # last_update + cutoff < block, where the sum saturates
        active = ~((blocks > cutoff) & (updated < blocks - np.minimum(blocks, cutoff)))
        if self.all_inactive_from is None:
            self._look(first, permit, active)
        return active if plan.by_tempo else None

    def _look(self, first: int, permit: AnyArray, active: AnyArray) -> None:
        """For the first epoch without an active validator after one that had some."""
        epochs = slice(first, first + len(permit))
        part = epochs if len(self._high) > 1 else slice(None)
        high, some = self._high[part], self._any[part]
        enough = high >= self._rules(epochs, lambda h: h.stake_threshold * h.rules.stake_threshold)
        validators = permit & some & self._holds(np.broadcast_to(enough, permit.shape), epochs)
        any_active = np.atleast_1d((validators & active).any(axis=1))
        gone = np.atleast_1d(validators.any(axis=1)) & ~any_active
        had = np.concatenate([[self._some], any_active[:-1]])
        had = np.logical_or.accumulate(had)
        if (gone & had).any():
            self.all_inactive_from = first + int(np.argmax(gone & had))
        self._some = bool(had[-1] or any_active[-1])

    def next_dates(self, permit: BoolArray, block: int) -> U64Array:
        """With steps by tempo, of the state that an epoch in this block finds."""
        last = self.plan.epochs - 1
        holds = self._holds(permit[None], slice(last, last + 1))[0]
        dates: U64Array = np.where(holds, np.maximum(self.updated, np.uint64(block - 1)), self.updated)
        return dates


def _callable(progress: object) -> Any:
    if progress is not None and not callable(progress):
        raise InputError("progress", f"expected a callable, got {type(progress).__name__}")
    return progress


def _items(name: str, value: Any, count: int) -> list[Any]:
    """One item, or one for each epoch."""
    if not has_items(value) or isinstance(value, (SparseRows, np.ndarray)):
        return [value]
    items = list(value)
    if len(items) != count:
        raise InputError(name, f"expected one for each of {count} epochs, got {len(items)}")
    return items


def _hyperparameters(value: object, count: int) -> list[Hyperparameters]:
    items = _items("hyperparameters", value, count)
    for k, item in enumerate(items):
        if not isinstance(item, Hyperparameters):
            where = k if len(items) > 1 else None
            raise InputError("hyperparameters", f"expected Hyperparameters, got {type(item).__name__}", where)
    return items


def _weights(value: object, state: SubnetState, count: int) -> list[SparseRows]:
    if value is None:
        return [state.weights]
    # a CSR matrix is no sequence of rows
    items = [value] if hasattr(value, "indptr") else _items("weights", value, count)
    checked = []
    for k, item in enumerate(items):
        where = "weights" if len(items) == 1 else f"weights[{k}]"
        rows = stored_rows(where, item)
        if rows.n != state.n:
            raise InputError(where, f"expected {state.n} rows, as the state has, got {rows.n}")
        checked.append(rows)
    return checked


def _stakes(value: object, count: int, n: int) -> AnyArray:
    stack = array("total_stake", value, np.uint64, (count, n, 2))
    k = 0
    try:
        for k in range(count):
            total_stake_array(stack[k], n)
    except InputError as error:
        at = (error.index,) if isinstance(error.index, int) else ()
        raise InputError("total_stake", error.rule, (k, *at)) from None
    return stack


def _stepwise(plan: Plan, backend: Backend, dates: Dates) -> Simulation:
    """By one call of the backend an epoch."""
    state, result = plan.state, None
    rows: dict[str, list[AnyArray]] = {name: [] for name in STACKED}
    bonds: list[SparseRows] = []
    for k in range(plan.epochs):
        state = _next(plan, k, state, result, dates)
        result = backend.epoch(state, plan.of(plan.hyperparameters, k), plan.of(plan.emission, k), False)
        dates.follow(k, result.validator_permit[None])
        if (k + 1) % plan.every == 0:
            for name, row in rows.items():
                row.append(getattr(result, name))
            if plan.keep_bonds:
                bonds.append(result.bonds)
        if plan.progress is not None:
            plan.progress(k + 1, plan.epochs)
    none = {name: np.empty((0, state.n), OUTPUT_TABLE[name].dtype) for name in STACKED}
    stacked = {name: np.stack(row) if row else none[name] for name, row in rows.items()}
    assert result is not None
    return finished(plan, dates, stacked, bonds, result.bonds, result.validator_permit, result.consensus)


def _next(plan: Plan, k: int, before: SubnetState, result: EpochResult | None, dates: Dates) -> SubnetState:
    """The subnet as epoch k finds it."""
    permit = plan.array_of("validator_permit", k)
    if permit is None:
        permit = before.validator_permit if result is None else result.validator_permit
    arrays = {name: plan.array_of(name, k) for name in plan.arrays if name != "validator_permit"}
    if plan.by_tempo:
        arrays["last_update"] = dates.fresh(k, 1)[0]
    return SubnetState(
        weights=plan.of(plan.weights, k),
        bonds=before.bonds if result is None else result.bonds,
        validator_permit=permit,
        owner_uid=before.owner_uid,
        previous_consensus=before.previous_consensus if result is None else result.consensus,
        last_yuma_step_block=plan.of(plan.last_yuma_step_block, k),
        **arrays,  # type: ignore[arg-type]
        **{name: plan.of(items, k) for name, items in plan.scalars.items()},
    )


def finished(
    plan: Plan,
    dates: Dates,
    stacked: dict[str, AnyArray],
    bonds: list[SparseRows],
    last_bonds: SparseRows,
    last_permit: BoolArray,
    last_consensus: U16Array,
) -> Simulation:
    """The simulation of what a backend computed; the arrays have no other owner."""
    last = plan.epochs - 1
    blocks = plan.scalars["current_block"]
    arrays = {name: plan.array_of(name, last) for name in plan.arrays if name != "validator_permit"}
    scalars = {name: plan.of(items, last) for name, items in plan.scalars.items()}
    yuma_step = plan.of(plan.last_yuma_step_block, last)
    if plan.by_tempo:
        block = blocks[-1] + period(plan.of(plan.hyperparameters, last))  # within u64: see `_blocks`
        scalars = {"current_block": block, "last_mechanism_step_block": blocks[-1]}
        yuma_step = None if yuma_step is None else blocks[-1]
        arrays["last_update"] = dates.next_dates(last_permit, block)
    state = SubnetState(
        weights=plan.of(plan.weights, last),
        bonds=last_bonds,
        validator_permit=last_permit,
        owner_uid=plan.state.owner_uid,
        previous_consensus=last_consensus,
        last_yuma_step_block=yuma_step,
        **arrays,  # type: ignore[arg-type]
        **scalars,
    )
    kept = plan.kept()
    return Simulation(
        epochs=freeze(np.array(kept, np.int64)),
        blocks=freeze(np.array(blocks[kept.start :: kept.step] if len(blocks) > 1 else [*blocks] * len(kept), np.uint64)),
        bonds=tuple(bonds) if plan.keep_bonds else None,
        state=state,
        **{name: seal(stack) for name, stack in stacked.items()},
    )
