"""From the epoch to what is paid: every line of the payout vectors, and what holds for any input."""

from __future__ import annotations

import dataclasses
import inspect
import pickle
import types
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import yuma_kernel as yk
from chain import _lines as lines
from yuma_kernel.chain.mechanisms import combined
from yuma_kernel.chain.payout import (
    HotkeyState,
    combine_value,
    estimate_pending,
    mechanism_weights,
    pay,
    pay_miners,
    pay_validators,
    split_emission,
    take_of_owner,
)

MODULE: types.ModuleType = inspect.getmodule(pay_miners)  # type: ignore[assignment]
LINES = tuple(lines("payout.jsonl.gz"))
KINDS = {kind: [line for line in LINES if line["kind"] == kind] for kind in ("mechanisms", "dividends")}
BY_HOTKEY = ("alpha", "root", "owner", "childkey_take", "children", "parents")


def mechanisms(line: dict[str, Any], module: Any = MODULE) -> dict[str, Any]:
    given = line["input"]
    emissions = module.split_emission(given["emission"], given["mechanism_count"], given["split"], spec_version=474)
    weights = module.mechanism_weights(given["emission"], emissions)
    return {
        "emissions": list(emissions),
        "proportion": module.combine_value(given["proportions"], weights, 65535),
        "rao": module.combine_value(given["rao"], weights),
    }


def hotkey_state(given: dict[str, Any], module: Any = MODULE, **fields: Any) -> Any:
    fields |= {name: dict(enumerate(given[name])) for name in BY_HOTKEY}
    scalars = {name: given[name] for name in ("tao_weight", "childkey_burn")}
    return module.HotkeyState(root_hotkeys=given["root_uid"], **fields, **scalars)


def dividends(line: dict[str, Any], module: Any = MODULE) -> dict[str, Any]:
    given = line["input"]
    rows = given["emissions"]
    out: dict[str, Any] = {}
    for suffix, spec_version in (("", 441), ("_442", 442)):
        paid = module.pay(
            [row[1] for row in rows],
            [row[2] for row in rows],
            hotkeys=[row[0] for row in rows],
            owner_hotkeys=[],
            state=hotkey_state(given, module),
            pending_validator=given["pending_validator"],
            pending_server=0,  # the vectors give V as it is
            pending_root=given["pending_root"],
            spec_version=spec_version,
        )
        by_hotkey = sorted(paid.validators.payments.items())
        for name in ("alpha_bits", "root_bits"):
            out[name + suffix] = [[hotkey, getattr(payment, name)] for hotkey, payment in by_hotkey]
        out["weight"] = [[hotkey, payment.weight_bits] for hotkey, payment in by_hotkey]
        out["recycled"] = paid.validators.recycled
        out["incentive"] = [[row[0], amount] for row, amount in zip(rows, paid.miners.paid, strict=True)]
        for payment in paid.validators.payments.values():
            assert (payment.alpha, payment.root) == (payment.alpha_bits >> 32, payment.root_bits >> 32)
    return out


COMPUTED = {"mechanisms": mechanisms, "dividends": dividends}


@pytest.mark.parametrize("kind", list(KINDS))
def test_vectors(kind: str) -> None:
    assert len(KINDS[kind]) == 300
    for line in KINDS[kind]:
        assert COMPUTED[kind](line) == line["output"], line["id"]


