"""Hyperparameters under the names that the ecosystem has for them: storage, the runtime API, SDKs and explorers."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, cast

import numpy as np

from yuma_kernel.arrays import U64_MAX, integer
from yuma_kernel.errors import InputError, shown
from yuma_kernel.profiles import PROFILES
from yuma_kernel.types import Hyperparameters

NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        # storage of the pallet SubtensorModule
        "Kappa": "kappa", "BondsPenalty": "bonds_penalty", "BondsMovingAverage": "bonds_moving_average",
        "MaxAllowedValidators": "max_allowed_validators", "AlphaSigmoidSteepness": "alpha_sigmoid_steepness",
        "Yuma3On": "yuma3", "LiquidAlphaOn": "liquid_alpha", "CommitRevealWeightsEnabled": "commit_reveal", "Tempo": "tempo",
        "StakeThreshold": "stake_threshold", "LiquidAlphaConsensusMode": "liquid_alpha_consensus_mode",
        # the runtime API's SubnetHyperparams and metagraph, which SDKs and btcli hand on
        "max_validators": "max_allowed_validators", "bonds_moving_avg": "bonds_moving_average",
        "liquid_alpha_enabled": "liquid_alpha", "commit_reveal_weights_enabled": "commit_reveal",
        "commit_reveal_enabled": "commit_reveal", "yuma3_enabled": "yuma3", "yuma_version": "yuma3",
        # explorers
        "yuma3_on": "yuma3", "liquid_alpha_on": "liquid_alpha",
        # of two values, or of a factor: below
        "AlphaValues": "alpha_values", "alpha_values": "alpha_values",
        "ActivityCutoff": "stored_activity_cutoff", "ActivityCutoffFactorMilli": "activity_cutoff_factor_milli",
        "activity_cutoff_factor_milli": "activity_cutoff_factor_milli",
        **{name: name for name in (
            "kappa", "bonds_penalty", "bonds_moving_average", "yuma3", "liquid_alpha", "alpha_low", "alpha_high",
            "alpha_sigmoid_steepness", "liquid_alpha_consensus_mode", "max_allowed_validators", "stake_threshold", "tempo",
            "activity_cutoff", "commit_reveal",
        )},
    }
)  # fmt: skip
"""By each name that is read, the field of `Hyperparameters`, or what one is made of."""

UNREAD: Final = frozenset(
    {
        "netuid", "rho", "immunity_period", "min_allowed_weights", "max_weight_limit", "max_weights_limit", "min_difficulty",
        "max_difficulty", "difficulty", "weights_version", "weights_version_key", "weights_rate_limit",
        "weights_set_rate_limit", "adjustment_interval", "adjustment_alpha", "registration_allowed",
        "pow_registration_allowed", "target_regs_per_interval", "min_burn", "max_burn", "burn", "max_regs_per_block",
        "serving_rate_limit", "commit_reveal_period", "commit_reveal_weights_interval", "subnet_is_active",
        "transfers_enabled", "bonds_reset_enabled", "bonds_reset_on", "user_liquidity_enabled", "subtoken_enabled",
        "max_allowed_uids", "min_allowed_uids", "max_n",
        "Rho", "ImmunityPeriod", "MinAllowedWeights", "MaxWeightsLimit", "MinDifficulty", "MaxDifficulty", "Difficulty",
        "WeightsVersionKey", "WeightsSetRateLimit", "AdjustmentInterval", "AdjustmentAlpha", "NetworkRegistrationAllowed",
        "NetworkPowRegistrationAllowed", "TargetRegistrationsPerInterval", "MinBurn", "MaxBurn", "Burn",
        "MaxRegistrationsPerBlock", "ServingRateLimit", "RevealPeriodEpochs", "TransferToggle", "BondsResetOn",
        "SubtokenEnabled", "MaxAllowedUids", "MinAllowedUids",
    }
)  # fmt: skip
"""Names of a subnet's other settings, which the epoch does not read: taken, and left aside."""

