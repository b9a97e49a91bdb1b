"""From the epoch to what is paid: mechanisms, miners, and the dividends of validators, parents and root.

Pure functions on integers; nothing here reads a chain. Amounts are rao. Proportions are u16 of 65535 or u64 of 2^64 - 1, as
the storage items that they come from. *Bits* are those of U96F32, in which the chain computes payments: value / 2^32.

Checked against the chain's own functions at runtime 425, the split of dividends since 442 too. A whole block was not
checked, nor what later runtimes set aside as collateral.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any, Final

from yuma_kernel.arrays import U16_MAX, U64_MAX, boolean, has_items, integer
from yuma_kernel.errors import InputError, shown

ONE: Final = 2**32
U128_MAX: Final = 2**128 - 1
U8_MAX: Final = 2**8 - 1

DIVIDENDS_BY_ALPHA: Final = 442
"""Since this runtime the alpha part of a dividend is computed first, and root's is what is left of it."""
SPLIT_OF_ALL_MECHANISMS: Final = 475
"""Since this runtime a split of emission that has not one entry for each mechanism is not used."""

Hotkey = Hashable


def _mul(a: int, b: int) -> int:
    return min(U128_MAX, (a * b) >> 32)


def _div(a: int, b: int) -> int:
    return (a << 32) // b if b else 0


def _proportion(p: int) -> int:
    return (p << 32) // U64_MAX


def _ratio16(v: int) -> int:
    return (v << 32) // U16_MAX


def _rao(x: int) -> int:
    return min(U64_MAX, x >> 32)


def _less(a: int, b: int) -> int:
    return max(0, a - b)


