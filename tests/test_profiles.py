"""The profiles: which runtimes have which, what a state has to know for them, and that each rule of section 9 decides."""

from __future__ import annotations

import re
import warnings
from dataclasses import fields, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import yuma_kernel as yk
from yuma_kernel import stages
from yuma_kernel.epoch import load_backend
from yuma_kernel.profiles import MODES, NEWEST

# -- which runtime has which ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "profile"),
    [
        (423, 425),
        (424, 425),
        (425, 425),
        (445, 425),
        (452, 475),
        (474, 475),
        (475, 475),
        (401, 401),
        (365, 365),
        (380, 365),
        (391, 365),
        (320, 320),
        (323, 320),
        (334, 320),
        (297, 297),
        (301, 297),
        (315, 297),
        (283, 283),
        (273, 273),
        (257, 257),
        (252, 252),
        (233, 233),
        (244, 233),
    ],
)
def test_profile_of_a_known_runtime(version: int, profile: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert yk.profile_of(version) == profile


@pytest.mark.parametrize("version", [446, 448, 451])
def test_runtimes_that_are_not_established(version: int) -> None:
    with pytest.raises(yk.UnsupportedProfile) as caught:
        yk.profile_of(version)
    assert caught.value.field == "spec_version"
    assert f"got {version}: 446 to 451 had the modes" in caught.value.rule


@pytest.mark.parametrize(
    ("version", "between"),
    [
        (422, (401, 423)), (402, (401, 423)), (400, (391, 401)), (392, (391, 401)), (364, (334, 365)), (319, (315, 320)),
        (284, (283, 297)), (274, (273, 283)), (258, (257, 273)), (253, (252, 257)), (245, (244, 252)),
    ],
)  # fmt: skip
def test_runtimes_between_two_profiles(version: int, between: tuple[int, int]) -> None:
    with pytest.raises(yk.UnsupportedProfile) as caught:
        yk.profile_of(version)
    older, newer = between
    assert re.search(rf"got {version}: somewhere between {older}, .* and {newer}, .* the rules change", caught.value.rule)


@pytest.mark.parametrize("version", [0, 1, 218, 232])
def test_runtimes_older_than_all(version: int) -> None:
    with pytest.raises(yk.UnsupportedProfile) as caught:
        yk.profile_of(version)
    assert f"got {version}: earlier runtimes" in caught.value.rule


def test_a_later_runtime_is_said_to_be_later() -> None:
    with pytest.warns(yk.NewerRuntimeWarning, match=r"runtime 476 is later than 475.* profile 475") as caught:
        assert yk.profile_of(476) == 475
    assert caught[0].filename == __file__  # who asked, and not this library


@pytest.mark.parametrize("version", [-1, 2**64, 4.5, "475", True, None])
def test_what_is_no_spec_version(version: Any) -> None:
    with pytest.raises(yk.InputError) as caught:
        yk.profile_of(version)
    assert caught.value.field == "spec_version"
    assert type(caught.value) is yk.InputError


def test_table_is_in_order() -> None:
    profiles = list(yk.PROFILES.values())
    assert [profile.number for profile in profiles] == list(yk.PROFILES)
    assert next(iter(yk.PROFILES)) == NEWEST == max(yk.PROFILES)
    for newer, older in pairwise(profiles):
        assert older.first <= older.number <= older.last < newer.first
        rules = [f.name for f in fields(yk.Profile) if f.default is not f.default_factory]
        assert any(getattr(newer, rule) != getattr(older, rule) for rule in rules), "a profile like the one before it"


@pytest.mark.parametrize("profile", [273, 283])
def test_steepness_in_the_unit_of_the_profile(profile: int) -> None:
    low, high = {273: (0, 65535), 283: (-32768, 32767)}[profile]
    for steepness in (low, high):
        assert yk.Hyperparameters(profile=profile, alpha_sigmoid_steepness=steepness).alpha_sigmoid_steepness == steepness
    for steepness in (low - 1, high + 1):
        with pytest.raises(yk.InputError) as caught:
            yk.Hyperparameters(profile=profile, alpha_sigmoid_steepness=steepness)
        assert caught.value.field == "alpha_sigmoid_steepness"


def test_documented_profiles_are_those_of_the_table() -> None:
    page = (Path(__file__).resolve().parent.parent / "docs" / "profiles.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| (\d+) to (\d+) \| (.*) \|$", page, re.MULTILINE)
    table = [(p.number, p.first, p.last, p.otherwise) for p in yk.PROFILES.values()]
    assert [(int(number), int(first), int(last), otherwise) for number, first, last, otherwise in rows] == table


# -- what has to be known -------------------------------------------------------------------------------------------------


def subnet(**changes: Any) -> yk.SubnetState:
    """Two validators who see one miner alike, so that there is a consensus, with bonds that have to move."""
    fields: dict[str, Any] = {
        "weights": yk.SparseRows.from_rows([[(2, 65535), (3, 20000)], [(2, 65535), (3, 30000)], [], []]),
        "bonds": yk.SparseRows.from_rows([[(2, 9000), (3, 60000)], [(2, 50000), (3, 2000)], [], []]),
        "total_stake": yk.stake_from_rao([600, 400, 0, 0]),
        "last_update": [999, 998, 0, 0],
        "block_at_registration": [0, 0, 10, 20],
        "validator_permit": [True, True, False, False],
        "current_block": 1000,
        "last_mechanism_step_block": 640,
    }
    return yk.SubnetState(**{**fields, **changes})


def rules(**changes: Any) -> yk.Hyperparameters:
    return yk.Hyperparameters(**{"profile": 475, "liquid_alpha": True, "commit_reveal": False, **changes})


PREVIOUS = [rules(), rules(liquid_alpha_consensus_mode="previous"), rules(bonds_penalty=0, liquid_alpha_consensus_mode=1)]
CURRENT = [
    rules(bonds_penalty=65534),
    rules(liquid_alpha_consensus_mode="current"),
    rules(liquid_alpha=False),
    rules(yuma3=False),
    rules(profile=425),
]


@pytest.mark.parametrize("h", PREVIOUS)
def test_unknown_previous_consensus_is_refused(h: yk.Hyperparameters, backend: str) -> None:
    state = subnet()
    assert h.selects_previous_consensus
    for call in (
        lambda: yk.epoch(state, h, backend=backend),
        lambda: yk.simulate(state, h, epochs=2, backend=backend),
    ):
        with pytest.raises(yk.InputError) as caught:
            call()
        assert (caught.value.field, caught.value.index) == ("previous_consensus", None)
        assert "ConsensusByMechanism" in caught.value.rule
        assert "an empty array where nothing is stored yet" in caught.value.rule


@pytest.mark.parametrize("h", CURRENT)
def test_unknown_previous_consensus_that_is_not_read(h: yk.Hyperparameters, backend: str) -> None:
    assert not h.selects_previous_consensus
    known = subnet(previous_consensus=[1, 2, 3])
    assert yk.epoch(subnet(), h, backend=backend) == yk.epoch(known, h, backend=backend)


def test_a_profile_that_a_backend_does_not_compute(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load_backend(backend), "PROFILES", frozenset({401, 425}))
    for state in (subnet(), subnet(previous_consensus=[])):
        assert yk.epoch(state, rules(profile=425), backend=backend)
        for call in (
            lambda state: yk.epoch(state, rules(), backend=backend),
            lambda state: yk.epoch_many([state], rules(), backend=backend),
            lambda state: yk.simulate(state, rules(), epochs=2, backend=backend),
        ):
            with pytest.raises(yk.UnsupportedProfile) as caught:
                call(state)
            assert (caught.value.field, caught.value.rule[-17:]) == ("profile", "401, 425, got 475")


def test_epoch_many_names_the_epoch(backend: str) -> None:
    with pytest.raises(yk.InputError) as caught:
        yk.epoch_many([subnet(previous_consensus=[]), subnet()], rules(), backend=backend)
    assert (caught.value.field, caught.value.index) == ("previous_consensus", 1)
    _, error = yk.epoch_many([subnet(previous_consensus=[]), subnet()], rules(), backend=backend, return_errors=True)
    assert isinstance(error, yk.InputError)


def test_simulate_needs_it_for_the_first_epoch_alone(backend: str) -> None:
    later = yk.simulate(subnet(), [rules(liquid_alpha=False), rules()], epochs=2, backend=backend)
    first = yk.epoch(subnet(), rules(liquid_alpha=False), backend=backend)
    state = replace(subnet(), bonds=first.bonds, validator_permit=first.validator_permit, previous_consensus=first.consensus)
    assert yk.epoch(state, rules(), backend=backend).bonds == later.state.bonds
    assert later.state.previous_consensus is not None
    assert later.state.previous_consensus.tolist() == later.consensus[-1].tolist()


def test_simulate_carries_the_consensus(backend: str) -> None:
    state, results = subnet(previous_consensus=[]), []
    for _ in range(5):
        results.append(yk.epoch(state, rules(), backend=backend))
        state = replace(
            state,
            bonds=results[-1].bonds,
            validator_permit=results[-1].validator_permit,
            previous_consensus=results[-1].consensus,
        )
    for every in (1, 2):
        got = yk.simulate(subnet(previous_consensus=[]), rules(), epochs=5, every=every, bonds=True, backend=backend)
        assert got.state == state
        assert list(got.bonds or ()) == [result.bonds for result in results[every - 1 :: every]]


@pytest.mark.parametrize("value", ["latest", "", 3, -1, 1.5, None, True, b"auto"])
def test_what_is_no_mode(value: Any) -> None:
    with pytest.raises(yk.InputError) as caught:
        rules(liquid_alpha_consensus_mode=value)
    assert caught.value.field == "liquid_alpha_consensus_mode"


@pytest.mark.parametrize("number", range(3))
def test_modes_by_number(number: int) -> None:
    assert rules(liquid_alpha_consensus_mode=np.uint8(number)).liquid_alpha_consensus_mode == MODES[number]


# -- each rule decides ----------------------------------------------------------------------------------------------------


def bonds(state: yk.SubnetState, h: yk.Hyperparameters, backend: str) -> list[list[tuple[int, int]]]:
    return yk.epoch(state, h, backend=backend).bonds.to_rows()


def test_the_selected_consensus_is_measured_against(backend: str) -> None:
    """Alpha of 475 is that of 425 where the current consensus is selected, and another where the previous one is."""
    h = rules(liquid_alpha_consensus_mode="previous", bonds_penalty=0)
    old = bonds(subnet(), replace(h, profile=425), backend)
    other = bonds(subnet(previous_consensus=[0, 0, 1, 1]), h, backend)
    assert bonds(subnet(previous_consensus=[]), h, backend) == old
    assert other != old
    assert bonds(subnet(previous_consensus=[0, 0, 1, 1]), replace(h, liquid_alpha_consensus_mode="current"), backend) == old


def test_auto_is_previous_at_a_full_penalty_alone(backend: str) -> None:
    state = subnet(previous_consensus=[0, 0, 1, 1])
    for penalty, mode in ((65535, "previous"), (65534, "current"), (0, "current")):
        auto, named = (rules(bonds_penalty=penalty, liquid_alpha_consensus_mode=m) for m in ("auto", mode))
        assert bonds(state, auto, backend) == bonds(state, named, backend)
    full = rules(bonds_penalty=65535)
    assert bonds(state, full, backend) != bonds(state, replace(full, liquid_alpha_consensus_mode="current"), backend)


def test_the_selected_consensus_decides_whether_liquid_alpha_runs(backend: str) -> None:
    plain = bonds(subnet(), rules(liquid_alpha=False), backend)
    zeros = subnet(previous_consensus=[0, 0, 0, 0])
    assert bonds(zeros, rules(), backend) == plain  # stored zeros are a consensus of 0
    assert bonds(subnet(previous_consensus=[]), rules(), backend) != plain  # nothing stored is none
    # and the other way: no current consensus, as nobody is active, but a previous one
    idle = {"last_update": [0, 0, 0, 0], "current_block": 10_000, "last_mechanism_step_block": 9_000}
    liquid = rules(bonds_penalty=0, liquid_alpha_consensus_mode="previous")
    assert bonds(subnet(previous_consensus=[0, 0, 5, 5], **idle), liquid, backend) != bonds(
        subnet(previous_consensus=[], **idle), liquid, backend
    )


def test_previous_consensus_is_cut_and_padded(backend: str) -> None:
    h = rules(bonds_penalty=0, liquid_alpha_consensus_mode="previous")

    def with_previous(stored: list[int]) -> list[list[tuple[int, int]]]:
        return bonds(subnet(previous_consensus=stored), h, backend)

    assert with_previous([0, 0, 9000]) == with_previous([0, 0, 9000, 0])
    assert with_previous([0, 0, 9000, 7, 65535]) == with_previous([0, 0, 9000, 7])
    assert with_previous([0, 0, 9000, 0]) != with_previous([0, 0, 9000, 30000])
    assert with_previous([0, 0, 0, 0, 65535]) == with_previous([0, 0, 0, 0])  # what is cut does not make it run


def test_the_last_yuma_step_makes_bonds_outdated(backend: str) -> None:
    """A registration in the block of the step itself keeps its bonds, one in the next block does not."""
    h = rules(liquid_alpha=False)

    def left(registered: int, **steps: Any) -> bool:
        state = subnet(block_at_registration=[0, 0, registered, 20], **steps)
        traced = yk.epoch(state, replace(h, bonds_moving_average=1_000_000), backend=backend, trace=True).trace
        assert traced is not None
        ema = traced["ema_bonds"]
        assert isinstance(ema, yk.SparseRows)
        return any(uid == 2 for uid, _ in ema.to_rows()[0])

    for step in (700, 0):
        assert left(step, last_yuma_step_block=step)
        assert not left(step + 1, last_yuma_step_block=step)
    assert left(640)
    assert not left(641)
    # at the end of u64 the block after it is itself
    assert not left(2**64 - 1, last_yuma_step_block=2**64 - 1)
    assert left(2**64 - 2, last_yuma_step_block=2**64 - 1)
    # 425 has no such step
    h = rules(liquid_alpha=False, profile=425)
    assert not left(641, last_yuma_step_block=700)


def test_selected_consensus_as_a_stage(backend: str) -> None:
    one = stages.ONE

    def selected(*given: Any) -> list[int]:
        got = stages.selected_consensus([7, 0, one], *given, backend=backend)
        assert got.dtype == np.int64
        return [int(raw) for raw in got]

    assert selected([65535, 1, 0]) == [one, 65537, 0]
    assert selected([65535]) == [one, 0, 0]
    assert selected([65535, 1, 0, 9], "previous", 0) == [one, 65537, 0]
    assert selected([], "previous", 0) == [7, 0, one]
    assert selected([0, 0, 0], "previous", 0) == [0, 0, 0]
    assert selected([1, 2, 3], "current") == [7, 0, one]
    assert selected([1, 2, 3], "auto", 65534) == [7, 0, one]