MUTATIONS = {
    "mechanisms": [
        ("parts[0] + _less(total, sum(parts))", "parts[0]"),
        ("total * s // U16_MAX", "(total * s + U16_MAX - 1) // U16_MAX"),
        ("runtime >= SPLIT_OF_ALL_MECHANISMS and", ""),
        ("(2**64, *[0] * (len(parts) - 1))", "(0, *[0] * (len(parts) - 1))"),
        ("sum((x * w) >> 64 for x, w in zip(values, weights, strict=True))",
         "sum(x * w for x, w in zip(values, weights, strict=True)) >> 64"),
    ],
    "dividends": [
        ("return (p << 32) // U64_MAX", "return p >> 32"),
        ("return (v << 32) // U16_MAX", "return v << 16"),
        ("_less(ONE, lent)", "ONE"),
        ("+ _mul(_mul(root << 32, part), tw)", ""),
        ("own = _rao(stake_behind(hotkey, _less(ONE, lent))) << 32", "own = stake_behind(hotkey, _less(ONE, lent))"),
        ('if state.of("owner", parent) != state.of("owner", hotkey):', "if True:"),
        ('if state.of("owner", parent) != state.of("owner", hotkey):', "if False:"),
        ("recycled += _rao(burned)", "recycled += burned"),
        ('state.of("childkey_take", hotkey)', 'state.of("childkey_take", parent)'),
        ('state.of("childkey_take", hotkey)), share)', 'state.of("childkey_take", hotkey)), _less(share, burned))'),
        ("rest = _less(rest, share)", "rest = _less(rest, kept)"),
        ("_rao(rest + takes)", "_rao(rest)"),
        ("_less(_less(share, burned), take)", "_less(share, take)"),
        ("_less(_less(share, burned), take)", "_less(share, burned)"),
        ("got.get(parent, 0) + _rao(kept)", "_rao(kept)"),
        ("spec_version < DIVIDENDS_BY_ALPHA", "True"),
        ("spec_version < DIVIDENDS_BY_ALPHA", "False"),
        ("_less(weight_bits, root_part), root_part", "weight_bits, root_part"),
        ("if both else weight_bits", "if both else 0"),
        ("if hotkey in state.root_hotkeys else 0", ""),
        ("_mul(in_alpha << 32, _div(alpha_part, alpha_total))", "_div(_mul(in_alpha << 32, alpha_part), alpha_total)"),
        ("_mul(to_root << 32, _div(root_part, root_total))", "_mul(to_root << 32, _div(root_part, alpha_total))"),
    ],
}  # fmt: skip


@pytest.mark.parametrize(("kind", "old", "new"), [(kind, *pair) for kind, pairs in MUTATIONS.items() for pair in pairs])
def test_the_vectors_decide_each_rule(kind: str, old: str, new: str) -> None:
    """Each rule broken in turn, in a copy of the module: some line differs."""
    source = inspect.getsource(MODULE)
    assert source.count(old) == 1
    mutant = types.ModuleType(MODULE.__name__)
    exec(compile(source.replace(old, new), "mutant", "exec"), mutant.__dict__)  # a copy that nothing else sees
    assert any(COMPUTED[kind](line, mutant) != line["output"] for line in KINDS[kind])


# -- mechanisms -----------------------------------------------------------------------------------------------------------

U64 = st.one_of(st.sampled_from([0, 1, 65535, 2**32, 2**63, 2**64 - 1]), st.integers(0, 2**64 - 1))
U16 = st.one_of(st.sampled_from([0, 1, 32768, 65535]), st.integers(0, 65535))


@given(U64, st.integers(1, 12), st.none() | st.lists(U16, max_size=14), st.sampled_from([425, 474, 475, 480]))
def test_a_split_loses_nothing(emission: int, count: int, split: list[int] | None, spec_version: int) -> None:
    parts = split_emission(emission, count, split, spec_version=spec_version)
    assert len(parts) == count
    assert all(0 <= part <= emission for part in parts)
    used = (split or [])[:count]
    if split is None or (spec_version >= 475 and len(split) != count):
        assert parts == split_emission(emission, count, spec_version=spec_version)
        assert max(parts) - min(parts) < 2 * count
    if split is None or sum(used) <= 65535:
        assert sum(parts) == emission
    else:
        assert sum(parts) >= emission - count
    weights = mechanism_weights(emission, parts)
    assert all(0 <= weight <= 2**64 for weight in weights)


def test_since_475_a_split_of_another_length_is_none() -> None:
    for split in ([65535], [1, 2, 3], []):
        assert split_emission(101, 2, split, spec_version=475) == (51, 50)
        assert split_emission(101, 2, split, spec_version=474)[0] != 51
    assert split_emission(101, 2, [65535, 0], spec_version=475) == (101, 0)


def test_a_split_above_one_exceeds_the_emission() -> None:
    assert split_emission(100, 2, [65535, 65535], spec_version=475) == (100, 100)


def some_state(seed: int) -> yk.SubnetState:
    draw = np.random.default_rng(seed)
    n = 12
    rows = yk.SparseRows.from_dense(draw.integers(0, 65536, (n, n)))
    return yk.SubnetState(
        rows, yk.SparseRows.empty(n), yk.stake_from_rao(draw.integers(0, 10**15, n)), [90] * n, [1] * n,
        draw.integers(0, 2, n), 100,
    )  # fmt: skip


