"""tests/vectors (their FORMAT.md) as one binary file, which tests/c/vectors.h reads on any machine: `pack_vectors.py FILE`.

All integers are little-endian, and every array stands after its length in 4 bytes.

* 8 bytes `YUMAVEC1`, then the number of epochs and the number of operations, 4 bytes each.
* An epoch: the id; the scalars of STATE and HYPERPARAMETERS and the emission, 8 bytes each; the arrays of UIDS and of KNOWN,
  of which `last_yuma_step_block` is empty for none; the rows of `weights` and `bonds`; the arrays of OUTPUTS and the rows of
  `bonds`; 1 byte, whether a trace follows; then the arrays of TRACED_ARRAYS and the rows of TRACED_ROWS. `owner_uid` is -1
  for none, `commit_block` empty for none, a `total_stake` two words, the low one first. Rows are three arrays: indptr in 4
  bytes, uid in 2, value in 2, or in 8 where they are traced.
* An operation: its name; the number of operands in 4 bytes; the operands and the result, each an array of words: two for a
  number, its 128 bits in two's complement, the low word first.

Standard library only: it runs wherever the C tests are built.
"""

from __future__ import annotations

import gzip
import itertools
import json
import struct
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

VECTORS = Path(__file__).resolve().parent.parent / "vectors"
EPOCHS = ("epoch.jsonl.gz", "epoch_traced.jsonl.gz", "epoch_pinned.jsonl.gz", "epoch_475.jsonl.gz", "eras.jsonl.gz")

STATE = ("owner_uid", "current_block", "last_mechanism_step_block")
HYPERPARAMETERS = (
    "tempo", "activity_cutoff", "stake_threshold", "bonds_moving_average", "max_allowed_validators", "kappa",
    "bonds_penalty", "alpha_low", "alpha_high", "alpha_sigmoid_steepness", "profile",
    "yuma3", "liquid_alpha", "commit_reveal", "liquid_alpha_consensus_mode",
)  # fmt: skip
MODES = ("current", "previous", "auto")
UIDS = {"total_stake": "Q", "last_update": "Q", "block_at_registration": "Q", "commit_block": "Q", "validator_permit": "B"}
KNOWN = {"previous_consensus": "H", "last_yuma_step_block": "Q"}
OUTPUTS = {
    **dict.fromkeys(("active", "validator_permit"), "B"),
    **dict.fromkeys(("stake_weight", "consensus", "incentive", "dividends", "validator_trust"), "H"),
    **dict.fromkeys(("server_emission", "validator_emission", "emission"), "Q"),
}
TRACED_ARRAYS = ("stake", "active_stake", "consensus", "validator_trust", "rank", "incentive", "dividends")
TRACED_ROWS = ("weights", "clipped", "weights_for_bonds", "ema_bonds", "normalized_bonds")


def array(code: str, items: Iterable[int]) -> bytes:
    values = list(items)
    return struct.pack(f"<I{len(values)}{code}", len(values), *values)


def text(name: str) -> bytes:
    return array("B", name.encode("ascii"))


def scalar(value: int) -> bytes:
    """8 bytes that an int64_t or a uint64_t is read from; struct refuses what is outside both."""
    return struct.pack("<q" if value < 0 else "<Q", value)


def words(value: int) -> tuple[int, int]:
    assert -(2**127) <= value < 2**127
    return value & (2**64 - 1), value >> 64 & (2**64 - 1)


def rows(code: str, matrix: list[list[list[int]]]) -> bytes:
    entries = list(itertools.chain.from_iterable(matrix))
    indptr = itertools.accumulate(map(len, matrix), initial=0)
    return array("I", indptr) + array("H", (uid for uid, _ in entries)) + array(code, (value for _, value in entries))


def epoch(line: dict[str, Any]) -> bytes:
    """A line of an epoch file. Every field of it is taken, or this fails."""
    given, output, trace = dict(line["input"]), dict(line["output"]), dict(line.get("trace", {}))
    given["profile"] = line["profile"]
    given["owner_uid"] = -1 if given["owner_uid"] is None else given["owner_uid"]
    given["total_stake"] = [word for bits in given["total_stake"] for word in words(int(bits))]
    given["commit_block"] = given["commit_block"] or []
    given["liquid_alpha_consensus_mode"] = MODES.index(given.get("liquid_alpha_consensus_mode", "auto"))
    yuma_step = given.get("last_yuma_step_block")
    given["last_yuma_step_block"] = [] if yuma_step is None else [yuma_step]
    given.setdefault("previous_consensus", [])
    packed = [text(line["id"])]
    packed += [scalar(given.pop(name)) for name in (*STATE, *HYPERPARAMETERS, "emission")]
    packed += [array(code, given.pop(name)) for name, code in UIDS.items()]
    packed += [array(code, given.pop(name)) for name, code in KNOWN.items()]
    packed += [rows("H", given.pop(name)) for name in ("weights", "bonds")]
    packed += [array(code, output.pop(name)) for name, code in OUTPUTS.items()]
    packed += [rows("H", output.pop("bonds")), struct.pack("<B", bool(trace))]
    if trace:
        packed += [array("q", trace.pop(name)) for name in TRACED_ARRAYS]
        packed += [rows("q", trace.pop(name)) for name in TRACED_ROWS]
    assert not given
    assert not output
    assert not trace
    assert line.keys() <= {"id", "profile", "input", "output", "trace", "tags"}
    return b"".join(packed)


def operation(line: list[str]) -> bytes:
    name, *operands, equals, result = line
    assert equals == "="
    lists = ([int(item) for item in value.split(",")] if value else [] for value in (*operands, result))
    packed = (array("Q", (word for item in items for word in words(item))) for items in lists)
    return text(name) + struct.pack("<I", len(operands)) + b"".join(packed)


def lines(name: str) -> Iterator[Any]:
    with gzip.open(VECTORS / name, "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


def main() -> None:
    epochs = [epoch(line) for name in EPOCHS for line in lines(name)]
    operations = list(map(operation, lines("ops.jsonl.gz")))
    head = b"YUMAVEC1" + struct.pack("<II", len(epochs), len(operations))
    Path(sys.argv[1]).write_bytes(head + b"".join(epochs + operations))


if __name__ == "__main__":
    main()