class _Printed:
    """A frozen dataclass that says its totals, not every hotkey, and converts to plain Python."""

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain integers, lists and dicts; hotkeys stay the keys that were given."""
        return {f.name: _plain(getattr(self, f.name)) for f in fields(self)}  # type: ignore[arg-type]


def _plain(value: object) -> Any:
    if isinstance(value, _Printed):
        return value.to_dict()
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, frozenset):
        return list(value)
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _items(name: str, value: object) -> list[Any]:
    if not has_items(value) or isinstance(value, Mapping):
        raise InputError(name, f"expected a sequence, got {type(value).__name__}")
    return list(value)  # type: ignore[call-overload, no-any-return]


def _u64s(name: str, value: object) -> tuple[int, ...]:
    return tuple(integer(name, v, 0, U64_MAX, at) for at, v in enumerate(_items(name, value)))


def _sum(name: str, parts: Iterable[int]) -> int:
    total = sum(parts)
    if total > U64_MAX:
        raise InputError(name, f"expected amounts whose sum is at most {U64_MAX} rao, got {total}")
    return total


# -- mechanisms -----------------------------------------------------------------------------------------------------------


def split_emission(
    emission: int, mechanism_count: int, split: Iterable[int] | None = None, *, spec_version: int
) -> tuple[int, ...]:
    """What of a subnet's emission each mechanism's epoch divides.

    Args:
        emission: u64, rao: the pending server, validator and root emission together.
        mechanism_count: u8, at least 1 (`MechanismCountCurrent`).
        split: u16 proportions (`MechanismEmissionSplit`), or None where nothing is stored.
        spec_version: of the runtime. Since 475 a split without one entry for each mechanism counts as none; before, it was
            cut or padded with 0.

    Returns:
        rao by mechanism. What the floors leave over is the first one's. The sum is `emission`, and more where the
        proportions exceed 65535 together.

    Raises:
        InputError: naming the argument and the rule.
    """
    total = integer("emission", emission, 0, U64_MAX)
    count = integer("mechanism_count", mechanism_count, 1, U8_MAX)
    runtime = integer("spec_version", spec_version, 0, U64_MAX)
    given = None
    if split is not None:
        given = [integer("split", s, 0, U16_MAX, at) for at, s in enumerate(_items("split", split))]
        if runtime >= SPLIT_OF_ALL_MECHANISMS and len(given) != count:
            given = None
    parts = [total // count] * count if given is None else [total * s // U16_MAX for s in (given + [0] * count)[:count]]
    return (parts[0] + _less(total, sum(parts)), *parts[1:])


def mechanism_weights(emission: int, emissions: Sequence[int]) -> tuple[int, ...]:
    """By mechanism, 2^64 for 1: the weight of what it stored in what the subnet stores.

    Args:
        emission: u64, rao, of the subnet. emissions: rao by mechanism, as `split_emission` gives them.
    """
    total = integer("emission", emission, 0, U64_MAX)
    parts = _u64s("emissions", emissions)
    if not parts:
        raise InputError("emissions", "expected at least one mechanism")
    if total == 0:
        return (2**64, *[0] * (len(parts) - 1))
    return tuple((e << 64) // total for e in parts)


def combine_value(values: Sequence[int], weights: Sequence[int], limit: int = U64_MAX) -> int:
    """One uid's value as the subnet stores it: the weighted sum of what its mechanisms stored, clamped to `limit`.

    Each term is floored by itself. `weights` are those of `mechanism_weights`. `chain.mechanisms` does it for whole epochs.
    """
    if len(values) != len(weights):
        raise InputError("values", f"expected {len(weights)}, one a mechanism, got {len(values)}")
    return min(limit, sum((x * w) >> 64 for x, w in zip(values, weights, strict=True)))


# -- miners ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, repr=False)
class MinerPayout(_Printed):
    """What miners are paid for an epoch.

    Attributes:
        paid: rao by uid.
        withheld: rao by uid: what an owner's hotkey would have had; it is burned or recycled.
    """

    paid: tuple[int, ...]
    withheld: tuple[int, ...]

    def __repr__(self) -> str:
        miners = sum(map(bool, self.paid))
        return f"MinerPayout({miners} of {len(self.paid)} uids: {sum(self.paid)} rao, withheld {sum(self.withheld)} rao)"


def pay_miners(server_emission: object, hotkeys: Iterable[Hotkey], owner_hotkeys: Iterable[Hotkey]) -> MinerPayout:
    """Each uid is paid its server emission, to the rao, except the subnet owner's hotkeys, which are paid nothing.

    Args:
        server_emission: u64[n], rao.
        hotkeys: the hotkey of each uid, in any form that can be compared (bytes, an address).
        owner_hotkeys: `SubnetOwnerHotkey` of the subnet and `OwnedHotkeys` of its `SubnetOwner`, in the same form.

    Raises:
        InputError: lengths that differ, a hotkey twice.
    """
    amounts = _u64s("server_emission", server_emission)
    keys = _items("hotkeys", hotkeys)
    if len(keys) != len(amounts):
        raise InputError("hotkeys", f"expected {len(amounts)}, one a uid, got {len(keys)}")
    _once("hotkeys", keys)
    owner = set(_items("owner_hotkeys", owner_hotkeys))
    return MinerPayout(
        paid=tuple(0 if key in owner else amount for key, amount in zip(keys, amounts, strict=True)),
        withheld=tuple(amount if key in owner else 0 for key, amount in zip(keys, amounts, strict=True)),
    )


def _once(name: str, keys: Sequence[Hotkey]) -> None:
    seen: set[Hotkey] = set()
    for at, key in enumerate(keys):
        if key in seen:
            raise InputError(name, f"expected every hotkey once, got {shown(key)} again", at)
        seen.add(key)


# -- validators -----------------------------------------------------------------------------------------------------------


Relatives = tuple[tuple[int, Hotkey], ...]


def _relatives(name: str, value: object) -> Relatives:
    out = []
    for at, entry in enumerate(_items(name, value)):
        if not isinstance(entry, (list, tuple)) or len(entry) != 2:
            raise InputError(name, f"expected pairs (proportion, hotkey), got {shown(entry)}", at)
        out.append((integer(name, entry[0], 0, U64_MAX, at), entry[1]))
    _once(name, [key for _, key in out])
    return tuple(out)


def _within(high: int) -> Callable[[str, object], int]:
    return lambda name, value: integer(name, value, 0, high)


_BY_HOTKEY: Final[Mapping[str, Callable[[str, object], object]]] = {
    "alpha": _within(U64_MAX),
    "root": _within(U64_MAX),
    "owner": lambda name, value: value,
    "childkey_take": _within(U16_MAX),
    "children": _relatives,
    "parents": _relatives,
    "delegate_take": _within(U16_MAX),
}


@dataclass(frozen=True, kw_only=True, repr=False)
class HotkeyState(_Printed):
    """What the chain stores of hotkeys at the time of a distribution, by hotkey in any form that can be compared.

    A hotkey that is asked for and does not stand here is refused: what is not known is no 0. Where the chain stores nothing
    for a hotkey, the item's default is what it stores.

    Attributes:
        alpha: rao of the subnet's alpha, `TotalHotkeyAlpha(hotkey, netuid)`.
        root: rao, `TotalHotkeyAlpha(hotkey, 0)`.
        owner: the coldkey, `Owner`.
        childkey_take: u16 proportion, `ChildkeyTake`.
        children, parents: ((proportion, hotkey), ...), u64 proportions, in stored order: `ChildKeys`, `ParentKeys`.
        root_hotkeys: those with a uid in the root subnet; read since runtime 442.
        tao_weight: u64 proportion, `TaoWeight`.
        childkey_burn: u64 proportion: what is recycled of a parent's share.
        delegate_take: u16 proportion, `Delegates`; None: not known, and payments are not divided between owner and stakers.

    Raises:
        InputError: naming the field, the hotkey and the rule.
    """

    alpha: Mapping[Hotkey, int]
    root: Mapping[Hotkey, int]
    owner: Mapping[Hotkey, Hashable]
    childkey_take: Mapping[Hotkey, int]
    children: Mapping[Hotkey, Relatives]
    parents: Mapping[Hotkey, Relatives]
    root_hotkeys: frozenset[Hotkey]
    tao_weight: int
    childkey_burn: int
    delegate_take: Mapping[Hotkey, int] | None = None

    def __post_init__(self) -> None:
        for name, check in _BY_HOTKEY.items():
            given = getattr(self, name)
            if given is None and name == "delegate_take":
                continue
            if not isinstance(given, Mapping):
                raise InputError(name, f"expected a mapping by hotkey, got {type(given).__name__}")
            held = {key: check(f"{name}[{shown(key)}]", value) for key, value in given.items()}
            object.__setattr__(self, name, MappingProxyType(held))
        object.__setattr__(self, "root_hotkeys", frozenset(_items("root_hotkeys", self.root_hotkeys)))
        for name in ("tao_weight", "childkey_burn"):
            object.__setattr__(self, name, integer(name, getattr(self, name), 0, U64_MAX))

    def __repr__(self) -> str:
        return f"HotkeyState({len(self.alpha)} hotkeys, {sum(map(bool, self.parents.values()))} with parents)"

    def __reduce__(self) -> tuple[Any, ...]:
        held = {f.name: getattr(self, f.name) for f in fields(self)}
        return _restored, ({k: dict(v) if isinstance(v, Mapping) else v for k, v in held.items()},)

    def of(self, name: str, hotkey: Hotkey) -> Any:
        """What stands for a hotkey in a field; InputError where nothing does."""
        try:
            return getattr(self, name)[hotkey]
        except KeyError:
            raise InputError(name, f"expected an entry for hotkey {shown(hotkey)}: not known") from None


def _restored(held: dict[str, Any]) -> HotkeyState:
    return HotkeyState(**held)


@dataclass(frozen=True, repr=False)
class ValidatorPayment(_Printed):
    """What one hotkey's dividends come to.

    Attributes:
        hotkey: as it was given.
        weight_bits: its part of the validator emission after parents had theirs, as bits: a weight, no payment.
        alpha_bits, root_bits: its share of what is paid in alpha and to root, as bits, before they are floored.
        alpha, root: rao: the same, floored: all that is paid for the hotkey.
        alpha_take, root_take: rao of these for the owner of the hotkey; None where its take is not known.
        alpha_stakers, root_stakers: rao of these for all who stake on it; None likewise. Owner's and stakers' part are
            floored each: together they may be one rao less than what is paid.
    """

    hotkey: Hotkey
    weight_bits: int
    alpha_bits: int
    root_bits: int
    alpha: int
    root: int
    alpha_take: int | None
    alpha_stakers: int | None
    root_take: int | None
    root_stakers: int | None

    def __repr__(self) -> str:
        return f"ValidatorPayment({shown(self.hotkey)}: alpha {self.alpha} rao, root {self.root} rao)"


@dataclass(frozen=True, repr=False)
class ValidatorPayout(_Printed):
    """What the dividends of an epoch come to.

    Attributes:
        payments: by hotkey, first those with validator emission or without in the order given, then their parents.
        pending_alpha, pending_root: rao that were to be paid in alpha and to root.
        recycled: rao of parents' shares that were recycled.
        spec_version: the runtime whose rule it is.
    """

    payments: Mapping[Hotkey, ValidatorPayment]
    pending_alpha: int
    pending_root: int
    recycled: int
    spec_version: int

    def __repr__(self) -> str:
        alpha, root = (sum(getattr(p, name) for p in self.payments.values()) for name in ("alpha", "root"))
        return (
            f"ValidatorPayout({len(self.payments)} hotkeys: alpha {alpha} of {self.pending_alpha} rao, "
            f"root {root} of {self.pending_root} rao, recycled {self.recycled} rao)"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        held = [getattr(self, f.name) for f in fields(self)]
        return _payout, (dict(held[0]), *held[1:])


def _payout(payments: dict[Hotkey, ValidatorPayment], *rest: int) -> ValidatorPayout:
    return ValidatorPayout(MappingProxyType(payments), *rest)


def dividends_of_parents(emissions: Mapping[Hotkey, int], state: HotkeyState) -> tuple[dict[Hotkey, int], int]:
    """Step 1: each validator's emission, shared with the parents whose stake stands behind it.

    Args:
        emissions: validator emission by hotkey, rao, with a sum of u64.

    Returns:
        by hotkey what it got, rao; and the rao that were recycled.
    """
    tw, burn = _proportion(state.tao_weight), _proportion(state.childkey_burn)
    got: dict[Hotkey, int] = dict.fromkeys(emissions, 0)
    recycled = 0

    def stake_behind(hotkey: Hotkey, part: int) -> int:
        alpha, root = state.of("alpha", hotkey), state.of("root", hotkey)
        return _mul(alpha << 32, part) + _mul(_mul(root << 32, part), tw)

    for hotkey, dividend in emissions.items():
        lent = sum(_proportion(p) for p, _ in state.of("children", hotkey))
        own = _rao(stake_behind(hotkey, _less(ONE, lent))) << 32
        contributions = [(parent, stake_behind(parent, _proportion(p))) for p, parent in state.of("parents", hotkey)]
        total = own + sum(c for _, c in contributions)
        rest, takes = dividend << 32, 0
        for parent, contribution in contributions:
            share = kept = _mul(dividend << 32, _div(contribution, total))
            if state.of("owner", parent) != state.of("owner", hotkey):
                burned = _mul(burn, share)
                take = _mul(_ratio16(state.of("childkey_take", hotkey)), share)
                recycled += _rao(burned)
                takes += take
                kept = _less(_less(share, burned), take)
            rest = _less(rest, share)
            got[parent] = got.get(parent, 0) + _rao(kept)
        got[hotkey] += _rao(rest + takes)
    return got, recycled


def dividend_parts(weight_bits: int, hotkey: Hotkey, state: HotkeyState, *, spec_version: int) -> tuple[int, int]:
    """Step 2: the parts of a hotkey's dividend that its alpha and its root stake account for, as bits."""
    alpha = state.of("alpha", hotkey) << 32
    weighted_root = _mul(state.of("root", hotkey) << 32, _proportion(state.tao_weight))
    both = alpha + weighted_root
    if spec_version < DIVIDENDS_BY_ALPHA:
        root_part = _mul(weight_bits, _div(weighted_root, both))
        return _less(weight_bits, root_part), root_part
    alpha_part = _mul(weight_bits, _div(alpha, both)) if both else weight_bits
    # what a hotkey outside the root subnet would have had there counts for nobody
    return alpha_part, _less(weight_bits, alpha_part) if hotkey in state.root_hotkeys else 0


