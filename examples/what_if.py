"""What a validator's dividends would be if it set other weights.

    python examples/what_if.py [SNAPSHOT.npz] [--validator UID]

Without arguments: the bundled subnet, and its validator with the largest dividends. Everything else stays as it is, so this
is the next epoch; bonds move slowly, and the epochs after it are others' to guess.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib.resources
from collections.abc import Mapping

import numpy as np

import yuma_kernel as yk


def with_weights(state: yk.SubnetState, validator: int, weights: Mapping[int, float]) -> yk.SubnetState:
    """`state` as if `validator` had just set `weights`."""
    uids, values = yk.weights_to_u16(weights)
    rows = state.weights.to_rows()
    rows[validator] = list(zip(uids.tolist(), values.tolist(), strict=True))
    updated = np.array(state.last_update)
    updated[validator] = state.current_block
    return dataclasses.replace(state, weights=yk.SparseRows.from_rows(rows), last_update=updated)


def main() -> None:
    parser = argparse.ArgumentParser(description="What a validator's dividends would be if it set other weights.")
    parser.add_argument("snapshot", nargs="?")
    parser.add_argument("--validator", type=int)
    arguments = parser.parse_args()
    example = importlib.resources.files("yuma_kernel") / "data" / "example.npz"
    snapshot = yk.load(arguments.snapshot or str(example))

    def epoch(state: yk.SubnetState) -> yk.EpochResult:
        return yk.epoch(state, snapshot.hyperparameters, emission=snapshot.emission)

    now = epoch(snapshot.state)
    validator = int(now.dividends.argmax()) if arguments.validator is None else arguments.validator
    miners = np.flatnonzero(now.incentive).tolist()
    best = int(now.incentive.argmax())
    choices = {
        "as consensus has them": {uid: float(now.consensus[uid]) for uid in miners},
        "all on the best miner": {best: 1.0},
        "the same for each miner": dict.fromkeys(miners, 1.0),
        "all on the worst miner": {min(miners, key=lambda uid: now.incentive[uid]): 1.0},
    }
    results = {"as they are": now}
    results.update({name: epoch(with_weights(snapshot.state, validator, weights)) for name, weights in choices.items()})

    print(f"validator {validator}, {len(miners)} uids with incentive, {snapshot.emission} rao to be divided\n")
    print(f"{'weights':<26}{'dividends':>10}{'trust':>8}{'emission (rao)':>18}")
    for name, result in results.items():
        values = (result.dividends[validator], result.validator_trust[validator], result.validator_emission[validator])
        print(f"{name:<26}{values[0]:>10}{values[1]:>8}{values[2]:>18}")


if __name__ == "__main__":
    main()
