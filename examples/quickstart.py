"""From arrays to the numbers that the chain will store: three miners, judged by two validators."""

import numpy as np

import yuma_kernel as yk

weights = yk.SparseRows.from_rows([[(2, 65535), (3, 20000)], [(2, 65535), (3, 30000), (4, 5000)], [], [], []])
state = yk.SubnetState(
    weights=weights,
    bonds=yk.SparseRows.empty(5),
    total_stake=yk.stake_from_rao([600_000_000_000, 400_000_000_000, 0, 0, 0]),
    last_update=np.array([999, 998, 0, 0, 0], np.uint64),
    block_at_registration=np.array([0, 0, 10, 20, 30], np.uint64),
    validator_permit=np.array([True, True, False, False, False]),
    current_block=1000,
)
result = yk.epoch(state, yk.Hyperparameters(), emission=148_000_000_000)

print("consensus", result.consensus.tolist())
print("incentive", result.incentive.tolist())
print("dividends", result.dividends.tolist())
print("emission ", result.emission.tolist(), "rao")
print("bonds    ", result.bonds.to_rows()[:2])
