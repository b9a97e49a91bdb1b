"""The epoch as people write it: dense matrices of floats. Close to the chain's, and not equal.

It follows the law section by section (shared names), so that what differs from the chain is what floats do: there is no
rounding of stored numbers between the steps, and none between epochs.

It is written once for NumPy and torch: `xp` is either library, and only what both have is used.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, Final, Literal, TypeAlias

import numpy as np

from yuma_kernel import stages
from yuma_kernel.arrays import U16_MAX, AnyArray
from yuma_kernel.errors import InputError, shown
from yuma_kernel.stake import stake_to_rao
from yuma_kernel.types import Hyperparameters, SubnetState, require_known

RAO: Final = 10**9
PRECISION: Final = 100_000
"""A consensus that is found by halving is known to 1 / PRECISION."""

Outputs = dict[str, AnyArray]
Consensus: TypeAlias = Literal["sorting", "halving"]


@dataclass(frozen=True)
class FloatInputs:
    """A subnet as a program with dense floats holds it; what the chain leaves out of an epoch is out.

    Attributes:
        weights: float[n, n], parts of 65535 as stored, not yet normalized; 0 for rows without a permit, the diagonal, and
            what is masked (section 4). stored: bool[n, n], which entries are left.
        bonds: float[n, n], parts of 65535, without those that are outdated (section 7).
        stake: float[n], alpha; 0 below the threshold (3.2).
        active, permit: bool[n]; the owner has a permit.
        previous_consensus: float[any], proportions as the last epoch stored them; empty where it stored none. None where it
            is not read.
        emission: alpha that the epoch divides.
        owner_uid: or None.
        hyperparameters: as the chain stores them.
    """

    weights: AnyArray
    stored: AnyArray
    bonds: AnyArray
    stake: AnyArray
    active: AnyArray
    permit: AnyArray
    previous_consensus: AnyArray | None
    emission: float
    owner_uid: int | None
    hyperparameters: Hyperparameters

    def astype(self, dtype: Any) -> FloatInputs:
        """The same with all floats in `dtype`."""
        floats: dict[str, Any] = {
            f.name: value.astype(dtype)
            for f in fields(self)
            if isinstance(value := getattr(self, f.name), np.ndarray) and value.dtype != np.bool_
        }
        return replace(self, **floats)


def float_inputs(state: SubnetState, hyperparameters: Hyperparameters, *, emission: int = 0) -> FloatInputs:
    """What such a program starts from, in float64.

    Args:
        state: the subnet.
        hyperparameters: of a profile from 423 on, which have the owner's privilege and the modes of liquid alpha.
        emission: rao.

    Raises:
        InputError: naming the argument; a profile with older rules.
    """
    h, rules = hyperparameters, hyperparameters.rules
    if not rules.owner_permit or rules.bonds_cutoff not in ("yuma_step", "mechanism_step"):
        raise InputError("hyperparameters", f"expected a profile from 423 on, got {h.profile}")
    require_known(state, h)
    n, owner = state.n, state.owner_uid
    permit = np.array(state.validator_permit)
    if owner is not None:
        permit[owner] = True
    left = stages.mask_weights(
        state.weights,
        permit,
        state.last_update,
        state.block_at_registration,
        owner_uid=owner,
        commit_block=state.commit_block if h.commit_reveal else None,
    )
    stored = np.zeros((n, n), np.bool_)
    stored[left.entry_rows(), left.uid] = True
    cutoff = stages.bonds_cutoff(
        state.current_block,
        h.tempo,
        state.last_mechanism_step_block,
        state.last_yuma_step_block if rules.bonds_cutoff == "yuma_step" else None,
    )
    rao = stake_to_rao(state.total_stake)
    counted = rao >= h.stake_threshold
    if owner is not None:
        counted[owner] = True
    return FloatInputs(
        weights=np.where(stored, state.weights.to_dense() / U16_MAX, 0),
        stored=stored,
        bonds=np.where(state.block_at_registration < np.uint64(cutoff), state.bonds.to_dense() / U16_MAX, 0),
        stake=np.where(counted, rao / RAO, 0),
        active=np.array(stages.activity(state.last_update, h.activity_cutoff, state.current_block)),
        permit=permit,
        previous_consensus=None if state.previous_consensus is None else state.previous_consensus / U16_MAX,
        emission=emission / RAO,
        owner_uid=owner,
        hyperparameters=h,
    )


def _normalized(xp: Any, values: AnyArray, axis: int) -> AnyArray:
    total = values.sum(axis=axis, keepdims=True)
    quotient: AnyArray = values / xp.where(total == 0, 1, total)  # where they add up to 0, each is 0
    return quotient


def _by_sorting(xp: Any, weights: AnyArray, stake: AnyArray, kappa: float) -> AnyArray:
    order = xp.argsort(weights, axis=0)
    below = xp.cumsum(stake[order], axis=0)[:-1]
    first = (below <= 1 - kappa).sum(axis=0)  # where no score is enough, the largest
    median: AnyArray = weights[order[first, xp.arange(len(first))], xp.arange(len(first))]
    return median


def _by_halving(xp: Any, weights: AnyArray, stake: AnyArray, kappa: float) -> AnyArray:
    low, high, one = xp.zeros_like(weights[0]), xp.ones_like(weights[0]), xp.ones_like(weights)
    while (high - low).max() > 1 / PRECISION:
        middle = (low + high) / 2
        more = stake @ xp.where(weights > middle, one, 0) > kappa
        low, high = xp.where(more, middle, low), xp.where(more, high, middle)
    found: AnyArray = high
    return found


_CONSENSUS: Final[dict[str, Callable[[Any, AnyArray, AnyArray, float], AnyArray]]] = {
    "sorting": _by_sorting,
    "halving": _by_halving,
}


def float_epoch(inputs: FloatInputs, *, consensus: Consensus = "sorting") -> Outputs:
    """The epoch in floats of the dtype of `inputs`.

    Args:
        consensus: how the median is found: by sorting the weights of each column, or by halving the interval in which it
            lies until that is shorter than 1 / `PRECISION`, as many simulators do.

    Returns:
        By output: stake_weight, consensus, validator_trust, incentive, dividends: float[n], proportions; server_emission,
        validator_emission, emission: float[n], alpha; validator_permit: bool[n]; bonds: float[n, n], proportions.

    Raises:
        InputError: no such `consensus`; `inputs` are none.
    """
    if not isinstance(inputs, FloatInputs):
        raise InputError("inputs", f"expected FloatInputs, as float_inputs makes them, got {type(inputs).__name__}")
    return epoch_by(np, inputs, consensus)


def epoch_by(xp: Any, inputs: FloatInputs, consensus: Consensus) -> Outputs:
    """`float_epoch` by `xp`, NumPy or torch, of inputs whose arrays are that library's; so are the outputs."""
    if consensus not in _CONSENSUS:
        raise InputError("consensus", f"expected one of {', '.join(_CONSENSUS)}, got {shown(consensus)}")
    h = inputs.hyperparameters
    share = _normalized(xp, inputs.stake, 0)
    stake = _normalized(xp, xp.where(inputs.active & inputs.permit, share, 0), 0)
    weights = _normalized(xp, inputs.weights, 1)

    validators = stake > 0
    agreed = xp.zeros_like(stake)
    if validators.any():
        agreed = _CONSENSUS[consensus](xp, weights[validators], stake[validators], h.kappa / U16_MAX)
    clipped = xp.minimum(weights, agreed)
    incentive = _normalized(xp, stake @ clipped, 0)

    penalty = h.bonds_penalty / U16_MAX
    for_bonds = clipped if penalty == 1 else weights if penalty == 0 else weights + penalty * (clipped - weights)
    rate = 1 - h.bonds_moving_average / 1_000_000
    if h.yuma3:
        bonds = _bonds_of_yuma3(xp, inputs, for_bonds, rate, agreed)
        dividends = (_normalized(xp, bonds, 0) @ incentive) * stake
    else:
        new = _normalized(xp, for_bonds * stake[:, None], 0)
        bonds = _normalized(xp, rate * new + (1 - rate) * _normalized(xp, inputs.bonds, 0), 0)
        dividends = bonds @ incentive
        largest = xp.amax(bonds, axis=0, keepdims=True)
        bonds = bonds / xp.where(largest == 0, 1, largest)
    dividends = _normalized(xp, dividends, 0)

    total = incentive.sum() + dividends.sum()
    if total:
        server, validator = incentive / total, dividends / total
        everything = (incentive + dividends) / total
    else:
        server = incentive
        validator = everything = stake if stake.any() else share
    return {
        "validator_permit": (permit := _permits(inputs, share)),
        "stake_weight": share,
        "consensus": agreed,
        "validator_trust": clipped.sum(axis=1),
        "incentive": incentive,
        "dividends": dividends,
        "server_emission": server * inputs.emission,
        "validator_emission": validator * inputs.emission,
        "emission": everything * inputs.emission,
        "bonds": xp.where(permit[:, None], bonds, 0),
    }


