"""Consecutive epochs through the C kernel, many in a call: what `yuma_kernel.simulate` does with the backend "c"."""

from __future__ import annotations

from typing import Final

import numpy as np

from yuma_kernel.arrays import AnyArray, I64Array
from yuma_kernel.kernel import kept, native
from yuma_kernel.kernel._yuma import ffi, lib
from yuma_kernel.kernel.structs import POINTER, RESULTS, ROWS, STATES, address_of
from yuma_kernel.results import OUTPUT_TABLE, STACKED
from yuma_kernel.rows import SparseRows
from yuma_kernel.simulation import Dates, Plan, Simulation, finished
from yuma_kernel.stacks import stacked

CHUNK: Final = 64
"""Epochs in one call of the kernel, between two calls of `progress`."""

LONG_CHUNK: Final = 1024
"""The most of them where nobody asks for progress."""

LONG_ENTRIES: Final = 2**24
"""The most weights that more than CHUNK epochs of a call have together: some hundredths of a second without an interrupt."""

KEPT_BYTES: Final = 2**24
"""Of bonds that are to be kept and not yet copied, those of the epochs of one call."""


class _Bonds:
    """Where epochs after each other store their bonds, by turns: two or more."""

    def __init__(self, n: int, room: int, turns: int) -> None:
        self.n, self.room, self.turns = n, room, turns
        self.parts: dict[str, AnyArray] = {
            "indptr": np.empty((turns, n + 1), np.uint32),
            "uid": np.empty((turns, max(1, room)), np.uint16),
            "value": np.empty((turns, max(1, room)), np.uint16),
        }

    def addresses(self, epochs: I64Array) -> dict[str, AnyArray]:
        return {part: address_of(every) + epochs % self.turns * every.strides[0] for part, every in self.parts.items()}

    def entries(self, epoch: int) -> int:
        return int(self.parts["indptr"][epoch % self.turns, -1])

    def rows(self, epoch: int) -> SparseRows:
        turn, entries = epoch % self.turns, self.entries(epoch)
        indptr, uid, value = (self.parts[part] for part in ROWS)
        return SparseRows._trusted(indptr[turn], uid[turn, :entries], value[turn, :entries])

    def grown(self, room: int, epoch: int) -> _Bonds:
        """More room, with what `epoch` stored."""
        grown = _Bonds(self.n, room, self.turns)
        for part, every in self.parts.items():
            grown.parts[part][epoch % self.turns, : every.shape[1]] = every[epoch % self.turns]
        return grown