def pay_validators(
    emissions: Iterable[tuple[Hotkey, int, int]],
    state: HotkeyState,
    *,
    pending_validator: int,
    pending_server: int,
    pending_root: int,
    spec_version: int,
) -> ValidatorPayout:
    """The dividends of validators, through parents, children, root and take.

    Args:
        emissions: (hotkey, server_emission, validator_emission) by uid, rao: of the epoch, or summed over the mechanisms.
        state: of the hotkeys and of all their parents, at the time of the distribution.
        pending_validator, pending_server, pending_root: u64, rao. The server's is paid to validators where no uid has server
            emission.
        spec_version: of the runtime. Until 441 root's part of a dividend is computed first, since 442 alpha's.

    Raises:
        InputError: naming the argument or the field of the state, the hotkey and the rule.
    """
    rows = _items("emissions", emissions)
    for at, row in enumerate(rows):
        if not isinstance(row, (list, tuple)) or len(row) != 3:
            raise InputError("emissions", f"expected (hotkey, server emission, validator emission), got {shown(row)}", at)
    _once("emissions", [row[0] for row in rows])
    server = [integer("emissions", row[1], 0, U64_MAX, (at, 1)) for at, row in enumerate(rows)]
    validator = {row[0]: integer("emissions", row[2], 0, U64_MAX, (at, 2)) for at, row in enumerate(rows)}
    _sum("emissions", validator.values())
    runtime = integer("spec_version", spec_version, 0, U64_MAX)
    in_alpha = integer("pending_validator", pending_validator, 0, U64_MAX)
    spare = integer("pending_server", pending_server, 0, U64_MAX)
    if not any(server):
        in_alpha = _sum("pending_validator", (in_alpha, spare))
    to_root = integer("pending_root", pending_root, 0, U64_MAX)

    got, recycled = dividends_of_parents(validator, state)
    weights = {hotkey: amount << 32 for hotkey, amount in got.items()}
    parts = {h: dividend_parts(weight, h, state, spec_version=runtime) for h, weight in weights.items()}
    alpha_total, root_total = (sum(part[k] for part in parts.values()) for k in (0, 1))
    payments = {}
    for hotkey, (alpha_part, root_part) in parts.items():
        alpha_bits = _mul(in_alpha << 32, _div(alpha_part, alpha_total))
        root_bits = _mul(to_root << 32, _div(root_part, root_total))
        payments[hotkey] = ValidatorPayment(
            hotkey,
            weights[hotkey],
            alpha_bits,
            root_bits,
            _rao(alpha_bits),
            _rao(root_bits),
            *take_of_owner(alpha_bits, hotkey, state),
            *take_of_owner(root_bits, hotkey, state),
        )
    return ValidatorPayout(MappingProxyType(payments), in_alpha, to_root, recycled, runtime)


