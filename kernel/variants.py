"""Variants of one subnet through the C kernel, many in a call: what `yuma_kernel.variants` does with the backend "c"."""

from __future__ import annotations

from typing import Final

import numpy as np

from yuma_kernel.arrays import AnyArray
from yuma_kernel.kernel import kept, native
from yuma_kernel.kernel._yuma import ffi, lib
from yuma_kernel.kernel.structs import POINTER, RESULTS, ROWS, STATES, address_of
from yuma_kernel.results import OUTPUT_TABLE, STACKED
from yuma_kernel.rows import SparseRows
from yuma_kernel.variants import Chunk, Plan

_ADDRESSED: Final = (
    "total_stake", "last_update", "block_at_registration", "commit_block", "validator_permit", "previous_consensus",
    "last_yuma_step_block",
)  # fmt: skip
"""Of what may be given for each variant, what stands in a state as the address of an array or of a number."""


class _Memory:
    """What one thread at a time needs for a chunk: the structs of its variants, with all that is held in place, and room."""

    def __init__(self, plan: Plan, size: int) -> None:
        self.size = size
        self.states, self.results = ffi.new("yuma_state[]", size), ffi.new("yuma_result[]", size)
        self.given = np.frombuffer(ffi.buffer(self.states), STATES)
        self.taken = np.frombuffer(ffi.buffer(self.results), RESULTS)
        self.held = native._given(plan.state)  # threads make it at once, and the state keeps the last of these
        held = self.held.struct
        ffi.buffer(self.states)[:] = ffi.buffer(held)[:] * size
        rules = ffi.NULL if plan.hyperparameters is None else native._hyperparameters(plan.hyperparameters)
        self.held_rules = rules  # the address is good for as long as somebody has this
        self.rules, self.amounts = ffi.new("yuma_hyperparameters *[]", [rules] * size), ffi.new("uint64_t[]", size)
        self.emission = np.frombuffer(ffi.buffer(self.amounts), np.uint64)
        self.emission[:] = plan.emission
        self.done = ffi.new("uint32_t *")

        self.dense_of = ffi.new("uint16_t *[]", size)
        self.dense_at = np.frombuffer(ffi.buffer(self.dense_of), POINTER)
        self.dense = ffi.new("yuma_dense_rows *")
        self.dense.count, self.dense.dense = plan.uids.size, self.dense_of
        self.dense.others = ffi.addressof(held, "weights")
        self.uids = ffi.from_buffer("uint16_t[]", plan.uids)
        self.dense.uids = self.uids
        self.made: dict[str, AnyArray] = {}

        n = plan.state.n
        unkept = [name for name in STACKED if name not in plan.outputs]
        self.unkept = {name: np.empty(n, OUTPUT_TABLE[name].dtype) for name in unkept}  # one row for all: nobody reads it
        for name, row in self.unkept.items():
            self.taken[name] = address_of(row)
        self.pointers = self.taken.view(POINTER).reshape(size, -1)  # a result has nothing else
        self.kept = [ffi.offsetof("yuma_result", name) // POINTER.itemsize for name in plan.outputs]
        self.keep_bonds, self.n = plan.keep_bonds, n
        self.room = -1  # no room at all, not even for rows without entries
        self.bonds: dict[str, AnyArray] = {}

    def ensure(self, weights: int, bonds: int, dense: bool) -> None:
        """Room for so many weights and bonds of a variant."""
        if dense and not self.made:
            self.made = {
                "indptr": np.empty(self.n + 1, np.uint32),
                "uid": np.empty(max(1, weights), np.uint16),
                "value": np.empty(max(1, weights), np.uint16),
            }
            for part, rows in self.made.items():
                setattr(self.dense, part, ffi.from_buffer("uint32_t[]" if part == "indptr" else "uint16_t[]", rows))
        if self.room < weights + bonds:
            self.room = weights + bonds
            turns = self.size if self.keep_bonds else 1
            self.bonds = {
                "indptr": np.empty((turns, self.n + 1), np.uint32),
                "uid": np.empty((turns, max(1, self.room)), np.uint16),
                "value": np.empty((turns, max(1, self.room)), np.uint16),
            }
            turn = np.arange(self.size, dtype=np.int64) % turns
            for part, rows in self.bonds.items():
                self.taken[f"bonds_{part}"] = address_of(rows) + turn * rows.strides[0]

    def kept_bonds(self, count: int) -> list[SparseRows]:
        indptr, uid, value = (self.bonds[part] for part in ROWS)
        return [
            SparseRows._trusted(indptr[k], uid[k, :entries], value[k, :entries])
            for k, entries in enumerate(indptr[:count, -1].tolist())
        ]


class Run:
    """A plan; called with its chunks, from any number of threads at once."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.free: list[_Memory] = []
        self.held_weights, self.held_bonds = plan.state.weights.uid.size, plan.state.bonds.uid.size
        self.dense_weights = plan.dense_weights

    def __call__(self, chunk: Chunk) -> None:
        try:
            memory = self.free.pop()
        except IndexError:  # none, or none any more
            memory = None
        if memory is None or memory.size < chunk.count:
            memory = _Memory(self.plan, chunk.count)
        self._compute(memory, chunk)
        self.free.append(memory)

    def _compute(self, memory: _Memory, chunk: Chunk) -> None:
        count, given = chunk.count, dict(chunk.given)
        part_of = slice(count)
        each = np.arange(count, dtype=np.uint64)
        weights, bonds = given.pop("weights", None), given.pop("bonds", None)
        dense = isinstance(weights, np.ndarray)
        most_weights, most_bonds = self.held_weights, self.held_bonds
        if dense:
            most_weights = self.dense_weights
            memory.dense_at[part_of] = address_of(weights) + each * weights.strides[0]
        elif weights is not None:
            most_weights = self._place(memory, "weights", weights)
        if bonds is not None:
            most_bonds = self._place(memory, "bonds", bonds)
        rules = given.pop("hyperparameters", None)
        held = () if rules is None else [native._hyperparameters(h) for h in rules]
        if rules is not None:
            memory.rules[0:count] = held
        if "emission" in given:
            memory.emission[part_of] = given.pop("emission")
        if "previous_consensus" in given and given["previous_consensus"].shape[1] == 0:
            given["previous_consensus"] = np.zeros((count, 1), np.uint16)  # nothing stored, and not unknown
            memory.given["previous_consensus_length"][part_of] = 0
        elif "previous_consensus" in given:
            memory.given["previous_consensus_length"][part_of] = given["previous_consensus"].shape[1]
        for name, stack in given.items():
            addressed = name in _ADDRESSED
            memory.given[name][part_of] = address_of(stack) + each * stack.strides[0] if addressed else stack
        # together: one output after the other would take as long as an epoch
        begins = np.array([address_of(rows) for rows in chunk.kept.values()], np.uint64)
        strides = np.array([rows.strides[0] for rows in chunk.kept.values()], np.uint64)
        memory.pointers[part_of, memory.kept] = begins + each[:, None] * strides
        memory.ensure(most_weights, most_bonds, dense)
        desk = kept.take()
        try:
            workspace = desk.spread(lib.yuma_workspace(memory.n, most_weights, most_bonds))
            inputs = (count, memory.states, memory.rules, memory.amounts, memory.results)
            rest = (memory.room, native.selected_mask(), workspace, desk.size, memory.done)
            native._check(lib.yuma_variants(*inputs, memory.dense, *rest) if dense else lib.yuma_simulate(*inputs, *rest))
        finally:
            kept.put(desk)
        del held, given, weights  # what C has read
        if memory.keep_bonds:
            chunk.bonds.extend(memory.kept_bonds(count))

    @staticmethod
    def _place(memory: _Memory, name: str, rows: list[SparseRows]) -> int:
        """One of the rows for each variant; the most entries that one has."""
        for part in ROWS:
            memory.given[f"{name}__{part}"][: len(rows)] = [address_of(getattr(each, part)) for each in rows]
        return max(each.uid.size for each in rows)
