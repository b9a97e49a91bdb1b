"""One valid call of everything public, with what each argument may be: what the tests of malformed inputs break."""

from __future__ import annotations

import atexit
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import scipy.sparse

import yuma_kernel as yk
from yuma_kernel import moves, search, stages

U16, U64, I64 = (0, 2**16 - 1), (0, 2**64 - 1), (-(2**63), 2**63 - 1)
RAW = (0, 2**63 - 1)  # raw bits that are not negative; whether more is asked of them depends on the stage
N: Final = 5

_folder = tempfile.TemporaryDirectory()  # for what `save` writes
atexit.register(_folder.cleanup)


@dataclass(frozen=True)
class Argument:
    """A valid value, and the rule that any other has to keep.

    Attributes:
        kind: "integers", "booleans" and "floats", scalar or array by `value`; "stored" and "raw" rows; or "other".
        span: the least and the largest integer that can be valid anywhere in it.
        shaped: whether an array has to keep its number of dimensions.
    """

    kind: str
    value: Any
    span: tuple[int, int] = U64
    optional: bool = False
    shaped: bool = True


@dataclass(frozen=True)
class Call:
    name: str
    function: Callable[..., Any]
    arguments: Mapping[str, Argument]

    def __call__(self, **changes: Any) -> Any:
        return self.function(**{name: argument.value for name, argument in self.arguments.items()} | changes)


def subnet() -> yk.SubnetState:
    """Three validators and two miners, with bonds and commits, an owner, and a row out of order with a zero."""
    return yk.SubnetState(
        weights=yk.SparseRows.from_rows([[(3, 65535), (4, 20000)], [(4, 9000), (3, 65535), (0, 0)], [(4, 65535)], [], []]),
        bonds=yk.SparseRows.from_rows([[(3, 40000), (4, 65535)], [(3, 65535)], [], [], []]),
        total_stake=yk.stake_from_rao([600 * 10**9, 400 * 10**9, 300 * 10**9, 10**9, 0]),
        last_update=[999, 998, 990, 0, 0],
        block_at_registration=[0, 0, 10, 20, 30],
        validator_permit=[True, True, True, False, False],
        current_block=1000,
        last_mechanism_step_block=640,
        owner_uid=2,
        commit_block=[2**64 - 1, 995, 2**64 - 1, 2**64 - 1, 2**64 - 1],
        previous_consensus=[0, 0, 0, 65535, 9000],
        last_yuma_step_block=640,
    )


LIQUID: Final = yk.Hyperparameters(liquid_alpha=True)


def plain(value: Any) -> Any:
    """Arrays as ones that the caller may write to, as callers' own are."""
    return np.array(value) if isinstance(value, np.ndarray) else value


@cache
def traced() -> dict[str, Any]:
    result = yk.epoch(subnet(), LIQUID, emission=10**9, backend="reference", trace=True)
    assert result.trace is not None
    return {name: plain(value) for name, value in result.trace.items()}


def integers(value: Any, span: tuple[int, int] = U64, optional: bool = False) -> Argument:
    return Argument("integers", value, span, optional)


