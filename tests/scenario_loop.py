"""The epochs of a scenario one by one, which tests hold the runs of a study to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

import yuma_kernel as yk
from yuma_kernel.studies import BondReset, Registration, Scenario, Scenarios
from yuma_kernel.studies.scenario_table import EMISSION_RAO


def loop(
    made: Scenario, rules: yk.Hyperparameters, backend: str | None = None
) -> list[tuple[yk.SubnetState, yk.EpochResult]]:
    """The epochs of a scenario one by one, each state built anew of what it is known to be."""
    rules = replace(rules, **made.hyperparameters)
    n, validators = made.n, len(made.validators)
    bonds, permit, consensus = yk.SparseRows.empty(n), np.arange(n) < validators, np.zeros(0, np.uint16)
    updated, registered, block = np.full(n, 10**6 - 1, np.uint64), np.zeros(n, np.uint64), 10**6
    step, done = 0, []
    for epoch in range(made.epochs):
        for event in made.events:
            if event.epoch == epoch and isinstance(event, Registration):
                registered[validators + event.server] = block - 360 + 1
            elif event.epoch == epoch and isinstance(event, BondReset):
                dense = bonds.to_dense()
                rows = slice(None) if event.validator is None else event.validator
                dense[rows, slice(None) if event.server is None else validators + event.server] = 0
                bonds = yk.SparseRows.from_dense(dense)
        updated[permit] = block - 1
        pairs = [
            [(validators + k, int(w)) for k, w in enumerate(row) if w or (made.zeros and row.any())]
            for row in made.weights[epoch]
        ]
        rao = [*made.stakes[epoch].tolist(), *[0] * made.servers]
        state = yk.SubnetState(
            yk.SparseRows.from_rows([*pairs, *[[]] * made.servers]), bonds, yk.stake_from_rao(rao), updated, registered,
            permit, block, step, previous_consensus=consensus,
        )  # fmt: skip
        result = yk.epoch(state, rules, emission=EMISSION_RAO, backend=backend)
        done.append((state, result))
        bonds, permit, consensus, step, block = result.bonds, result.validator_permit, result.consensus, block, block + 360
    return done


def same(study: Scenarios, made: Scenario, name: str, penalty: int, rules: yk.Hyperparameters, backend: str | None) -> None:
    """That the rows of one run are those of the loop, in their bits."""
    got = study.of(made.name, name, penalty)
    rows = {column: values.reshape(made.epochs, made.n) for column, values in got.items()}
    validators = len(made.validators)
    for epoch, (state, result) in enumerate(loop(made, replace(rules, bonds_penalty=penalty), backend)):
        for column, output in (
            ("consensus", "consensus"),
            ("validator_trust", "validator_trust"),
            ("incentive", "incentive"),
            ("dividends", "dividends"),
            ("server_emission_rao", "server_emission"),
            ("validator_emission_rao", "validator_emission"),
        ):
            want = getattr(result, output)
            assert rows[column].dtype == want.dtype
            assert rows[column][epoch].tolist() == want.tolist(), (epoch, column)
        bonds, weights = result.bonds.to_dense(), state.weights.to_dense()
        for k in range(made.servers):
            assert rows[f"bond_{k + 1}"][epoch].tolist() == bonds[:, validators + k].tolist(), (epoch, k)
            assert rows[f"weight_{k + 1}"][epoch].tolist() == weights[:, validators + k].tolist()
        stake = state.total_stake[:, 1]
        assert rows["stake_rao"][epoch].tolist() == stake.tolist()
        paid = result.validator_emission.astype(float) * 1000
        want = [p / s if s else np.nan for p, s in zip(paid.tolist(), stake.tolist(), strict=True)]
        np.testing.assert_array_equal(rows["dividends_per_1000"][epoch], want)
        assert rows["epoch"][epoch].tolist() == [epoch] * made.n
        assert rows["uid"][epoch].tolist() == list(range(made.n))
        assert rows["role"][epoch].tolist() == ["validator"] * validators + ["server"] * made.servers