def take_of_owner(payment_bits: int, hotkey: Hotkey, state: HotkeyState) -> tuple[int, int] | tuple[None, None]:
    """Step 4: of a payment, as bits, the owner's take and what belongs to all who stake on the hotkey, rao."""
    if state.delegate_take is None:
        return None, None
    take = _mul(_ratio16(state.of("delegate_take", hotkey)), payment_bits)
    return _rao(take), _rao(_less(payment_bits, take))


@dataclass(frozen=True, repr=False)
class Payout(_Printed):
    """Who is paid what for an epoch.

    Attributes:
        miners: by uid. validators: by hotkey.
    """

    miners: MinerPayout
    validators: ValidatorPayout

    def __repr__(self) -> str:
        return f"Payout({self.miners!r}, {self.validators!r})"


def pay(
    server_emission: object,
    validator_emission: object,
    *,
    hotkeys: Iterable[Hotkey],
    owner_hotkeys: Iterable[Hotkey],
    state: HotkeyState,
    pending_validator: int,
    pending_server: int,
    pending_root: int,
    spec_version: int,
) -> Payout:
    """Miners and validators together: `pay_miners` and `pay_validators` of one epoch.

    Args:
        server_emission, validator_emission: u64[n], rao: of an `EpochResult`, or of a `SubnetResult`.
        hotkeys: the hotkey of each uid; the others as in the two functions.
    """
    keys = _items("hotkeys", hotkeys)
    miners = pay_miners(server_emission, keys, owner_hotkeys)
    server, validator = _u64s("server_emission", server_emission), _u64s("validator_emission", validator_emission)
    if len(validator) != len(keys):
        raise InputError("validator_emission", f"expected {len(keys)}, one a uid, got {len(validator)}")
    validators = pay_validators(
        list(zip(keys, server, validator, strict=True)),
        state,
        pending_validator=pending_validator,
        pending_server=pending_server,
        pending_root=pending_root,
        spec_version=spec_version,
    )
    return Payout(miners, validators)


