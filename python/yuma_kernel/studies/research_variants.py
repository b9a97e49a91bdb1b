"""What simulators offer beside the chain's rules, on the chain's stages: changes of an epoch that no runtime computes.

Each is a `Variant`, an epoch put together from `yuma_kernel.stages` with one or more of them replaced. Everything that comes
of it says that it is not the chain's: the table in its column `of_the_chain`, pictures and reports in their titles, and the
provenance.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Final, Literal

import numpy as np

from yuma_kernel import stages
from yuma_kernel.arrays import AnyArray, BoolArray, boolean, integer
from yuma_kernel.errors import InputError, shown
from yuma_kernel.rows import SparseRows
from yuma_kernel.stake import stake_from_rao
from yuma_kernel.studies.engine import Chunk, Progress, run
from yuma_kernel.studies.result import provenance
from yuma_kernel.studies.scenario_inputs import Scenario
from yuma_kernel.studies.scenario_table import (
    EMISSION_RAO,
    NOT_THE_CHAINS,
    PENALTIES,
    YUMA_2,
    YUMA_3,
    Inputs,
    Scenarios,
    assembled,
    cases_of,
    checked_penalties,
    default_rules,
    stacked,
)
from yuma_kernel.types import Hyperparameters, SubnetState, plain

Bonds = Literal["chain", "yuma 1"]
BONDS: Final[tuple[Bonds, ...]] = ("chain", "yuma 1")

PROFILES_OF_STAGES: Final = (475, 425)
"""Those whose epoch is put together here."""


@dataclass(frozen=True)
class Variant:
    """An epoch that no runtime computes, as changes of one that the chain does.

    Attributes:
        rules: hyperparameters of the epoch that is changed, of profile 475 or 425.
        bonds: "yuma 1", in Yuma 2 only: the moving average of bonds is stored and pays as it is, without being made parts of
            its column or of its largest entry; and where no bonds are stored at all, the new ones are taken whole.
        winner_takes_all: the servers of the highest rank have all incentive, in equal parts.
        normalized_consensus: the consensus is divided by its sum before weights are clipped at it, and so it is stored.
        previous_weights: what is clipped, and what makes bonds, are the weights that the epoch before found; consensus is of
            the new ones.
    """

    rules: Hyperparameters = field(default_factory=lambda: default_rules()[YUMA_2])
    bonds: Bonds = "chain"
    winner_takes_all: bool = False
    normalized_consensus: bool = False
    previous_weights: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.rules, Hyperparameters):
            raise InputError("rules", f"expected Hyperparameters, got {type(self.rules).__name__}")
        if self.rules.profile not in PROFILES_OF_STAGES:
            raise InputError("rules", f"expected profile 475 or 425, got {self.rules.profile}")
        if self.bonds not in BONDS:
            raise InputError("bonds", f"expected one of {', '.join(BONDS)}, got {shown(self.bonds)}")
        if self.bonds == "yuma 1" and self.rules.yuma3:
            raise InputError("bonds", "expected rules of Yuma 2 beside those of Yuma 1")
        for name in ("winner_takes_all", "normalized_consensus", "previous_weights"):
            boolean(name, getattr(self, name))

    @property
    def changes(self) -> tuple[str, ...]:
        """In words, what is not the chain's."""
        said = {
            "bonds of Yuma 1": self.bonds != "chain",
            "the winner takes all incentive": self.winner_takes_all,
            "the consensus is normalized before clipping": self.normalized_consensus,
            "weights of the epoch before are clipped and bought": self.previous_weights,
        }
        return tuple(words for words, so in said.items() if so)


def default_variants() -> dict[str, Variant]:
    """What simulators offer, on Yuma 2 and Yuma 3."""
    two, three = (default_rules()[name] for name in (YUMA_2, YUMA_3))
    return {
        "Yuma 1 bonds": Variant(two, bonds="yuma 1"),
        "Yuma 2, previous weights": Variant(two, previous_weights=True),
        "Yuma 2, winner takes all": Variant(two, winner_takes_all=True),
        "Yuma 3, winner takes all": Variant(three, winner_takes_all=True),
        "Yuma 2, consensus normalized": Variant(two, normalized_consensus=True),
        "Yuma 3, consensus normalized": Variant(three, normalized_consensus=True),
    }