STORED_DEFAULTS: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "kappa": 32767, "bonds_penalty": 65535, "bonds_moving_average": 900_000, "yuma3": False, "liquid_alpha": False,
        "alpha_low": 45875, "alpha_high": 58982, "alpha_sigmoid_steepness": 1000, "liquid_alpha_consensus_mode": "auto",
        "max_allowed_validators": 128, "stake_threshold": 0, "tempo": 360, "commit_reveal": True,
    }
)  # fmt: skip
"""What an item of the storage is where nothing is stored, as the metadata of the runtimes 343 and 424 have it: Yuma3On is
then false, though new subnets have it on."""

FACTOR_DEFAULT: Final = 13889
"""The same for ActivityCutoffFactorMilli."""

STORED_CUTOFF_DEFAULT: Final = 5000
"""The same for ActivityCutoff, which the runtimes before 423 read."""

DEFAULTS_SINCE: Final = 365
"""The first profile of which these defaults are known: metadata of earlier runtimes have not been read."""

CUTOFF_BY_FACTOR: Final = 425
"""The first profile whose activity cutoff is a factor of the tempo."""


def hyperparameters_from_chain(
    cls: type[Hyperparameters], given: object, profile: object, missing: object, known: Mapping[str, Any]
) -> Hyperparameters:
    """`Hyperparameters.from_chain`."""
    profile = cls(profile=cast(int, profile)).profile  # checked
    if not isinstance(missing, str) or missing not in ("refuse", "default"):
        raise InputError("missing", f"expected refuse or default, got {shown(missing)}")
    fields = _by_field(given)
    for name, value in known.items():
        if name not in STORED_DEFAULTS and name != "activity_cutoff":
            raise InputError(name, "no hyperparameter of this name")
        fields[name] = (name, value)
    if "alpha_values" in fields:
        name, pair = fields.pop("alpha_values")
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise InputError(name, f"expected a pair (low, high), got {shown(pair)}")
        for field, value in zip(("alpha_low", "alpha_high"), pair, strict=True):
            _add(fields, field, name, value)
    values = {field: _plain(field, value) for field, (_, value) in fields.items()}
    factor = values.pop("activity_cutoff_factor_milli", None)
    stored = values.pop("stored_activity_cutoff", None)
    later = profile >= CUTOFF_BY_FACTOR
    if later and factor is not None and "activity_cutoff" in values and "activity_cutoff" not in known:
        made = _cutoff(values.get("tempo", STORED_DEFAULTS["tempo"]), factor)
        if integer("activity_cutoff", values["activity_cutoff"], 0, U64_MAX) != made:
            raise InputError(
                "activity_cutoff",
                f"{shown(values['activity_cutoff'])}, and {made} by the factor and the tempo: expected one value",
            )
    guessed = [name for name in STORED_DEFAULTS if name not in values and _is_read(name, values, profile)]
    if "activity_cutoff" not in values and (factor if later else stored) is None:
        if later and stored is not None:
            raise InputError(
                "ActivityCutoff", "not read since runtime 423: expected ActivityCutoffFactorMilli, or activity_cutoff"
            )
        guessed.append("activity_cutoff")
    if guessed and profile < DEFAULTS_SINCE:
        rule = f"not given, the epoch reads it, and what profile {profile} has where nothing is stored is not known"
        ones = "alpha_sigmoid_steepness" in guessed and PROFILES[profile].steepness == "ones"
        named = ", ".join(guessed) + " (alpha_sigmoid_steepness in ones)" * ones
        raise InputError(guessed[0], f"{rule}: name it as an argument. All that are missing: {named}")
    if guessed and missing == "refuse":
        defaults = {**STORED_DEFAULTS, "activity_cutoff": f"max(1, {FACTOR_DEFAULT} * tempo // 1000)" if later else 5000}
        named = ", ".join(f"{name} ({defaults[name]})" for name in guessed)
        rule = "not given, and the epoch reads it: name it as an argument, or let missing='default' take what the chain has"
        raise InputError(guessed[0], f"{rule} where nothing is stored. All that are missing: {named}")
    values = {**STORED_DEFAULTS, **values}
    if "activity_cutoff" not in values:
        if later:
            values["activity_cutoff"] = _cutoff(values["tempo"], FACTOR_DEFAULT if factor is None else factor)
        else:
            values["activity_cutoff"] = STORED_CUTOFF_DEFAULT if stored is None else stored
    return cls(**values, profile=profile)


