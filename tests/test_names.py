"""Hyperparameters from the names that storage, runtime API, SDKs and explorers have."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import yuma_kernel as yk
from test_types import refused
from yuma_kernel.names import FACTOR_DEFAULT, NAMES, STORED_CUTOFF_DEFAULT, STORED_DEFAULTS, UNREAD

# an SDK's object, with the names of bittensor 9 and 10
SDK: dict[str, Any] = {
    "rho": 10, "kappa": 32000, "immunity_period": 5000, "min_allowed_weights": 1, "max_weight_limit": 65535, "tempo": 99,
    "min_difficulty": 1, "max_difficulty": 9, "weights_version": 0, "weights_rate_limit": 100, "adjustment_interval": 360,
    "activity_cutoff": 4000, "registration_allowed": True, "target_regs_per_interval": 1, "min_burn": 1, "max_burn": 2,
    "bonds_moving_avg": 800000, "max_regs_per_block": 1, "serving_rate_limit": 50, "max_validators": 32,
    "adjustment_alpha": 1, "difficulty": 1, "commit_reveal_period": 1, "commit_reveal_weights_enabled": False,
    "alpha_high": 50000, "alpha_low": 40000, "liquid_alpha_enabled": True, "alpha_sigmoid_steepness": 900.0,
    "yuma_version": 3, "subnet_is_active": True, "transfers_enabled": True, "bonds_reset_enabled": False,
    "user_liquidity_enabled": False,
}  # fmt: skip
STORAGE: dict[str, Any] = {
    "Kappa": 32000, "BondsPenalty": 60000, "BondsMovingAverage": 800000, "MaxAllowedValidators": 32,
    "AlphaValues": (40000, 50000), "AlphaSigmoidSteepness": 900, "Yuma3On": True, "LiquidAlphaOn": True,
    "CommitRevealWeightsEnabled": False, "Tempo": 99, "StakeThreshold": 5, "ActivityCutoffFactorMilli": 40405,
    "LiquidAlphaConsensusMode": 1, "RevealPeriodEpochs": 1, "Rho": 10,
}  # fmt: skip
EXPECTED = yk.Hyperparameters(
    kappa=32000, bonds_penalty=60000, bonds_moving_average=800000, yuma3=True, liquid_alpha=True, alpha_low=40000,
    alpha_high=50000, alpha_sigmoid_steepness=900, liquid_alpha_consensus_mode="previous", max_allowed_validators=32,
    stake_threshold=5, tempo=99, activity_cutoff=4000, commit_reveal=False,
)  # fmt: skip
LACKING: dict[str, Any] = {"bonds_penalty": 60000, "stake_threshold": 5, "liquid_alpha_consensus_mode": "previous"}
from_chain = yk.Hyperparameters.from_chain


def test_the_same_from_every_source() -> None:
    assert from_chain(SDK, **LACKING) == EXPECTED
    assert from_chain(SimpleNamespace(**SDK), **LACKING) == EXPECTED
    assert from_chain(STORAGE) == EXPECTED
    explorer = {name: str(v) if type(v) is int and name != "LiquidAlphaConsensusMode" else v for name, v in STORAGE.items()}
    assert from_chain(json.loads(json.dumps(explorer))) == EXPECTED
    assert from_chain({**SDK, **STORAGE}) == EXPECTED  # twice the same
    assert from_chain({**STORAGE, "LiquidAlphaConsensusMode": "Previous"}) == EXPECTED
    own = {name: value for name, value in vars(EXPECTED).items() if name in STORED_DEFAULTS or name == "activity_cutoff"}
    assert from_chain(own) == EXPECTED


def test_stored_forms() -> None:
    for steepness in (900, 900.0, {"bits": 900 << 32}, {"bits": str(900 << 32)}):
        assert from_chain({**STORAGE, "AlphaSigmoidSteepness": steepness}) == EXPECTED
    assert from_chain({**STORAGE, "AlphaSigmoidSteepness": {"bits": -3 << 32}}).alpha_sigmoid_steepness == -3
    for wrong in (9.5, {"bits": 1}, {"bits": 900 << 32, "more": 1}, "9.0", None, [900]):
        refused(lambda wrong=wrong: from_chain({**STORAGE, "AlphaSigmoidSteepness": wrong}), "alpha_sigmoid_steepness", None)  # type: ignore[misc]
    assert not from_chain({**SDK, "yuma_version": 2}, **LACKING).yuma3
    refused(lambda: from_chain({**SDK, "yuma_version": 1}, **LACKING), "yuma_version", None, "from 2 to 3")
    refused(lambda: from_chain({**SDK, "kappa": 0.5}, **LACKING), "kappa", None, "32767 or 32768")
    refused(lambda: from_chain({**STORAGE, "AlphaValues": 5}), "AlphaValues", None, "pair")
    refused(lambda: from_chain({**STORAGE, "Kappa": "1" * 5000}), "kappa", None, "got str")  # more than Python reads
    refused(lambda: from_chain({**STORAGE, "Kappa": 70000}), "kappa", None, "from 0 to 65535")


def test_liquid_alpha_without_yuma3_reads_nothing_more() -> None:
    """What has no effect is not asked for: as the epochs under two values of it are the same, so are the hyperparameters."""
    off = {name: value for name, value in STORAGE.items() if name not in ("AlphaValues", "AlphaSigmoidSteepness")}
    got = from_chain({**off, "Yuma3On": False, "LiquidAlphaOn": True})
    assert (got.yuma3, got.liquid_alpha) == (False, True)
    refused(
        lambda: from_chain({**off, "Yuma3On": True, "LiquidAlphaOn": True}),
        "alpha_low",
        None,
        "alpha_sigmoid_steepness (1000)",
    )


def test_what_is_unknown_or_said_twice_is_refused() -> None:
    refused(lambda: from_chain({**STORAGE, "kapa": 1}), "mapping", None, "'kapa'", "is kappa meant?")
    refused(lambda: from_chain({**STORAGE, "block_number": 1}), "mapping", None, "'block_number'", "leave out what is none")
    refused(lambda: from_chain({**STORAGE, 5: 1}), "mapping", None, "names as keys")
    refused(lambda: from_chain({**STORAGE, "kappa": 1}), "kappa", None, "32000", "under the name Kappa")
    refused(lambda: from_chain({**STORAGE, "alpha_low": 1}), "AlphaValues", None, "under the name alpha_low")
    refused(lambda: from_chain(STORAGE, kapa=1), "kapa", None, "no hyperparameter")
    for wrong in (None, 5, [("Kappa", 1)], yk.Hyperparameters, "Kappa"):
        refused(lambda wrong=wrong: from_chain(wrong), "mapping", None, "expected a mapping")  # type: ignore[misc]
    refused(lambda: from_chain(STORAGE, profile=1), "profile", None)
    refused(lambda: from_chain(STORAGE, missing="guess"), "missing", None, "refuse or default")  # type: ignore[arg-type]


def test_what_would_be_guessed_is_named() -> None:
    error = refused(lambda: from_chain(SDK), "bonds_penalty", None, "bonds_penalty (65535)", "stake_threshold (0)")
    assert "liquid_alpha_consensus_mode (auto)" in error.rule
    assert "kappa" not in error.rule
    off = {**SDK, "liquid_alpha_enabled": False}
    assert "consensus_mode" not in refused(lambda: from_chain(off), "bonds_penalty", None).rule
    del off["alpha_low"]
    assert from_chain(off, bonds_penalty=1, stake_threshold=0).alpha_low == STORED_DEFAULTS["alpha_low"]  # not read
    assert "consensus_mode" not in refused(lambda: from_chain(SDK, profile=425), "bonds_penalty", None).rule
    for name in STORAGE.keys() - {"RevealPeriodEpochs", "Rho"}:
        lacking = {key: value for key, value in STORAGE.items() if key != name}
        field = {"AlphaValues": "alpha_low", "ActivityCutoffFactorMilli": "activity_cutoff"}.get(name) or NAMES[name]
        refused(lambda lacking=lacking: from_chain(lacking), field, None, "not given")  # type: ignore[misc]
        got = from_chain(lacking, missing="default")
        for known, value in STORED_DEFAULTS.items():
            assert getattr(got, known) == (value if NAMES.get(name) == known else getattr(got, known))
    assert from_chain({}, missing="default") == yk.Hyperparameters(yuma3=False)


def test_the_activity_cutoff() -> None:
    for factor, tempo in ((40405, 99), (1, 99), (0, 360), (13889, 360), (1000, 0), (2**32 - 1, 65535)):
        got = from_chain({**STORAGE, "ActivityCutoffFactorMilli": factor, "Tempo": tempo})
        assert got.activity_cutoff == max(1, factor * tempo // 1000)
    assert from_chain(STORAGE, activity_cutoff=7).activity_cutoff == 7
    stored = {key: value for key, value in STORAGE.items() if key != "ActivityCutoffFactorMilli"} | {"ActivityCutoff": 4321}
    refused(lambda: from_chain(stored), "ActivityCutoff", None, "not read since runtime 423")
    assert from_chain({**stored, "ActivityCutoffFactorMilli": 40405}) == EXPECTED
    earlier = max(profile for profile in yk.PROFILES if profile < 425)
    assert from_chain(stored, profile=earlier).activity_cutoff == 4321
    assert from_chain({}, missing="default", profile=earlier).activity_cutoff == STORED_CUTOFF_DEFAULT


def test_a_cutoff_beside_its_factor() -> None:
    """They agree, or one is refused; what the caller says stands in place of both."""
    both = {**STORAGE, "activity_cutoff": 4000}
    assert from_chain(both) == EXPECTED
    refused(lambda: from_chain({**both, "activity_cutoff": 4001}), "activity_cutoff", None, "4001, and 4000 by the factor")
    assert from_chain(both, activity_cutoff=7).activity_cutoff == 7
    assert from_chain({**both, "ActivityCutoffFactorMilli": 1}, profile=401).activity_cutoff == 4000


def test_earlier_profiles_name_what_they_read() -> None:
    """257 has liquid alpha in Yuma 2 and no threshold; 273 counts the steepness in ones, for which no default is known."""
    early = {key: value for key, value in STORAGE.items() if key not in ("ActivityCutoffFactorMilli", "AlphaValues")}
    early |= {"ActivityCutoff": 4000, "Yuma3On": False}
    assert "alpha_high" in refused(lambda: from_chain(early, profile=257), "alpha_low", None, "not given").rule
    assert from_chain({**early, "LiquidAlphaOn": False}, profile=257).alpha_low == STORED_DEFAULTS["alpha_low"]
    bare = {key: value for key, value in early.items() if key not in ("Yuma3On", "StakeThreshold", "AlphaSigmoidSteepness")}
    bare.pop("CommitRevealWeightsEnabled")
    assert from_chain({**bare, "AlphaValues": (1, 2)}, profile=257).alpha_low == 1
    ones = {**bare, "AlphaValues": (1, 2), "Yuma3On": True, "StakeThreshold": 0}
    refused(lambda: from_chain(ones, profile=273), "alpha_sigmoid_steepness", None, "not given")
    refused(
        lambda: from_chain(ones, profile=273, missing="default"), "alpha_sigmoid_steepness", None, "in ones", "profile 273"
    )
    assert from_chain({**ones, "AlphaSigmoidSteepness": 10}, profile=273).alpha_sigmoid_steepness == 10
    assert from_chain({**ones, "LiquidAlphaOn": False}, profile=273, missing="default").liquid_alpha is False


@pytest.mark.parametrize("profile", yk.PROFILES)
def test_no_default_of_profiles_whose_metadata_are_not_known(profile: int) -> None:
    if profile >= 365:
        from_chain({}, missing="default", profile=profile)
        return
    errors = [
        refused(lambda: from_chain({}, missing="default", profile=profile), "kappa", None, "is not known", "tempo"),
        refused(lambda: from_chain({}, profile=profile), "kappa", None, "is not known", "tempo"),
    ]
    assert not any("missing=" in error.rule for error in errors)  # which would help nothing
    whole = {field: value for field, value in STORED_DEFAULTS.items() if field != "alpha_sigmoid_steepness"}
    assert from_chain(whole, profile=profile, activity_cutoff=1).kappa == STORED_DEFAULTS["kappa"]


def test_no_name_is_both_read_and_unread() -> None:
    assert not NAMES.keys() & UNREAD


def test_the_defaults_are_those_of_the_metadata() -> None:
    path = Path(__file__).resolve().parents[2] / "shared" / "chain" / "storage.json"
    if not path.exists():
        pytest.skip("../shared/chain/storage.json is not here")
    items = json.loads(path.read_text())

    def default(item: str) -> int:
        return int.from_bytes(bytes.fromhex(items[item]["default"]), "little")

    for name, field in NAMES.items():
        if name in items and field in STORED_DEFAULTS:
            assert default(name) == STORED_DEFAULTS[field], name
    assert default("AlphaValues") == STORED_DEFAULTS["alpha_low"] | STORED_DEFAULTS["alpha_high"] << 16
    assert default("ActivityCutoffFactorMilli") == FACTOR_DEFAULT
    assert default("ActivityCutoff") == STORED_CUTOFF_DEFAULT
    read = {name for name in items if name in NAMES}
    assert {"Kappa", "Yuma3On", "Tempo"} <= read