def _bonds_of_yuma3(xp: Any, inputs: FloatInputs, for_bonds: AnyArray, rate: float, agreed: AnyArray) -> AnyArray:
    h, old = inputs.hyperparameters, inputs.bonds
    selected = _selected(xp, inputs, agreed)
    if not (h.liquid_alpha and selected.any()):
        plain: AnyArray = rate * for_bonds + (1 - rate) * old
        return plain
    low, high = h.alpha_low / U16_MAX, h.alpha_high / U16_MAX
    away = xp.where(for_bonds >= old, for_bonds - selected, old - for_bonds).clip(0, 1)
    sigmoid = 1 / (1 + xp.exp(-h.alpha_sigmoid_steepness / 100 * (away - 0.5)))
    alpha = (low + sigmoid * (high - low)).clip(max=high).clip(min=low)
    # a bond whose weight is gone goes at once, one whose weight is 0 decays
    left = inputs.stored & ((for_bonds > 0) | (inputs.weights == 0)) if h.bonds_penalty in (0, U16_MAX) else for_bonds > 0
    kept: AnyArray = xp.where(left, ((1 - alpha) * old + alpha * for_bonds).clip(max=1), 0)
    return kept


def _selected(xp: Any, inputs: FloatInputs, agreed: AnyArray) -> AnyArray:
    """The consensus that liquid alpha measures against (section 9)."""
    h, stored = inputs.hyperparameters, inputs.previous_consensus
    if h.rules.liquid_alpha != "selected" or stored is None or not len(stored):
        return agreed
    mode = h.liquid_alpha_consensus_mode
    if not (mode == "previous" or (mode == "auto" and h.bonds_penalty == U16_MAX)):
        return agreed
    padded: AnyArray = xp.zeros_like(agreed)
    padded[: len(stored)] = stored[: len(padded)]
    return padded


def _permits(inputs: FloatInputs, share: AnyArray) -> AnyArray:
    permit: AnyArray = share != 0
    out = len(share) - inputs.hyperparameters.max_allowed_validators
    if out > 0:
        permit[np.argsort(np.asarray(share), kind="stable")[:out]] = False  # torch names a stable order otherwise
    if inputs.owner_uid is not None:
        permit[inputs.owner_uid] = True
    return permit