def test_mechanisms_combined() -> None:
    """Field by field from the definition; one mechanism is its own combination."""
    emission = 10**12 + 7
    parts = split_emission(emission, 3, [40000, 20000, 5535], spec_version=475)
    epochs = [yk.epoch(some_state(k), yk.Hyperparameters(), emission=part) for k, part in enumerate(parts)]
    got = combined(epochs, emission, parts)
    weights = [(part << 64) // emission for part in parts]
    for uid in range(12):
        for name in ("stake_weight", "consensus", "validator_trust", "dividends", "emission"):
            terms = [int(getattr(epoch, name)[uid]) * weight >> 64 for epoch, weight in zip(epochs, weights, strict=True)]
            assert getattr(got, name)[uid] == sum(terms)
        for name in ("server_emission", "validator_emission"):
            assert getattr(got, name)[uid] == sum(int(getattr(epoch, name)[uid]) for epoch in epochs)
        for name in ("active", "validator_permit"):
            assert getattr(got, name)[uid] == any(getattr(epoch, name)[uid] for epoch in epochs)
    for name in ("stake_weight", "emission", "server_emission", "active"):
        assert getattr(got, name).dtype == getattr(epochs[0], name).dtype
    assert got.mechanisms == tuple(epochs)

    alone = combined(epochs[:1], parts[0], parts[:1])
    for name in ("stake_weight", "emission", "server_emission", "validator_permit"):
        assert np.array_equal(getattr(alone, name), getattr(epochs[0], name))


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ((-1, 1, None), "emission"),
        ((2**64, 1, None), "emission"),
        ((1, 0, None), "mechanism_count"),
        ((1, 256, None), "mechanism_count"),
        ((1, 1, [65536]), "split"),
        ((1, 1, 5), "split"),
    ],
)
def test_splits_refused(arguments: tuple[Any, ...], field: str) -> None:
    with pytest.raises(yk.InputError) as caught:
        split_emission(*arguments, spec_version=475)
    assert caught.value.field == field
    with pytest.raises(yk.InputError):
        combine_value([1], [1, 2])


def test_a_combined_value_is_clamped_to_its_type() -> None:
    """Where the proportions of a split exceed 1, the weights do."""
    weights = mechanism_weights(100, split_emission(100, 2, [65535, 65535], spec_version=475))
    assert weights == (2**64, 2**64)
    assert combine_value([65535, 1], weights, 65535) == 65535
    assert combine_value([65535, 1], weights) == 65536
    assert combine_value([2**64 - 1, 1], weights) == 2**64 - 1


# -- miners ---------------------------------------------------------------------------------------------------------------


def test_miners_are_paid_to_the_rao_and_the_owner_is_not() -> None:
    got = pay_miners(np.array([5, 2**64 - 1, 7], np.uint64), ["a", "b", "c"], {"c", "z"})
    assert (got.paid, got.withheld) == ((5, 2**64 - 1, 0), (0, 0, 7))
    assert repr(got) == f"MinerPayout(2 of 3 uids: {2**64 + 4} rao, withheld 7 rao)"
    assert got.to_dict() == {"paid": [5, 2**64 - 1, 0], "withheld": [0, 0, 7]}


@pytest.mark.parametrize(
    ("arguments", "field", "index"),
    [
        (([1, 2], ["a"], []), "hotkeys", None),
        (([1, 2], ["a", "a"], []), "hotkeys", 1),
        (([1, -2], ["a", "b"], []), "server_emission", 1),
        (([1], ["a"], "a"), "owner_hotkeys", None),
    ],
)
def test_miners_refused(arguments: tuple[Any, ...], field: str, index: int | None) -> None:
    with pytest.raises(yk.InputError) as caught:
        pay_miners(*arguments)
    assert (caught.value.field, caught.value.index) == (field, index)


# -- validators -----------------------------------------------------------------------------------------------------------


def one(name: str, value: Any) -> dict[str, Any]:
    """Two hotkeys with nothing special about them, but for one field."""
    fields: dict[str, Any] = {
        "alpha": {"h": 300, "p": 100}, "root": {"h": 0, "p": 0}, "owner": {"h": "x", "p": "y"},
        "childkey_take": {"h": 0, "p": 0}, "children": {"h": [], "p": []}, "parents": {"h": [], "p": []},
        "root_hotkeys": [], "tao_weight": 0, "childkey_burn": 0,
    }  # fmt: skip
    return fields | {name: value}


def paid(state: HotkeyState, *, server: int = 1, pending_server: int = 0) -> Any:
    return pay_validators(
        [("h", server, 50), ("p", 0, 50)], state, pending_validator=1000, pending_server=pending_server,
        pending_root=10, spec_version=475,
    )  # fmt: skip