def _stages() -> dict[str, dict[str, Argument]]:
    state, trace = subnet(), traced()
    raw = {name: Argument("raw", value) for name, value in trace.items() if isinstance(value, yk.SparseRows)}
    bits = {name: integers(value, RAW) for name, value in trace.items() if isinstance(value, np.ndarray)}
    any_bits = {name: integers(np.array([-(2**63), -1, 0, 2**31, 2**32]), I64) for name in ("consensus", "weight", "bond")}
    old = yk.stages.old_bonds(state.bonds, state.block_at_registration, 30, True)
    permit = Argument("booleans", np.array(state.validator_permit))
    registered, updated = integers(plain(state.block_at_registration)), integers(plain(state.last_update))
    owner = integers(2, (0, N - 1), optional=True)
    alphas = {
        "alpha_low": integers(45875, U16),
        "alpha_high": integers(58982, U16),
        "alpha_sigmoid_steepness": integers(1000, (-(2**15), 2**15 - 1)),
    }
    stored_weights, stored_bonds = Argument("stored", state.weights), Argument("stored", state.bonds)
    return {
        "activity": {"last_update": updated, "activity_cutoff": integers(5), "current_block": integers(1000)},
        "normalize_stake": {
            "total_stake": integers(plain(state.total_stake)),
            "stake_threshold": integers(10**9),
            "owner_uid": owner,
        },
        "permits": {"stake": bits["stake"], "max_allowed_validators": integers(3, U16), "owner_uid": owner},
        "active_stake": {
            "stake": bits["stake"],
            "active": Argument("booleans", np.array([True, True, False, True, False])),
            "validator_permit": permit,
            "owner_uid": owner,
        },
        "upscale_to_u16": {"values": integers(np.array([5, 0, 9, 65535], np.uint16), U16)},
        "mask_weights": {
            "weights": stored_weights,
            "validator_permit": permit,
            "last_update": updated,
            "block_at_registration": registered,
            "owner_uid": owner,
            "commit_block": integers(plain(state.commit_block), optional=True),
        },
        "normalize_rows": {"weights": raw["weights"]},
        "consensus": {"weights": raw["weights"], "active_stake": bits["active_stake"], "kappa": integers(32767, U16)},
        "clip": {"weights": raw["weights"], "consensus": bits["consensus"]},
        "validator_trust": {"clipped": raw["clipped"]},
        "rank": {"clipped": raw["clipped"], "active_stake": bits["active_stake"]},
        "incentive": {"rank": bits["rank"]},
        "weights_for_bonds": {
            "weights": raw["weights"],
            "clipped": raw["clipped"],
            "bonds_penalty": integers(30000, U16),
        },
        "bonds_cutoff": {
            "current_block": integers(1000),
            "tempo": integers(360),
            "last_mechanism_step_block": integers(640),
        },
        "old_bonds": {
            "bonds": stored_bonds,
            "block_at_registration": registered,
            "cutoff": integers(30),
            "yuma3": Argument("booleans", True),
        },
        "new_bonds": {"weights_for_bonds": raw["weights_for_bonds"], "active_stake": bits["active_stake"]},
        "column_normalize": {"matrix": raw["ema_bonds"]},
        "column_max_normalize": {"matrix": raw["ema_bonds"]},
        "ema": {
            "new": raw["weights_for_bonds"],
            "old": Argument("raw", old),
            "bonds_moving_average": integers(900_000, (0, 10**6)),
        },
        "liquid_alpha": {**any_bits, **alphas},
        "liquid_ema": {
            "weights_for_bonds": raw["weights_for_bonds"],
            "old": Argument("raw", old),
            "consensus": bits["consensus"],
            **alphas,
        },
        "dividends": {
            "normalized_bonds": raw["normalized_bonds"],
            "incentive": bits["incentive"],
            "active_stake": replace(bits["active_stake"], optional=True),
        },
        "emission": {
            **{name: bits[name] for name in ("incentive", "dividends", "stake", "active_stake")},
            "emission": integers(10**9),
        },
        "to_u16": {"proportions": integers(np.array([-1, 0, 2**31, 2**32, 2**63 - 1]), I64)},
        "store_bonds": {"bonds": raw["ema_bonds"], "new_permit": permit},
    }


def _hyperparameters() -> dict[str, Argument]:
    spans = {
        "bonds_moving_average": (0, 10**6),
        "alpha_sigmoid_steepness": (-(2**15), 2**15 - 1),
        "profile": (425, 475),
        "liquid_alpha_consensus_mode": (0, 2),
        **dict.fromkeys(("kappa", "bonds_penalty", "alpha_low", "alpha_high", "max_allowed_validators"), U16),
    }
    return {
        name: Argument("booleans", value) if isinstance(value, bool) else integers(value, spans.get(name, U64))
        for name, value in (vars(LIQUID) | {"liquid_alpha_consensus_mode": 2}).items()
    }


def _state() -> dict[str, Argument]:
    state = subnet()
    kinds = {"weights": "stored", "bonds": "stored", "validator_permit": "booleans"}
    spans = {"owner_uid": (0, N - 1), "previous_consensus": U16}
    optional = ("owner_uid", "commit_block", "previous_consensus", "last_yuma_step_block")
    return {
        name: Argument(kinds.get(name, "integers"), plain(value), spans.get(name, U64), name in optional)
        for name, value in vars(state).items()
    }


def _write(path: object, snapshot: object) -> Any:
    """What `save` wrote, as `load` reads it."""
    yk.save(path, snapshot)  # type: ignore[arg-type]
    return yk.load(path)  # type: ignore[arg-type]