# -- before the epoch -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, repr=False)
class PendingEmission(_Printed):
    """What blocks add to a subnet's pending emission: an estimate, since the root proportion depends on each block's pools.

    Attributes:
        server, validator, root: rao added to what is pending of each.
        owner_cut: rao that the subnet's owner has.
        recycled: rao of root dividends that are recycled.
        blocks: over how many blocks.
        estimate: always true: no conformance vector covers it.
    """

    server: int
    validator: int
    root: int
    owner_cut: int
    recycled: int
    blocks: int = 1
    estimate: bool = field(default=True, init=False)

    def __repr__(self) -> str:
        return (
            f"PendingEmission(estimate over {self.blocks} block{'s' * (self.blocks != 1)}: server {self.server}, validator "
            f"{self.validator}, root {self.root}, owner {self.owner_cut}, recycled {self.recycled} rao)"
        )

    @property
    def emission(self) -> int:
        """rao: server, validator and root together, which is what the epochs divide."""
        return self.server + self.validator + self.root


def estimate_pending(
    alpha_out: int,
    *,
    root_proportion_bits: int,
    root_sells: bool,
    owner_cut: int,
    owner_cut_enabled: bool,
    blocks: int = 1,
) -> PendingEmission:
    """What `blocks` blocks add to the pending emission if all of them are as described: an estimate.

    Args:
        alpha_out: u64, rao a block: the subnet's alpha out.
        root_proportion_bits: U96F32 bits, at most 2^32 for 1. The chain computes it from the pools of each block.
        root_sells: bool: where root does not sell, its dividends are recycled.
        owner_cut: u16 proportion, `SubnetOwnerCut`; owner_cut_enabled: bool, `OwnerCutEnabled`.
        blocks: at least 0.
    """
    out = integer("alpha_out", alpha_out, 0, U64_MAX) << 32
    proportion = integer("root_proportion_bits", root_proportion_bits, 0, ONE)
    count = integer("blocks", blocks, 0, U64_MAX)
    cut = _mul(out, _ratio16(integer("owner_cut", owner_cut, 0, U16_MAX)))
    if not boolean("owner_cut_enabled", owner_cut_enabled):
        cut = 0
    out = _less(out, cut)
    root = _mul(_mul(proportion, out), ONE // 2)
    server = _mul(out, ONE // 2)
    validator = _less(_less(out, server), root)
    sold = boolean("root_sells", root_sells)
    return PendingEmission(
        server=_rao(server) * count,
        validator=_rao(validator) * count,
        root=_rao(root) * count if sold else 0,
        owner_cut=_rao(cut) * count,
        recycled=0 if sold else _rao(root) * count,
        blocks=count,
    )