def _cutoff(tempo: object, factor: object) -> int:
    """Since runtime 423: blocks, of the tempo and ActivityCutoffFactorMilli."""
    milli = integer("ActivityCutoffFactorMilli", factor, 0, 2**32 - 1)
    return max(1, milli * integer("tempo", tempo, 0, U64_MAX) // 1000)


def _by_field(given: object) -> dict[str, tuple[str, Any]]:
    """By field, the name that it came under, and its value."""
    if not isinstance(given, Mapping):
        if isinstance(given, type) or not hasattr(given, "__dict__"):
            raise InputError("mapping", f"expected a mapping, or an SDK's hyperparameters, got {type(given).__name__}")
        given = vars(given)
    fields: dict[str, tuple[str, Any]] = {}
    for name, value in given.items():
        if not isinstance(name, str):
            raise InputError("mapping", f"expected names as keys, got {shown(name)}")
        if name in UNREAD:
            continue
        if name not in NAMES:
            near = difflib.get_close_matches(name, NAMES, 1)
            way = f"is {near[0]} meant?" if near else "leave out what is none"
            raise InputError("mapping", f"no hyperparameter is called {shown(name)}, in storage, runtime API or SDKs; {way}")
        if name == "yuma_version":
            value = integer(name, _number(value), 2, 3) == 3
        _add(fields, NAMES[name], name, value)
    return fields


def _add(fields: dict[str, tuple[str, Any]], field: str, name: str, value: Any) -> None:
    before = fields.get(field)
    if before is not None and not _same(field, before[1], value):
        raise InputError(name, f"{shown(value)}, and {shown(before[1])} under the name {before[0]}: expected one value")
    fields[field] = (name, value)


def _same(field: str, a: Any, b: Any) -> bool:
    a, b = _plain(field, a), _plain(field, b)
    return type(a) in (int, bool, str) and type(b) in (int, bool, str) and bool(a == b)


def _number(value: Any) -> Any:
    """Digits, as JSON of explorers has long integers, as the integer."""
    digits = isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 21
    return int(value) if digits else value


def _plain(field: str, value: Any) -> Any:
    """The stored form of a value; anything else as it is, which the constructor refuses or takes."""
    value = _number(value)
    if field == "liquid_alpha_consensus_mode" and isinstance(value, str):
        return value.lower()
    if field == "alpha_sigmoid_steepness":
        if isinstance(value, Mapping) and set(value) == {"bits"}:  # I32F32, of the stored hundredths
            bits = integer(field, _number(value["bits"]), -(2**63), 2**63 - 1)
            value = bits >> 32 if bits % 2**32 == 0 else bits / 2**32
        elif isinstance(value, (float, np.floating)) and float(value).is_integer() and abs(float(value)) < 2**16:
            return int(value)  # the runtime API gives the stored hundredths as a fixed-point number, and SDKs as a float
    return value


_LIQUID: Final[Callable[[str], bool]] = frozenset(
    ("alpha_low", "alpha_high", "alpha_sigmoid_steepness", "liquid_alpha_consensus_mode")
).__contains__


_OF_RULE: Final = {"yuma3": "yuma3", "stake_threshold": "stake_threshold", "commit_reveal": "commit_mask"}
"""What some profiles do not read at all, by the rule that says so."""


def _is_read(name: str, values: Mapping[str, Any], profile: int) -> bool:
    """Whether the epoch reads it where the values are these."""
    rules = PROFILES[profile]
    if name in _OF_RULE:
        return bool(getattr(rules, _OF_RULE[name]))
    if not _LIQUID(name):
        return True
    if not values.get("liquid_alpha", True) or (rules.yuma3 and not values.get("yuma3", True)):
        return False
    if name == "alpha_sigmoid_steepness":
        return rules.steepness != "unread"
    return name != "liquid_alpha_consensus_mode" or rules.liquid_alpha == "selected"