def _after(make: Callable[..., Any]) -> Callable[..., Any]:
    """The subnet and the hyperparameters that a change leads to."""
    return lambda **arguments: moves.apply(subnet(), LIQUID, make(**arguments))


def _what_if(*arguments: Any, **options: Any) -> Any:
    """What `what_if` computes, as arrays."""
    answer = yk.what_if(*arguments, **options)
    return (*answer.now.values(), *answer.then.values(), answer.uids)


def _late(change: Any, epochs: Any) -> Any:
    return _what_if(subnet(), LIQUID, {"late": moves.delayed(change, epochs)}, epochs=2)


def _least(**options: Any) -> Any:
    """The stake that brings a permit."""
    most = RAW[1] - sum(subnet().total_stake[:, 1].tolist())
    make, holds = lambda rao: moves.set_stake(1, min(rao, most)), lambda outputs: outputs["validator_permit"][1]
    return search.least(**options, make=make, holds=holds)


def _changes(backend: Argument) -> dict[str, tuple[Callable[..., Any], dict[str, Argument]]]:
    """The changes, what they lead to, and the searches. How many epochs ahead is not among the arguments: any number is
    valid, and is computed."""
    state = subnet()
    uid, target, share = integers(1, (0, N - 1)), integers(4, (0, N - 1)), Argument("other", 0.25)
    weights, change = Argument("other", {3: 5, 2: 7}), Argument("other", moves.copy_consensus(1))
    given = {"state": Argument("other", state), "hyperparameters": Argument("other", LIQUID)}
    return {
        "set_weights": (_after(moves.set_weights), {"uid": uid, "weights": weights}),
        "move_share": (
            _after(moves.move_share),
            {"uid": uid, "source": integers(3, (0, N - 1)), "target": target, "share": Argument("other", 0.125)},
        ),
        "give_share": (_after(moves.give_share), {"uid": uid, "target": target, "share": share}),
        "toward_consensus": (_after(moves.toward_consensus), {"uid": uid, "share": share}),
        "copy_consensus": (_after(moves.copy_consensus), {"uid": uid}),
        "delayed": (_late, {"change": change, "epochs": integers(1, (0, 2**31 - 1))}),
        "set_stake": (_after(moves.set_stake), {"uid": uid, "rao": integers(7, RAW)}),
        "add_stake": (_after(moves.add_stake), {"uid": integers(4, (0, N - 1)), "rao": integers(7, (-(2**63), 2**63 - 1))}),
        "drop": (_after(moves.drop), {"uid": uid}),
        "add_validator": (_after(moves.add_validator), {"uid": uid, "rao": integers(7, RAW), "weights": weights}),
        "replace_miner": (_after(moves.replace_miner), {"uid": uid}),
        "moves.hyperparameters": (_after(moves.hyperparameters), _hyperparameters()),
        "moves.apply": (moves.apply, {**given, "change": change, "backend": backend}),
        "what_if": (
            _what_if,
            {
                **given,
                "changes": Argument("other", {"a": moves.drop(1), "b": moves.copy_consensus(0)}),
                "emission": integers(10**9),
                "uids": Argument("other", [3, 0], optional=True),
                "outputs": Argument("other", ["incentive", "emission"], optional=True),
                "threads": integers(2, (1, 1024), optional=True),
                "backend": backend,
            },
        ),
        "least": (
            _least,
            {
                **given,
                "low": integers(0, (0, 10**6)),
                "high": integers(10**6, RAW),
                "largest": Argument("booleans", False),
                "emission": integers(10**9),
                "threads": integers(2, (1, 1024), optional=True),
                "backend": backend,
            },
        ),
        "blend_for_trust": (
            search.blend_for_trust,
            {**given, "uid": uid, "trust": Argument("other", 0.5), "backend": backend},
        ),
        "stake_for_permit": (search.stake_for_permit, {**given, "uid": uid, "backend": backend}),
        "share_before_clip": (search.share_before_clip, {**given, "uid": uid, "target": target, "backend": backend}),
        "permit_threshold": (yk.permit_threshold, given),
    }


def stacked(value: Any, span: tuple[int, int] = U64) -> Argument:
    """Three of them, where one alone is held."""
    return Argument("integers", np.stack([np.asarray(value, getattr(value, "dtype", np.uint64))] * 3), span, True, False)