def test_servers_emission_goes_to_validators_where_nobody_serves() -> None:
    state = HotkeyState(**one("root_hotkeys", []))
    assert paid(state, pending_server=500).pending_alpha == 1000
    assert paid(state, pending_server=500, server=0).pending_alpha == 1500
    assert [p.alpha for p in paid(state, pending_server=500, server=0).payments.values()] == [750, 750]
    with pytest.raises(yk.InputError):
        paid(state, pending_server=2**64 - 1, server=0)


def test_take_of_the_owner() -> None:
    state = HotkeyState(**one("delegate_take", {"h": 11796, "p": 65535}))
    payments = paid(state).payments
    assert (payments["h"].alpha_take, payments["h"].alpha_stakers) == (89, 410)  # 89.99… and 410.00…: floored each
    assert (payments["p"].alpha_take, payments["p"].alpha_stakers) == (500, 0)
    assert paid(HotkeyState(**one("root_hotkeys", []))).payments["h"].alpha_take is None


@given(st.integers(0, 2**96 - 1), U16)
def test_a_take_leaves_at_most_one_rao(bits: int, take: int) -> None:
    owner, stakers = take_of_owner(bits, "h", HotkeyState(**one("delegate_take", {"h": take})))
    assert owner is not None
    assert stakers is not None
    assert (bits >> 32) - owner - stakers in (0, 1)
    assert owner == (((take << 32) // 65535) * bits >> 32) >> 32


def test_what_is_not_known_is_refused() -> None:
    """Each field in turn lacks the hotkey that is asked for."""
    family = one("parents", {"h": [(2**63, "p")], "p": []})
    for name in ("alpha", "root", "owner", "childkey_take", "children", "parents"):
        for hotkey in ("h", "p"):
            if (name, hotkey) == ("childkey_take", "p"):
                continue  # p is nobody's child
            lacking = dict(family)
            lacking[name] = {key: value for key, value in family[name].items() if key != hotkey}
            with pytest.raises(yk.InputError) as caught:
                paid(HotkeyState(**lacking))
            assert caught.value.field == name
            assert hotkey in caught.value.rule


@pytest.mark.parametrize(
    ("name", "value", "field"),
    [
        ("alpha", {"h": -1}, "alpha['h']"),
        ("root", {"h": 2**64}, "root['h']"),
        ("childkey_take", {"h": 65536}, "childkey_take['h']"),
        ("delegate_take", {"h": 65536}, "delegate_take['h']"),
        ("parents", {"h": [(2**64, "p")]}, "parents['h']"),
        ("parents", {"h": [(1, "p"), (1, "p")]}, "parents['h']"),
        ("children", {"h": [3]}, "children['h']"),
        ("tao_weight", 2**64, "tao_weight"),
        ("childkey_burn", None, "childkey_burn"),
        ("owner", ["x"], "owner"),
        ("root_hotkeys", "h", "root_hotkeys"),
    ],
)
def test_states_refused(name: str, value: Any, field: str) -> None:
    with pytest.raises(yk.InputError) as caught:
        HotkeyState(**one(name, value))
    assert caught.value.field == field


def test_emissions_refused() -> None:
    state = HotkeyState(**one("root_hotkeys", []))
    pending = {"pending_validator": 1, "pending_server": 1, "pending_root": 1, "spec_version": 475}
    for rows, index in (
        ([("h", 1)], 0),
        ([("h", 1, 1), ("h", 1, 1)], 1),
        ([("h", -1, 1)], (0, 1)),
        ([("h", 1, 2**64)], (0, 2)),
        ([("h", 1, 2**64 - 1), ("p", 1, 1)], None),
    ):
        with pytest.raises(yk.InputError) as caught:
            pay_validators(rows, state, **pending)  # type: ignore[arg-type]
        assert (caught.value.field, caught.value.index) == ("emissions", index)
    with pytest.raises(yk.InputError) as caught:
        pay([1, 2], [1], hotkeys="hp", owner_hotkeys=[], state=state, **pending)
    assert caught.value.field == "hotkeys"
    with pytest.raises(yk.InputError) as caught:
        pay([1, 2], [1], hotkeys=["h", "p"], owner_hotkeys=[], state=state, **pending)
    assert caught.value.field == "validator_emission"


@given(st.integers(0, 299), U64, U64, st.sampled_from([425, 441, 442, 475]))
def test_nothing_is_paid_that_was_not_there(at: int, pending: int, root: int, spec_version: int) -> None:
    given = KINDS["dividends"][at]["input"]
    state = hotkey_state(given, delegate_take=dict.fromkeys(range(len(given["alpha"])), 11796))
    got = pay_validators(
        given["emissions"], state, pending_validator=pending, pending_server=0, pending_root=root, spec_version=spec_version
    )
    payments = got.payments.values()
    assert sum(p.alpha_bits for p in payments) <= pending << 32
    assert sum(p.root_bits for p in payments) <= root << 32
    total = sum(row[2] for row in given["emissions"])
    # burn and take are both of the whole share: together they may be more than it, and the child gains what nobody lost
    if given["childkey_burn"] + max(given["childkey_take"]) * (2**48 + 2**32 + 2**16 + 1) < 2**64:
        assert sum(p.weight_bits for p in payments) + (got.recycled << 32) <= total << 32
    for payment in payments:
        assert payment.alpha_take is not None
        assert payment.alpha_stakers is not None
        assert payment.alpha - payment.alpha_take - payment.alpha_stakers in (0, 1)
    assume(any(p.alpha_bits for p in payments))
    # what floors leave over of the payments: less than the sum of parts' rounding, in bits, times what is paid
    assert sum(p.alpha_bits for p in payments) >= (pending << 32) - len(payments) * (pending + 1)


def test_values_print_convert_and_copy() -> None:
    given = KINDS["dividends"][0]["input"]
    state = hotkey_state(given)
    assert repr(state) == "HotkeyState(6 hotkeys, 4 with parents)"
    got = pay_validators(
        given["emissions"], state, pending_validator=912840295220, pending_server=0, pending_root=7, spec_version=475
    )
    assert repr(got) == (
        "ValidatorPayout(6 hotkeys: alpha 912840295006 of 912840295220 rao, root 7 of 7 rao, recycled 1047134213 rao)"
    )
    assert repr(got.payments[5]) == "ValidatorPayment(5: alpha 32274864634 rao, root 7 rao)"
    assert got.to_dict()["payments"][5]["alpha"] == 32274864634
    assert list(got.payments) == [0, 1, 2, 3, 5, 4]
    assert pickle.loads(pickle.dumps(got)) == got
    assert pickle.loads(pickle.dumps(state)) == state
    assert state.to_dict()["parents"][2] == [[2**64 - 1, 0]]
    for value in (got, state):
        with pytest.raises(dataclasses.FrozenInstanceError):
            value.recycled = 1  # type: ignore[misc, unused-ignore]
    with pytest.raises(TypeError):
        state.alpha[0] = 1


# -- before the epoch -----------------------------------------------------------------------------------------------------


def test_pending_is_an_estimate() -> None:
    terms: dict[str, Any] = {"root_proportion_bits": 2**30, "owner_cut": 11796, "owner_cut_enabled": True}
    got = estimate_pending(10**9, root_sells=True, blocks=10, **terms)
    assert got.estimate is True
    assert (got.server, got.validator, got.root, got.owner_cut) == (4100022880, 3075017160, 1025005720, 1799954220)
    assert repr(got).startswith("PendingEmission(estimate over 10 blocks: server 4100022880,")
    unsold = estimate_pending(10**9, root_sells=False, blocks=10, **terms)
    assert (unsold.root, unsold.recycled, unsold.validator) == (0, got.root, got.validator)
    uncut = estimate_pending(10**9, root_sells=True, **(terms | {"owner_cut_enabled": False}))
    assert (uncut.server, uncut.validator, uncut.root, uncut.owner_cut) == (5 * 10**8, 375 * 10**6, 125 * 10**6, 0)
    with pytest.raises(yk.InputError):
        estimate_pending(1, root_sells=True, **(terms | {"root_proportion_bits": 2**32 + 1}))


@given(U64, st.integers(0, 2**32), st.booleans(), U16, st.booleans())
def test_pending_adds_up(alpha_out: int, proportion: int, sells: bool, cut: int, enabled: bool) -> None:
    got = estimate_pending(
        alpha_out, root_proportion_bits=proportion, root_sells=sells, owner_cut=cut, owner_cut_enabled=enabled
    )
    parts = (got.server, got.validator, got.root, got.owner_cut, got.recycled)
    assert all(part >= 0 for part in parts)
    assert 0 <= alpha_out - sum(parts) <= 3  # each of four is floored
    assert got.emission == got.server + got.validator + got.root
