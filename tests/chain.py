"""The conformance vectors in tests/vectors (their FORMAT.md), read into the library's types."""

from __future__ import annotations

import functools
import gzip
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import yuma_kernel as yk
from yuma_kernel.results import OUTPUTS, TRACED_ARRAYS, TRACED_ROWS

VECTORS = Path(__file__).resolve().parent / "vectors"
EPOCH_FILES = {"epoch.jsonl.gz": 300, "epoch_traced.jsonl.gz": 220, "epoch_pinned.jsonl.gz": 400, "epoch_475.jsonl.gz": 516}
EARLIER = "eras.jsonl.gz"
"""120 cases for each of the nine profiles before 425."""
OPERATIONS = 11_898

DTYPES = {
    **dict.fromkeys(("active", "validator_permit"), np.bool_),
    **dict.fromkeys(("stake_weight", "consensus", "incentive", "dividends", "validator_trust"), np.uint16),
    **dict.fromkeys(("server_emission", "validator_emission", "emission"), np.uint64),
}

STATE_FIELDS = (
    "last_update", "block_at_registration", "validator_permit", "current_block", "last_mechanism_step_block", "owner_uid",
    "commit_block",
)  # fmt: skip
STATE_FIELDS_OF_475 = ("previous_consensus", "last_yuma_step_block")


@dataclass(frozen=True)
class Case:
    """One line of an epoch file."""

    id: str
    state: yk.SubnetState
    hyperparameters: yk.Hyperparameters
    emission: int
    output: dict[str, Any]
    trace: dict[str, Any] | None


def _lines(name: str) -> Iterator[Any]:
    with gzip.open(VECTORS / name, "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


def _case(line: dict[str, Any]) -> Case:
    given = dict(line["input"])
    stake = [int(bits) for bits in given.pop("total_stake")]
    emission = given.pop("emission")
    state = yk.SubnetState(
        weights=yk.SparseRows.from_rows(given.pop("weights")),
        bonds=yk.SparseRows.from_rows(given.pop("bonds")),
        total_stake=[(bits & (2**64 - 1), bits >> 64) for bits in stake],
        **{name: given.pop(name) for name in STATE_FIELDS},
        **{name: given.pop(name) for name in STATE_FIELDS_OF_475 if line["profile"] == 475},
    )
    # what is left of the input is the hyperparameters, all of them, and nothing else
    hyperparameters = yk.Hyperparameters(**given, profile=line["profile"])
    output: dict[str, Any] = {name: np.array(line["output"][name], DTYPES[name]) for name in DTYPES}
    output["bonds"] = yk.SparseRows.from_rows(line["output"]["bonds"])
    assert output.keys() == set(OUTPUTS) == line["output"].keys()
    trace: dict[str, Any] | None = None
    if "trace" in line:
        trace = {name: np.array(line["trace"][name], np.int64) for name in TRACED_ARRAYS}
        trace |= {name: yk.SparseRows.from_rows(line["trace"][name], np.int64) for name in TRACED_ROWS}
        assert trace.keys() == line["trace"].keys()
    return Case(line["id"], state, hyperparameters, emission, output, trace)


@functools.cache
def epoch_cases(name: str) -> tuple[Case, ...]:
    """The lines of an epoch file."""
    return tuple(map(_case, _lines(name)))


@functools.cache
def tags(name: str) -> dict[str, list[str]]:
    """By the id of a line of an epoch file, its tags."""
    return {line["id"]: line["tags"] for line in _lines(name)}


def earlier_cases(profile: int) -> Iterator[Case]:
    """The cases of a profile before 425."""
    return (case for case in epoch_cases(EARLIER) if case.hyperparameters.profile == profile)


def operations() -> dict[str, list[tuple[list[str], str]]]:
    """By operation, its lines: operands and result as in the file."""
    table: dict[str, list[tuple[list[str], str]]] = defaultdict(list)
    for operation, *operands, equals, result in _lines("ops.jsonl.gz"):
        assert equals == "="
        table[operation].append((operands, result))
    return dict(table)
