"""What people write by hand: the epoch in NumPy floats over dense matrices. Close, and not the chain's numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

import yuma_kernel as yk

Array = npt.NDArray[np.float32]


def dense(state: yk.SubnetState) -> dict[str, Any]:
    """The inputs as such a program holds them, made once and not timed."""
    stake = state.total_stake[:, 1].astype(np.float32)
    return {
        "weights": state.weights.to_dense().astype(np.float32),
        "bonds": state.bonds.to_dense().astype(np.float32),
        "stake": stake,
        "permit": state.validator_permit,
    }


def _normalized(values: Array, axis: int) -> Array:
    total = values.sum(axis=axis, keepdims=True)
    quotient: Array = np.divide(values, total, out=np.zeros_like(values), where=total != 0)
    return quotient


def _weighted_median(weights: Array, stake: Array, kappa: float) -> Array:
    order = np.argsort(weights, axis=0)
    below = np.cumsum(stake[order], axis=0)
    first = np.argmax(below > 1 - kappa, axis=0)
    median: Array = np.take_along_axis(np.take_along_axis(weights, order, axis=0), first[None, :], axis=0)[0]
    return median


def epoch(inputs: dict[str, Any], rules: dict[str, bool], kappa: float = 0.5, alpha: float = 0.1) -> dict[str, Array]:
    """Incentive, dividends and bonds; liquid alpha with the default bounds."""
    permit = inputs["permit"]
    stake = _normalized(np.where(permit, inputs["stake"], 0), 0)
    weights = inputs["weights"].copy()
    np.fill_diagonal(weights, 0)
    weights = _normalized(np.where(permit[:, None], weights, 0), 1)
    validators = stake > 0
    consensus = _weighted_median(weights[validators], stake[validators], kappa)
    clipped = np.minimum(weights, consensus)
    incentive = _normalized(stake @ clipped, 0)
    if rules["yuma3"]:
        old = inputs["bonds"] / 65535
        alphas: Any = np.float32(alpha)
        if rules.get("liquid_alpha"):
            distance = np.where(clipped >= old, clipped - consensus, old - clipped).clip(0, 1)
            alphas = 0.7 + 0.2 / (1 + np.exp(-10 * (distance - 0.5)))
        bonds = (1 - alphas) * old + alphas * clipped
        dividends = (_normalized(bonds, 0) @ incentive) * stake
    else:
        new = _normalized(clipped * stake[:, None], 0)
        bonds = _normalized(alpha * new + (1 - alpha) * _normalized(inputs["bonds"], 0), 0)
        dividends = bonds @ incentive
    return {"incentive": incentive, "dividends": _normalized(dividends, 0), "bonds": bonds}