class Run:
    """The structs of a chunk of epochs, filled for one chunk after the other."""

    def __init__(self, plan: Plan, dates: Dates) -> None:
        self.plan, self.dates, self.n = plan, dates, plan.state.n
        self.most_weights = max(rows.uid.size for rows in plan.weights)
        # bonds stand where bonds or weights stood: with weights that are held there are never more than these
        room = plan.state.bonds.uid.size + 2 * self.most_weights
        long = min(LONG_CHUNK, LONG_ENTRIES // (self.n + self.most_weights)) if plan.progress is None else 0
        self.chunk = min(plan.epochs, max(CHUNK, long))
        turns = 2
        if plan.keep_bonds:  # a call ends before the turn of an epoch comes again whose bonds are not yet copied
            turns = max(2, min(self.chunk + 1, KEPT_BYTES // (4 * room + 1)))
            self.chunk = turns - 1
        if plan.by_tempo and dates.exact:
            self.chunk = 1
        self.bonds = _Bonds(self.n, room, turns)
        self.kept_bonds: list[SparseRows] = []
        self.stacked = stacked(STACKED, len(plan.kept()), self.n)
        # of epochs that are not kept; two rows by turns, as an epoch reads the consensus of the one before, but permits of
        # a whole chunk and of the one before it
        self.unkept = {
            name: np.empty((self.chunk + 1 if name == "validator_permit" else 2, self.n), OUTPUT_TABLE[name].dtype)
            for name in STACKED
        }
        self.fresh: AnyArray | None = None  # with steps by tempo the dates of a chunk
        self.last_permit = self.last_consensus = 0  # where they are, of the epoch before the chunk

        self.states, self.results = ffi.new("yuma_state[]", self.chunk), ffi.new("yuma_result[]", self.chunk)
        self.given = np.frombuffer(ffi.buffer(self.states), STATES)
        self.taken = np.frombuffer(ffi.buffer(self.results), RESULTS)
        self.rules, self.amounts = ffi.new("yuma_hyperparameters *[]", self.chunk), ffi.new("uint64_t[]", self.chunk)
        self.done = ffi.new("uint32_t *")
        self.weights = {part: np.array([address_of(getattr(rows, part)) for rows in plan.weights], POINTER) for part in ROWS}
        steps = plan.last_yuma_step_block
        self.yuma_steps = None if steps[0] is None else np.array(steps, np.uint64)
        self.scalars = {name: np.array(items, np.uint64) for name, items in plan.scalars.items()}
        self.given["n"], self.given["owner_uid"] = self.n, native._owner(plan.state.owner_uid)
        self.held = [native._hyperparameters(h) for h in plan.hyperparameters]
        self.rules[0 : self.chunk] = self.held[:1] * self.chunk
        self.amounts[0 : self.chunk] = [plan.emission[0]] * self.chunk

    def finish(self) -> Simulation:
        plan = self.plan
        for begin in range(0, plan.epochs, self.chunk):
            count = min(self.chunk, plan.epochs - begin)
            self._fill(np.arange(begin, begin + count))
            self._compute(begin, count)
            self._follow(np.arange(begin, begin + count))
            self.last_permit = int(self.taken["validator_permit"][count - 1])
            self.last_consensus = int(self.taken["consensus"][count - 1])
            if plan.progress is not None:
                plan.progress(begin + count, plan.epochs)
        last = plan.epochs - 1
        is_kept = plan.epochs % plan.every == 0
        permit, consensus = (
            self.stacked[name][-1] if is_kept else self.unkept[name][last % len(self.unkept[name])]
            for name in ("validator_permit", "consensus")
        )
        return finished(plan, self.dates, self.stacked, self.kept_bonds, self.bonds.rows(last), permit, consensus)

    def _follow(self, epochs: I64Array) -> None:
        """Who was active in these epochs, by the permits that they stored."""
        other = self.unkept["validator_permit"]
        permits = other[epochs % len(other)]
        kept, row = (epochs + 1) % self.plan.every == 0, (epochs + 1) // self.plan.every - 1
        permits[kept] = self.stacked["validator_permit"][row[kept]]
        active = self.dates.follow(int(epochs[0]), permits)
        if active is not None:
            self.stacked["active"][row[kept]] = active[kept]

    def _fill(self, epochs: I64Array) -> None:
        """The structs of these epochs, whose bonds and permits are those of the epoch before unless they are given."""
        plan, count = self.plan, epochs.size
        part_of = slice(count)
        for part, addresses in self.weights.items():
            self.given[f"weights__{part}"][part_of] = addresses[epochs] if addresses.size > 1 else addresses[0]
            self.given[f"bonds__{part}"][part_of] = 0
        for name, items in self.scalars.items():
            self.given[name][part_of] = items[epochs] if items.size > 1 else items[0]
        for name, stack in plan.arrays.items():
            if stack is None:
                self.given[name][part_of] = 0
            else:
                self.given[name][part_of] = address_of(stack) + (epochs * stack.strides[0] if len(stack) > 1 else 0)
        if plan.by_tempo:
            self.fresh = self.dates.fresh(int(epochs[0]), count)
            self.given["last_update"][part_of] = address_of(self.fresh) + np.arange(count) * self.fresh.strides[0]
        self.given["previous_consensus"][part_of] = 0
        steps = self.yuma_steps
        if steps is not None:
            self.given["last_yuma_step_block"][part_of] = address_of(steps) + (epochs * 8 if steps.size > 1 else 0)
        begin, end = int(epochs[0]), int(epochs[-1]) + 1
        if len(plan.hyperparameters) > 1:
            self.rules[0:count] = self.held[begin:end]
        if len(plan.emission) > 1:
            self.amounts[0:count] = list(plan.emission[begin:end])
        kept, row = (epochs + 1) % plan.every == 0, (epochs + 1) // plan.every - 1
        for name in STACKED:
            stack, other = self.stacked[name], self.unkept[name]
            self.taken[name][part_of] = np.where(
                kept, address_of(stack) + row * stack.strides[0], address_of(other) + epochs % len(other) * other.strides[0]
            )
        self._place_bonds(epochs, 0)

    def _place_bonds(self, epochs: I64Array, at: int) -> None:
        for part, addresses in self.bonds.addresses(epochs).items():
            self.taken[f"bonds_{part}"][at : at + epochs.size] = addresses

    def _carry(self, at: int, epoch: int) -> None:
        """The first epoch of a call finds its bonds, permits and previous consensus named: those of the epoch before,
        if there is one."""
        plan = self.plan
        if epoch == 0:
            bonds = {part: address_of(getattr(plan.state.bonds, part)) for part in ROWS}
            permit = address_of(plan.state.validator_permit)
            first = native._given(plan.state).struct
            self.given["previous_consensus"][at] = int(ffi.cast("uintptr_t", first.previous_consensus))
            self.given["previous_consensus_length"][at] = first.previous_consensus_length
        else:
            bonds = {part: int(found[0]) for part, found in self.bonds.addresses(np.array([epoch - 1])).items()}
            permit = self.last_permit if at == 0 else int(self.taken["validator_permit"][at - 1])
            consensus = self.last_consensus if at == 0 else int(self.taken["consensus"][at - 1])
            self.given["previous_consensus"][at], self.given["previous_consensus_length"][at] = consensus, self.n
        for part, address in bonds.items():
            self.given[f"bonds__{part}"][at] = address
        if plan.arrays["validator_permit"] is None:
            self.given["validator_permit"][at] = permit

    def _compute(self, begin: int, count: int) -> None:
        at = copied = 0
        while True:
            self._carry(at, begin + at)
            desk = kept.take()
            try:
                status = lib.yuma_simulate(
                    count - at,
                    self.states + at,
                    self.rules + at,
                    self.amounts + at,
                    self.results + at,
                    self.bonds.room,
                    native.selected_mask(),
                    desk.spread(lib.yuma_workspace(self.n, self.most_weights, self.bonds.room)),
                    desk.size,
                    self.done,
                )
            finally:
                kept.put(desk)
            at += self.done[0]
            self._keep_bonds(begin + copied, begin + at)
            copied = at
            if status != lib.YUMA_ERROR_ROOM:
                native._check(status)
                return
            # weights that are new in every epoch may leave bonds in ever more places
            epoch = begin + at
            before = self.plan.state.bonds.uid.size if epoch == 0 else self.bonds.entries(epoch - 1)
            self.bonds = self.bonds.grown(2 * (before + self.most_weights), epoch - 1)
            self._place_bonds(np.arange(epoch, begin + count), at)

    def _keep_bonds(self, first: int, end: int) -> None:
        if self.plan.keep_bonds:
            self.kept_bonds += [self.bonds.rows(k) for k in range(first, end) if (k + 1) % self.plan.every == 0]
