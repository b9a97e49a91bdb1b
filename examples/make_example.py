"""Makes the bundled example: a subnet of 256 uids and 64 validators that exists nowhere, realistic in shape.

    python examples/make_example.py            writes python/yuma_kernel/data/example.npz
    python examples/make_example.py --check    exits 1 where that file does not hold what this program makes

Everything is integers from one seed, so every machine and every Python makes the same snapshot.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import yuma_kernel as yk

PATH = Path(__file__).resolve().parents[1] / "python" / "yuma_kernel" / "data" / "example.npz"

N = 256
VALIDATORS = 64
EPOCHS = 20  # that warm the bonds up
LAST_BLOCK = 6_000_120
TEMPO = 360
RAO = 10**9
EMISSION = 148 * RAO
TAO_WEIGHT = 3_320_413_933_267_719_290  # of 2^64 - 1, the main network's 0.18
NO_COMMIT = 2**64 - 1

HYPERPARAMETERS = yk.Hyperparameters(max_allowed_validators=VALIDATORS, stake_threshold=1000 * RAO)

META = {
    "netuid": None,
    "network": "synthetic",
    "source": "examples/make_example.py of yuma-kernel, MIT",
    "real": "nothing: every input is generated from a seed",
    "computed": f"bonds, permits and previous consensus: {EPOCHS} epochs of this library from no bonds; expect_*: its "
    "reference backend, not the chain",
}


class Random:
    """SplitMix64: neither Python's `random` nor NumPy's promises these integers to later versions."""

    def __init__(self, seed: int) -> None:
        self.state = seed

    def below(self, n: int) -> int:
        """An integer of 0..n-1; the bias, n / 2^64, matters to no one here."""
        self.state = (self.state + 0x9E3779B97F4A7C15) % 2**64
        z = self.state
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
        return ((z ^ (z >> 31)) * n) >> 64

    def near(self, value: int, percent: int) -> int:
        """`value` give or take up to `percent`."""
        return value * (1000 + self.below(20 * percent + 1) - 10 * percent) // 1000

    def shuffled(self, n: int) -> list[int]:
        """The integers of 0..n-1 in some order."""
        out = list(range(n))
        for i in range(n - 1, 0, -1):
            k = self.below(i + 1)
            out[i], out[k] = out[k], out[i]
        return out


@dataclass(frozen=True)
class Subnet:
    """What stays the same from epoch to epoch.

    `validators` and `miners` are uids, the one with the largest stake or the best quality first.
    """

    validators: list[int]
    miners: list[int]
    owner: int
    quality: list[int]
    alpha_stake: list[int]
    tao_stake: list[int]
    registered: list[int]


def subnet(random: Random) -> Subnet:
    uids = random.shuffled(N)
    validators, miners = uids[:VALIDATORS], uids[VALIDATORS:]
    alpha, tao, quality = [0] * N, [0] * N, [0] * N
    for rank, uid in enumerate(validators):  # a power law: the largest holds about a fifth of all
        alpha[uid] = random.near(1_400_000 * RAO // (rank + 1), 15)
        tao[uid] = random.near(300_000 * RAO // (rank + 1), 60)
        quality[uid] = random.below(40)  # validators mine little
    for rank, uid in enumerate(miners):  # a few good ones, a long tail, the last of them worthless
        alpha[uid] = random.below(900 * RAO)
        quality[uid] = random.near(65535 * 4 // (rank + 4), 10) if rank < 180 else 0

    registered = [random.below(5_000_000) for _ in range(N)]
    for uid in miners[150:158]:
        registered[uid] = LAST_BLOCK - 1 - random.below(TEMPO)  # within the last tempo: bonds and older weights go out
    for uid in miners[158:170]:
        registered[uid] = LAST_BLOCK - TEMPO - random.below(EPOCHS * TEMPO)
    return Subnet(validators, miners, validators[9], quality, alpha, tao, registered)


def weight_row(random: Random, net: Subnet, rank: int) -> list[tuple[int, int]]:
    """The row of the validator `rank`, over all the others, as it is stored: scaled so that its largest value is 65535."""
    validator = net.validators[rank]
    scores = [random.near(q, 4 + rank % 13) for q in net.quality]
    if rank % 9 == 4:  # a careless judge, far from the others
        scores = [random.near(q, 70) for q in net.quality]
    if rank in (6, 31):  # self-serving: nearly everything to two miners of its own
        scores = [score // 20 for score in scores]
        for friend in net.miners[100 + rank : 102 + rank]:
            scores[friend] = 65535
    if rank == 20:  # only the best miner counts; the others stand in the row as explicit zeros
        scores = [65535 if uid == net.miners[0] else 0 for uid in range(N)]
    scores[validator] = 0
    largest = max(scores)
    row = [(uid, score * 65535 // largest) for uid, score in enumerate(scores) if uid != validator]
    if rank % 8 == 5:  # some send their weights best first, and the chain stores them as they were sent
        row.sort(key=lambda entry: -entry[1])
    return row


def states(random: Random, net: Subnet, backend: str | None) -> Iterator[yk.SubnetState]:
    """The states before each epoch, every one from the bonds, permits and consensus that the epoch before it stored."""
    bonds = yk.SparseRows.empty(N)
    permits = np.array([uid in net.validators for uid in range(N)])
    consensus = np.zeros(0, np.uint16)  # nothing stored yet
    rows: list[list[tuple[int, int]]] = [[] for _ in range(N)]
    updated, commits = [0] * N, [NO_COMMIT] * N
    first_block = LAST_BLOCK - EPOCHS * (TEMPO + 1)
    for block in range(first_block, LAST_BLOCK + 1, TEMPO + 1):
        for rank, uid in enumerate(net.validators):
            if block > first_block and rank in (14, 33, 50, 59):  # these fell silent after the first epoch
                continue
            if block == first_block or random.below(5):
                rows[uid] = weight_row(random, net, rank)
                updated[uid] = block - 1 - random.below(TEMPO)
            # one in four has a commit in flight, some of them older than the youngest miners
            commits[uid] = block - 1 - random.below(2 * TEMPO) if random.below(4) == 0 else NO_COMMIT
        alpha_stake = list(net.alpha_stake)
        if block == LAST_BLOCK:  # a miner that just bought in: the smallest validator loses its permit to it
            alpha_stake[net.miners[40]] = 40_000 * RAO
        state = yk.SubnetState(
            weights=yk.SparseRows.from_rows(rows),
            bonds=bonds,
            total_stake=yk.total_stake_bits(alpha_stake, net.tao_stake, TAO_WEIGHT),
            last_update=np.array(updated, np.uint64),
            # before its registration, a uid was held by somebody else for long
            block_at_registration=np.array([born if born < block else born // 2 for born in net.registered], np.uint64),
            validator_permit=permits,
            current_block=block,
            last_mechanism_step_block=block - TEMPO - 1,
            last_yuma_step_block=block - TEMPO - 1,
            previous_consensus=consensus,
            owner_uid=net.owner,
            commit_block=np.array(commits, np.uint64),
        )
        yield state
        if block < LAST_BLOCK:
            result = yk.epoch(state, HYPERPARAMETERS, backend=backend)
            bonds, permits, consensus = result.bonds, result.validator_permit, result.consensus


def snapshot(backend: str | None = None) -> yk.Snapshot:
    """The example; `backend` computes the bonds and the reference what is expected, and all backends give the same bits."""
    random = Random(425)
    net = subnet(random)
    *_, state = states(random, net, backend)
    result = yk.epoch(state, HYPERPARAMETERS, emission=EMISSION, backend="reference")
    expected = {name: getattr(result, name) for name in yk.OUTPUTS}
    return yk.Snapshot(state, HYPERPARAMETERS, EMISSION, expected, META)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Makes the bundled example.")
    parser.add_argument("--check", action="store_true", help="compare with the file instead of writing it")
    parser.add_argument("--backend", choices=tuple(yk.BACKENDS), help="for the bonds")
    arguments = parser.parse_args(argv)
    made = snapshot(arguments.backend)
    if not arguments.check:
        yk.save(PATH, made)
    elif yk.load(PATH) != made:  # the snapshots, not the bytes: another zlib compresses to others
        print(f"{PATH} is not what this program makes", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
