"""Compares what was stored after an epoch with what follows from what was stored before it, output by output.

    python examples/audit.py [SNAPSHOT.npz ...]

Without arguments: the bundled subnet. Exit code 1 where anything differs.
"""

from __future__ import annotations

import importlib.resources
import sys
from collections.abc import Sequence

import yuma_kernel as yk


def audit(path: str) -> int:
    """How many outputs differ."""
    snapshot = yk.load(path)
    result = yk.epoch(snapshot.state, snapshot.hyperparameters, emission=snapshot.emission)
    print(f"{path}: {snapshot.state.n} uids, block {snapshot.state.current_block}")
    different = 0
    for name in yk.OUTPUTS:
        if snapshot.expected is None or name not in snapshot.expected:
            print(f"  {name:<20} not recorded")
            continue
        difference = result.first_difference({name: snapshot.expected[name]})
        print(f"  {name:<20} {'equal' if difference is None else f'DIFFERS: {difference}'}")
        different += difference is not None
    return different


def main(paths: Sequence[str]) -> int:
    example = importlib.resources.files("yuma_kernel") / "data" / "example.npz"
    return int(sum(audit(path) for path in paths or [str(example)]) > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