class Research(Scenarios):
    """Scenarios under variants of the rules, none of which is the chain's: the table of `Scenarios`, with the variants in
    the column `rules` and false in `of_the_chain`."""

    title: ClassVar[str] = f"scenarios under research variants, which are {NOT_THE_CHAINS}"

    def label(self, rules: str) -> str:
        """The name of a variant, with the words "not the chain's"."""
        return f"{rules} ({NOT_THE_CHAINS})"


def research(
    cases: Iterable[Scenario | str | int] | None = None,
    *,
    variants: Mapping[str, Variant] | None = None,
    penalties: Iterable[int] = PENALTIES,
    emission: int = EMISSION_RAO,
    executor: Executor | None = None,
    folder: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> Research:
    """Scenarios under variants of the rules that the chain does not have.

    Args:
        cases: as for `yuma_kernel.studies.scenarios`.
        variants: by name, each with a change; None for `yuma_kernel.studies.default_variants`.
        penalties: u16, 65535 for 1; each in place of the bonds_penalty of the rules.
        emission: rao an epoch.
        executor, folder, progress: as for `yuma_kernel.studies.engine.run`; a chunk is a scenario.

    Raises:
        InputError: naming the argument.
    """
    made = cases_of(cases)
    named = default_variants() if variants is None else _checked(variants)
    known = checked_penalties(penalties)
    amount = integer("emission", emission, 0, 2**63 - 1)
    given = {name: {**vars(v), "rules": plain(v.rules)} for name, v in named.items()}
    chunks: list[Chunk] = [
        {"scenario": each.to_dict(), "variants": given, "penalties": known, "emission_rao": amount} for each in made
    ]
    how: dict[str, Any] = {"executor": executor, "folder": folder, "progress": progress}
    parts = run(changed_runs, chunks, **how, label="research", threads=False)
    about = {"scenarios": [c["scenario"] for c in chunks], "rules": given, "penalties": known, "emission_rao": amount}
    came = provenance(about, profiles={v.rules.profile for v in named.values()})
    came |= {"of_the_chain": False, "not_the_chains": {name: list(v.changes) for name, v in named.items()}}
    return Research(assembled(made, list(named), known, parts, False), came)


def _checked(variants: object) -> dict[str, Variant]:
    if not isinstance(variants, Mapping) or not variants:
        raise InputError("variants", f"expected variants by name, got {shown(variants)}")
    for name, variant in variants.items():
        if not isinstance(name, str) or not isinstance(variant, Variant):
            raise InputError("variants", f"expected Variant by name, got {shown(name)}: {type(variant).__name__}")
        if not variant.changes:
            raise InputError("variants", f"{shown(name)} changes nothing: `scenarios` runs the chain's rules")
    return dict(variants)


def changed_runs(chunk: Chunk) -> dict[str, AnyArray]:
    """One scenario under all variants and penalties, in the form of `scenario_table.runs`."""
    inputs = Inputs(Scenario.from_dict(chunk["scenario"]))
    variants = (Variant(**{**v, "rules": Hyperparameters(**v["rules"])}) for v in chunk["variants"].values())
    return stacked(changed_run(inputs, v, p, chunk["emission_rao"]) for v in variants for p in chunk["penalties"])


def changed_run(inputs: Inputs, variant: Variant, penalty: int, emission: int) -> dict[str, AnyArray]:
    """One run, epoch by epoch: by output [epochs, n], and bonds [epochs, validators, servers]."""
    made = inputs.made
    h = made.under(replace(variant.rules, bonds_penalty=penalty))
    variant, registered, state = replace(variant, rules=h), inputs.registered(h), inputs.first
    out: dict[str, list[AnyArray]] = {}
    bonds: list[SparseRows] = []
    resets = {begin for begin, _ in inputs.pieces}
    before: SubnetState | None = None
    none = np.zeros(made.servers, np.int64)
    for k in range(made.epochs):
        if k in resets and k:
            state = inputs.reset(state, k)
        block = inputs.block(h, k)
        state = replace(
            state,
            weights=inputs.weights[k],
            total_stake=stake_from_rao(np.concatenate([made.stakes[k].astype(np.int64), none])),
            last_update=np.where(state.validator_permit, np.uint64(block - 1), state.last_update),
            block_at_registration=state.block_at_registration if registered is None else registered[k],
            current_block=block,
            last_mechanism_step_block=inputs.block(h, k - 1) if k else 0,
        )
        stored, permit = _epoch(state, variant, before, emission, out)
        bonds.append(stored)
        before, state = state, replace(state, bonds=stored, validator_permit=permit, previous_consensus=out["consensus"][-1])
    found = {name: np.stack(rows) for name, rows in out.items()}
    return {**found, "bonds": inputs.dense(bonds)}


def _epoch(
    state: SubnetState, variant: Variant, before: SubnetState | None, emission: int, out: dict[str, list[AnyArray]]
) -> tuple[SparseRows, BoolArray]:
    """An epoch of stages: stored bonds and the next permits; what else it stores is added to `out`. `before` is the state
    that the epoch before found. Without a change it is the chain's, bit by bit."""
    h = variant.rules
    active = stages.activity(state.last_update, h.activity_cutoff, state.current_block)
    stake = stages.normalize_stake(state.total_stake, stake_threshold=h.stake_threshold)
    new_permit = stages.permits(stake, h.max_allowed_validators)
    active_stake = stages.active_stake(stake, active, state.validator_permit)

    def counting(of: SubnetState) -> SparseRows:
        """What of weights counts now."""
        dates = (state.validator_permit, of.last_update, state.block_at_registration)
        return stages.normalize_rows(stages.mask_weights(of.weights, *dates))

    weights = counting(state)

    consensus = stages.consensus(weights, active_stake, h.kappa)
    if variant.normalized_consensus:
        consensus = stages.incentive(consensus)  # divided by its sum where that is not 0, as ranks are
    bought = counting(before) if variant.previous_weights and before is not None else weights
    clipped = stages.clip(bought, consensus)
    rank = stages.rank(clipped, active_stake)
    if variant.winner_takes_all:
        rank = np.where(rank == rank.max(), rank, 0)
    incentive = stages.incentive(rank)

    for_bonds = stages.weights_for_bonds(bought, clipped, h.bonds_penalty)
    cutoff = stages.bonds_cutoff(state.current_block, h.tempo, state.last_mechanism_step_block)
    as_stored = h.yuma3 or variant.bonds == "yuma 1"
    old = stages.old_bonds(state.bonds, state.block_at_registration, cutoff, as_stored)
    if h.yuma3:
        selected = consensus
        if h.profile == 475:
            previous = state.previous_consensus
            selected = stages.selected_consensus(consensus, previous, h.liquid_alpha_consensus_mode, h.bonds_penalty)
        if h.liquid_alpha and selected.any():
            alphas = (h.alpha_low, h.alpha_high, h.alpha_sigmoid_steepness)
            averaged = stages.liquid_ema(for_bonds, old, selected, *alphas)
        else:
            averaged = stages.ema(for_bonds, old, h.bonds_moving_average)
        dividends = stages.dividends(stages.column_normalize(averaged), incentive, active_stake)
        kept = averaged
    else:
        new = stages.new_bonds(for_bonds, active_stake)
        if variant.bonds == "yuma 1":
            kept = stages.ema(new, old, h.bonds_moving_average if state.bonds.uid.size else 0)
            dividends = stages.dividends(kept, incentive)
        else:
            normalized = stages.column_normalize(stages.ema(new, old, h.bonds_moving_average))
            dividends = stages.dividends(normalized, incentive)
            kept = stages.column_max_normalize(normalized)

    server, validator, _ = stages.emission(incentive, dividends, stake, active_stake, emission)
    stored: dict[str, AnyArray] = {
        "consensus": stages.to_u16(consensus),
        "validator_trust": stages.to_u16(stages.validator_trust(clipped)),
        "incentive": stages.to_u16(incentive),
        "dividends": stages.to_u16(dividends),
        "server_emission": server,
        "validator_emission": validator,
    }
    for name, values in stored.items():
        out.setdefault(name, []).append(values)
    return stages.store_bonds(kept, new_permit), new_permit