@cache
def calls() -> tuple[Call, ...]:
    """All of them; those that take a backend take it as an argument."""
    state, trace = subnet(), traced()
    weights, rows = state.weights, state.weights.to_rows()
    result = yk.epoch(state, LIQUID, emission=10**9)
    snapshot = yk.Snapshot(state, LIQUID, 10**9, {"dividends": result.dividends}, {"netuid": 1}, tuple("abcde"))
    expected = {"dividends": plain(result.dividends), "bonds": result.bonds, "active": plain(result.active)}
    path = Path(_folder.name) / "malformed.npz"
    flat = {"indptr": integers(np.array(weights.indptr), (0, 2**32 - 1)), "uid": integers(np.array(weights.uid), (0, N - 1))}
    dense, csr = weights.to_dense(), scipy.sparse.csr_array(weights.to_dense())
    backend = Argument("other", "c", optional=True)
    whole = {
        "SparseRows": (yk.SparseRows, {**flat, "value": integers(np.array(weights.value), U16)}),
        "SparseRows int64": (
            yk.SparseRows,
            {
                **flat,
                "value": integers(np.array(weights.value).astype(np.int64) - 5, I64),
                "dtype": Argument("other", np.int64),
            },
        ),
        "from_rows": (yk.SparseRows.from_rows, {"rows": Argument("other", rows)}),
        "from_dense": (yk.SparseRows.from_dense, {"matrix": integers(dense, U16), "dtype": Argument("other", np.uint16)}),
        "from_dense uids": (
            yk.SparseRows.from_dense,
            {"matrix": integers(dense[[4, 0, 2]], U16), "uids": integers(np.array([4, 0, 2]), (0, N - 1))},
        ),
        "with_values": (weights.with_values, {"values": integers(np.array(weights.value), U16)}),
        "from_csr": (yk.SparseRows.from_csr, {"matrix": Argument("other", csr)}),
        "empty": (yk.SparseRows.empty, {"n": integers(5, (1, yk.MAX_UIDS))}),
        "stake_from_rao": (yk.stake_from_rao, {"stake": integers(np.array([0, 5, 2**63 - 1]), RAW)}),
        "total_stake_bits": (
            yk.total_stake_bits,
            {
                "alpha_stake": integers(np.array([1, 2**64 - 1], np.uint64)),
                "tao_stake": integers(np.array([9, 0], np.uint64)),
                "tao_weight": integers(2**61),
            },
        ),
        "stake_to_rao": (yk.stake_to_rao, {"total_stake": integers(plain(state.total_stake))}),
        "stake_to_floats": (yk.stake_to_floats, {"total_stake": integers(plain(state.total_stake))}),
        "SubnetState": (yk.SubnetState, _state()),
        "with_weights": (
            state.with_weights,
            {
                "uid": integers(1, (0, N - 1)),
                "weights": Argument("other", {3: 5, 2: 7}),
                "last_update": integers(7, optional=True),
            },
        ),
        "with_stake": (state.with_stake, {"uid": integers(1, (0, N - 1)), "rao": integers(7, RAW)}),
        "without": (state.without, {"uid": integers(1, (0, N - 1))}),
        "after": (state.after, {"result": Argument("other", result), "blocks": integers(360, optional=True)}),
        "from_chain": (
            yk.Hyperparameters.from_chain,
            {"mapping": Argument("other", {"Kappa": 9, "max_validators": 3}), "missing": Argument("other", "default")},
        ),
        "result[uid]": (result.__getitem__, {"uid": integers(1, (0, N - 1))}),
        "to_dict": (result.to_dict, {"uid": integers(1, (0, N - 1), optional=True)}),
        "Hyperparameters": (yk.Hyperparameters, _hyperparameters()),
        "epoch": (
            yk.epoch,
            {
                "state": Argument("other", state),
                "hyperparameters": Argument("other", LIQUID),
                "emission": integers(10**9),
                "trace": Argument("booleans", True),
                "backend": backend,
            },
        ),
        "epoch_many": (
            yk.epoch_many,
            {
                "states": Argument("other", [state, state]),
                "hyperparameters": Argument("other", [LIQUID, LIQUID]),
                "emission": integers(10**9),
                "trace": Argument("booleans", False),
                "threads": integers(2, (1, 1024), optional=True),
                "return_errors": Argument("booleans", False),
                "backend": backend,
            },
        ),
        "simulate": (
            yk.simulate,
            {
                "state": Argument("other", state),
                "hyperparameters": Argument("other", [LIQUID] * 3),
                "epochs": integers(3, (3, 3)),
                "weights": Argument("other", [weights, weights, weights], optional=True),
                "total_stake": integers(np.stack([state.total_stake] * 3), optional=True),
                "last_update": integers(np.stack([state.last_update] * 3), optional=True),
                "block_at_registration": integers(np.stack([state.block_at_registration] * 3), optional=True),
                "commit_block": integers(np.full((3, N), 2**64 - 1, np.uint64), optional=True),
                "validator_permit": Argument("booleans", np.stack([state.validator_permit] * 3), optional=True),
                "current_block": integers(1361, optional=True),
                "last_mechanism_step_block": integers(1000, optional=True),
                "last_yuma_step_block": integers(1000, optional=True),
                "emission": integers(10**9),
                "steps": Argument("other", None, optional=True),
                "every": integers(2, (1, 2**31 - 1)),
                "bonds": Argument("booleans", True),
                "backend": backend,
            },
        ),
        "variants": (
            yk.variants,
            {
                "state": Argument("other", state),
                "hyperparameters": Argument("other", [LIQUID] * 3),
                "weights": Argument("integers", np.stack([weights.to_dense()[:2]] * 3), U16, optional=True, shaped=False),
                "uids": Argument("integers", np.array([1, 0], np.uint16), (0, N - 1), shaped=False),
                "bonds": Argument("other", [state.bonds, weights, state.bonds], optional=True),
                "total_stake": stacked(state.total_stake),
                "last_update": stacked(state.last_update),
                "block_at_registration": stacked(state.block_at_registration),
                "commit_block": stacked(state.commit_block),
                "validator_permit": replace(stacked(state.validator_permit), kind="booleans"),
                "previous_consensus": stacked(state.previous_consensus, U16),
                "current_block": stacked(state.current_block),
                "last_mechanism_step_block": stacked(state.last_mechanism_step_block),
                "last_yuma_step_block": stacked(state.last_yuma_step_block),
                "emission": replace(stacked(10**9), optional=False),
                "count": integers(3, (3, 3), optional=True),
                "outputs": Argument("other", ["incentive", "bonds", "emission"], optional=True),
                "threads": integers(2, (1, 1024), optional=True),
                "backend": backend,
            },
        ),
        "explain": (
            yk.explain,
            {
                "state": Argument("other", state),
                "hyperparameters": Argument("other", LIQUID),
                "uid": integers(1, (0, N - 1)),
                "emission": integers(10**9),
                "backend": backend,
            },
        ),
        "compare": (
            yk.compare,
            {
                "before": Argument("other", snapshot),
                "after": Argument("other", replace(snapshot, emission=7)),
                "members": Argument("booleans", False),
                "threads": integers(2, (1, 1024), optional=True),
                "backend": backend,
            },
        ),
        "comparison of": (
            yk.compare(snapshot, replace(snapshot, emission=7)).of,
            {"uid": integers(1, (0, N - 1)), "measure": Argument("other", "incentive")},
        ),
        "Snapshot": (
            yk.Snapshot,
            {
                "state": Argument("other", state),
                "hyperparameters": Argument("other", LIQUID),
                "emission": integers(10**9),
                "expected": Argument("other", expected, optional=True),
                "meta": Argument("other", {"netuid": 1, "list": [1, {"x": None}]}, optional=True),
                "hotkeys": Argument("other", list("abcde"), optional=True),
            },
        ),
        "save": (_write, {"path": Argument("other", str(path)), "snapshot": Argument("other", snapshot)}),
        "first_difference": (result.first_difference, {"expected": Argument("other", expected)}),
        "weights_to_u16 by uid": (yk.weights_to_u16, {"weights": Argument("other", {7: 0.5, 2: 3, 65535: 1e-9})}),
        "weights_to_u16": (yk.weights_to_u16, {"weights": Argument("floats", np.array([0.25, 0, 1.0]))}),
        "to_fixed": (
            stages.to_fixed,
            {"values": Argument("floats", np.array([0.25, -7, 1e-9, 2147483647.5]), shaped=False)},
        ),
        "from_fixed": (stages.from_fixed, {"raw": Argument("integers", np.array(trace["consensus"]), I64, shaped=False)}),
    }
    of_stages = {name: (getattr(stages, name), {**takes, "backend": backend}) for name, takes in _stages().items()}
    of_all = {**whole, **_changes(backend), **of_stages}
    return tuple(Call(name, function, takes) for name, (function, takes) in of_all.items())
