"""At its first use the C kernel computes epochs of known results, and nothing where they come out otherwise."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import yuma_kernel as yk
from yuma_kernel.epoch import load_backend
from yuma_kernel.kernel import native, selfcheck


def simple() -> yk.SubnetState:
    return yk.SubnetState(
        weights=yk.SparseRows.from_rows([[(1, 5)], []]),
        bonds=yk.SparseRows.from_rows([[], []]),
        total_stake=yk.stake_from_rao([10, 20]),
        last_update=[5, 6],
        block_at_registration=[1, 2],
        validator_permit=[True, False],
        current_block=10,
        previous_consensus=[],
    )


CALLS: dict[str, Callable[[], Any]] = {
    "epoch": lambda: yk.epoch(simple(), yk.Hyperparameters()),
    "traced": lambda: yk.epoch(simple(), yk.Hyperparameters(), trace=True),
    "simulate": lambda: yk.simulate(simple(), yk.Hyperparameters(), epochs=2),
    "epoch_many": lambda: list(yk.epoch_many([simple()] * 3, yk.Hyperparameters())),
    "variants": lambda: yk.variants(simple(), yk.Hyperparameters(), emission=np.arange(3, dtype=np.uint64)),
    "stage": lambda: yk.stages.upscale_to_u16([1, 2]),
}


def test_known_results_are_those_of_the_reference() -> None:
    reference, state = load_backend("reference"), selfcheck.subnet()
    digests = [selfcheck.digest(reference.epoch(state, h, selfcheck.EMISSION, trace=False)) for h in selfcheck.rules()]
    assert digests == selfcheck.EXPECTED


@pytest.mark.parametrize("call", CALLS)
def test_nothing_is_computed_where_a_known_result_differs(call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    CALLS[call]()  # which is right but for the check
    for k, known in enumerate(selfcheck.EXPECTED):
        monkeypatch.setattr(selfcheck, "sound", set())
        with monkeypatch.context() as wrong:
            changed = [*selfcheck.EXPECTED[:k], known ^ 1, *selfcheck.EXPECTED[k + 1 :]]
            wrong.setattr(selfcheck, "EXPECTED", changed)
            for _ in range(2):  # and not the second time either
                with pytest.raises(yk.BackendUnavailable, match="computes other numbers here than the specification has"):
                    CALLS[call]()
        CALLS[call]()
        assert native.selected_mask() in selfcheck.sound


def test_each_choice_of_instruction_sets_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selfcheck, "sound", set())
    computed: list[int] = []
    epoch = native._epoch

    def counted(given: Any, h: Any, emission: int, isa: int, traced: Any = None) -> Any:
        computed.append(isa)
        return epoch(given, h, emission, isa, traced)

    monkeypatch.setattr(native, "_epoch", counted)
    try:
        for name in native.instruction_sets():
            native.select_instruction_sets([name])
            for _ in range(3):
                native.selected_mask()
    finally:
        native.select_instruction_sets()
    assert sorted(computed) == sorted(
        native._ISA_BITS[name] for name in native.instruction_sets() for _ in selfcheck.rules()
    )


def test_nothing_is_computed_at_import() -> None:
    code = "from yuma_kernel.kernel import native, selfcheck; assert not selfcheck.sound"
    subprocess.run([sys.executable, "-c", code], check=True)
