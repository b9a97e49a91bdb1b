"""The epoch as the law states it, in plain Python integers: the oracle that every other backend is held to.

To be read beside the law, section by section. A number of type I32F32 or I64F64 is a Python int that holds the bits of the
storage (section 1). Nothing here can wrap: where the chain clamps or gives 0, a function says so. NumPy appears only at
the door, in `epoch`.

A stage is a function of the name that the law gives to its result, and its parameters have the names of the law too. It
takes lists by uid and rows, changes none of them, and trusts its inputs. Unless its docstring says otherwise, a value is an
I32F32 from 0 to ONE.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate
from typing import Final, NamedTuple, TypeAlias

import numpy as np

from yuma_kernel.arrays import U16_MAX, U64_MAX, I64Array, U16Array, U64Array
from yuma_kernel.results import EpochResult
from yuma_kernel.rows import SparseRows
from yuma_kernel.types import Hyperparameters, SubnetState

Row: TypeAlias = list[tuple[int, int]]
"""(uid, value) pairs in stored order; a uid stands in it at most once."""

Rows: TypeAlias = list[Row]

Exponential: TypeAlias = Callable[[int], int]

# -- 1. Numbers -----------------------------------------------------------------------------------------------------------

ONE: Final = 1 << 32
HALF: Final = ONE // 2
I32F32_MIN: Final = -(1 << 63)
I32F32_MAX: Final = (1 << 63) - 1
I64F64_MIN: Final = -(1 << 127)
I64F64_MAX: Final = (1 << 127) - 1

EXP_LIMIT: Final = 20 * ONE
EXP_LAST_TERM: Final = 31
EXP_OF_ONE: Final = 11674931200
"""e as the chain has it as a constant, cut to 23 fractional bits: not what its series gives."""

LOG2_OF_E: Final = 6196327936
"""log2(e) as the chain has it as a constant, cut to 23 fractional bits."""


def clamp(x: int, low: int, high: int) -> int:
    """The integer of low..high that is nearest to x."""
    return low if x < low else high if x > high else x


def truncated(a: int, b: int) -> int:
    """a /t b: the exact quotient of two integers, rounded toward zero; b is not 0."""
    quotient = abs(a) // abs(b)
    return quotient if (a < 0) == (b < 0) else -quotient


def add(a: int, b: int) -> int:
    """a + b, clamped."""
    return clamp(a + b, I32F32_MIN, I32F32_MAX)


def sub(a: int, b: int) -> int:
    """a - b, clamped."""
    return clamp(a - b, I32F32_MIN, I32F32_MAX)


def mul(a: int, b: int) -> int:
    """a·b, rounded toward minus infinity, clamped."""
    return clamp((a * b) >> 32, I32F32_MIN, I32F32_MAX)


def cmul(a: int, b: int) -> int:
    """a·b, rounded toward minus infinity; 0 where it does not fit."""
    product = (a * b) >> 32
    return product if I32F32_MIN <= product <= I32F32_MAX else 0


def div(a: int, b: int) -> int:
    """a / b, rounded toward zero; 0 where b is 0 and where the quotient does not fit."""
    if b == 0:
        return 0
    quotient = truncated(a << 32, b)
    return quotient if I32F32_MIN <= quotient <= I32F32_MAX else 0


def sdiv(a: int, b: int) -> int:
    """a / b, rounded toward zero, clamped; b is not 0."""
    return clamp(truncated(a << 32, b), I32F32_MIN, I32F32_MAX)


def div64(a: int, b: int) -> int:
    """a / b of I64F64, rounded toward zero; 0 where b is 0 and where the quotient does not fit."""
    if b == 0:
        return 0
    quotient = truncated(a << 64, b)
    return quotient if I64F64_MIN <= quotient <= I64F64_MAX else 0


def i64f64_to_i32f32(x: int) -> int:
    """An I64F64 as I32F32, rounded toward minus infinity, clamped."""
    return clamp(x >> 32, I32F32_MIN, I32F32_MAX)


def fixed_to_unsigned(x: int, highest: int) -> int:
    """The whole part of x (not necessarily in the range of I32F32), rounded toward minus infinity, clamped to 0..highest."""
    return clamp(x >> 32, 0, highest)


def ratio16(v: int) -> int:
    """A stored u16 as a proportion; 65535 is exactly ONE."""
    return (v << 32) // U16_MAX


def to_u16(x: int) -> int:
    """A proportion as it is stored: u16, rounded toward minus infinity."""
    return fixed_to_unsigned(mul(x, U16_MAX << 32), U16_MAX)


def exp_safe(x: int) -> int:
    """e^x by the chain's series, for x clamped to -20..20; at 0 the series is ONE by itself."""
    x = clamp(x, -EXP_LIMIT, EXP_LIMIT)
    if x == ONE:
        return EXP_OF_ONE
    a = abs(x)
    total, term = ONE + a, a
    for i in range(2, EXP_LAST_TERM + 1):
        term = ((term * a) >> 32) // i
        total += term
    return (1 << 64) // total if x < 0 else total


def exp_or_zero(x: int) -> int:
    """e^x by the same series for any x, and 0 where it overflows: profiles 320 and earlier."""
    if x == ONE:
        return EXP_OF_ONE
    a = abs(x)
    total, term = ONE + a, a
    for i in range(2, EXP_LAST_TERM + 1):
        term = (term * a) >> 32
        if term > I32F32_MAX:
            return 0
        term //= i
        total += term
        if total > I32F32_MAX:
            return 0
    return (1 << 64) // total if x < 0 else total


def ln(x: int) -> int:
    """The natural logarithm by the chain's series of squares, 0 for x <= 0: profiles 257 and earlier."""
    if x <= 0:
        return 0
    below_one = x < ONE
    if below_one:
        x = (1 << 64) // x
    doublings = 0
    while x >= 2 * ONE:
        doublings, x = doublings + 1, _half(x)
    if x == ONE:
        log2 = doublings << 32
    else:
        log2 = doublings
        for _ in range(32):
            x, log2 = (x * x) >> 32, log2 << 1
            if x >= 2 * ONE:
                log2, x = log2 + 1, _half(x)
    return truncated((-log2 if below_one else log2) << 32, LOG2_OF_E)


def _half(x: int) -> int:
    return (x >> 1) + (x & 1)  # rounded up


def normalize(values: list[int]) -> list[int]:
    """Each value divided by their sum where that is not 0."""
    total = sum(values)
    return [div(v, total) for v in values] if total != 0 else values


# -- 3. Stake, activity, permits ------------------------------------------------------------------------------------------


def activity(last_update: list[int], activity_cutoff: int, current_block: int) -> list[bool]:
    """`active`: who set weights not longer than activity_cutoff blocks ago (3.1). All u64, blocks."""
    return [min(block + activity_cutoff, U64_MAX) >= current_block for block in last_update]


def filter_stake(total_stake: list[int], stake_threshold: int, owner: int | None) -> list[int]:
    """`filtered`: the stake that counts (3.2).

    Args:
        total_stake: I64F64, rao, none negative.
        stake_threshold: u64, whole rao; less is nothing, except the owner's.
    """
    return [0 if t >> 64 < stake_threshold and i != owner else t for i, t in enumerate(total_stake)]


def normalize_stake(filtered: list[int]) -> list[int]:
    """`stake`: I64F64 amounts as parts of their sum (3.3)."""
    total = sum(filtered)
    return [i64f64_to_i32f32(div64(f, total)) for f in filtered]


def permit(validator_permit: list[bool], owner: int | None) -> list[bool]:
    """`permit`: who may set weights in this epoch; the owner always may (3.4)."""
    return [held or i == owner for i, held in enumerate(validator_permit)]


def top_k(stake: list[int], k: int, stakeless: bool = False) -> list[bool]:
    """The uids that are among the k of most stake; of equals the higher uid comes first (3.5).

    Args:
        stakeless: whether uids without stake may be among them, as in profiles 257 and earlier.
    """
    chosen = [s != 0 or stakeless for s in stake]
    ascending = sorted(range(len(stake)), key=stake.__getitem__)  # stable, as the law wants it
    for i in ascending[: max(0, len(stake) - k)]:
        chosen[i] = False
    return chosen


def new_permit(stake: list[int], max_allowed_validators: int, owner: int | None, stakeless: bool = False) -> list[bool]:
    """`new_permit`: who may set weights in the next epoch (3.5)."""
    return permit(top_k(stake, max_allowed_validators, stakeless), owner)


def active_stake(stake: list[int], active: list[bool], permit: list[bool]) -> list[int]:
    """`active_stake`: stake as parts of that of the active validators, 0 for everybody else (3.6)."""
    return normalize([s if a and p else 0 for s, a, p in zip(stake, active, permit, strict=True)])


# -- 4. Weights -----------------------------------------------------------------------------------------------------------


def upscale_to_u16(values: list[int]) -> list[int]:
    """A row of weights, u16, as the chain stores it when it is set: scaled so that the largest value is 65535."""
    largest = max(values, default=0)
    if largest == 0:
        return [0] * len(values)
    # the chain chooses the order of the two operations by whether the product could leave I32F32
    if largest > 32768:
        factor = div(U16_MAX << 32, largest << 32)
        scaled = [mul(v << 32, factor) for v in values]
    else:
        scaled = [div(mul(v << 32, U16_MAX << 32), largest << 32) for v in values]
    return [fixed_to_unsigned(x + HALF, U16_MAX) for x in scaled]


def mask_weights(
    weights: Rows,
    permit: list[bool],
    owner: int | None,
    last_update: list[int],
    block_at_registration: list[int],
    commit_block: list[int],
) -> Rows:
    """The stored weights, u16, that count, as I32F32: of a permitted uid, on others, set after they registered.

    Args:
        last_update, block_at_registration: u64, blocks.
        commit_block: u64, blocks; 2^64 - 1 where there is no live commit, and everywhere without commit_reveal.

    Returns:
        Whole numbers from 0 to 65535.
    """

    def counts(i: int, j: int) -> bool:
        registered = block_at_registration[j]
        return (i != j or i == owner) and last_update[i] > registered and commit_block[i] >= registered

    return [
        [(j, v << 32) for j, v in row if counts(i, j)] if permitted else []
        for i, (row, permitted) in enumerate(zip(weights, permit, strict=True))
    ]


def normalize_rows(rows: Rows) -> Rows:
    """`weights`: each row divided by its sum where that is positive; the order stays."""
    return [_normalize_row(row) for row in rows]


def _normalize_row(row: Row) -> Row:
    total = sum(v for _, v in row)
    return [(j, div(v, total)) for j, v in row] if total > 0 else row


# -- 5. Consensus: the stake-weighted median ------------------------------------------------------------------------------


def consensus(active_stake: list[int], weights: Rows, kappa: int) -> list[int]:
    """`consensus`: by column, the median of the weights by stake; at kappa, a proportion, instead of a half.

    active_stake is normalized a second time here: the rounding of both times shows in the total.
    """
    validators = [i for i, s in enumerate(active_stake) if s > 0]
    if not validators:
        return [0] * len(weights)
    stakes = normalize([active_stake[i] for i in validators])
    total = sum(stakes)
    columns: list[list[tuple[int, int]]] = [[] for _ in weights]
    for i, s in zip(validators, stakes, strict=True):
        for j, w in weights[i]:
            columns[j].append((s, w))
    medians = []
    for column in columns:
        if len(column) < len(validators):  # the absent ones score 0: together they count as one
            column.append((total - sum(s for s, _ in column), 0))
        medians.append(stake_weighted_median([s for s, _ in column], [w for _, w in column], kappa))
    return medians


def stake_weighted_median(stakes: list[int], scores: list[int], kappa: int) -> int:
    """The smallest score p with Σ{stake : score <= p} > Σ stake - kappa; the largest where no score has that.

    Args:
        stakes: one per validator, none negative, at least one of them.
        kappa: a proportion, on the scale of the stakes; the difference may be negative, and then the smallest score is it.
    """
    minority = sum(stakes) - kappa
    ascending = sorted(zip(scores, stakes, strict=True))
    sums = accumulate(stake for _, stake in ascending)
    # within equal scores the sum of the last one decides, but whichever passes first holds the same score
    passing = (score for (score, _), below in zip(ascending, sums, strict=True) if below > minority)
    return next(passing, ascending[-1][0])


# -- 6. Clip, validator trust, incentive ----------------------------------------------------------------------------------


def clip(weights: Rows, consensus: list[int]) -> Rows:
    """`clipped`: no weight above the consensus; an entry above a consensus of 0 goes, an entry of 0 stays."""
    return [[(j, min(w, consensus[j])) for j, w in row if w == 0 or consensus[j] != 0] for row in weights]


def validator_trust(clipped: Rows) -> list[int]:
    """`validator_trust`: by validator, how much of its row is left."""
    return [sum(c for _, c in row) for row in clipped]


def rank(active_stake: list[int], clipped: Rows) -> list[int]:
    """`rank`: by uid, the stake-weighted sum of what it was given."""
    ranks = [0] * len(clipped)
    for s, row in zip(active_stake, clipped, strict=True):
        for j, c in row:
            ranks[j] += mul(s, c)
    return ranks


def incentive(rank: list[int]) -> list[int]:
    """`incentive`: ranks as parts of their sum."""
    return normalize(rank)


# -- 7. Bonds and dividends -----------------------------------------------------------------------------------------------


def weights_for_bonds(weights: Rows, clipped: Rows, beta: int) -> Rows:
    """`weights_for_bonds`: weights clipped as far as the proportion beta, the bonds_penalty, says.

    At 0 and at ONE the rows are handed on in stored order; between them they become ascending.
    """
    if beta == 0:
        return weights
    if beta == ONE:
        return clipped
    pairs = zip(weights, clipped, strict=True)
    return [_positive((j, w + mul(beta, c - w)) for j, w, c in _merged(*pair)) for pair in pairs]


def _merged(a: Row, b: Row) -> Iterator[tuple[int, int, int]]:
    """(uid, value in a, value in b) in ascending uids, absent values as 0."""
    in_a, in_b = dict(a), dict(b)
    return ((j, in_a.get(j, 0), in_b.get(j, 0)) for j in sorted(in_a.keys() | in_b.keys()))


def _positive(row: Iterable[tuple[int, int]]) -> Row:
    return [(j, v) for j, v in row if v > 0]


def bonds_cutoff(current_block: int, tempo: int, last_step: int, last_yuma_step: int | None) -> int:
    """`cutoff`: bonds with a uid that registered in this block or later are outdated. All u64, blocks.

    Args:
        last_step: the block of the last epoch, 0 where it is not known.
        last_yuma_step: of the last epoch that was one of Yuma, which counts where it is set (section 9).
    """
    if last_yuma_step is not None:
        return min(last_yuma_step + 1, U64_MAX)
    return max(current_block - tempo, 0) if last_step == 0 else min(last_step + 1, U64_MAX)


def mask_bonds(bonds: Rows, block_at_registration: list[int], cutoff: int) -> Rows:
    """The bonds, in any unit, that are not outdated."""
    return [[(j, v) for j, v in row if cutoff > block_at_registration[j]] for row in bonds]


def mask_bonds_by_update(bonds: Rows, last_update: list[int], block_at_registration: list[int]) -> Rows:
    """The bonds that are not outdated in profiles 252 and earlier, by the rule that weights have."""
    rows = zip(bonds, last_update, strict=True)
    return [[(j, v) for j, v in row if updated > block_at_registration[j]] for row, updated in rows]


def bonds_moving_average(millionths: int) -> int:
    """`alpha`: the part of a bond that is new, from the part that is kept (u64, millionths, at most 1,000,000)."""
    return ONE - i64f64_to_i32f32(div64(millionths << 64, 1_000_000 << 64))


def old_bonds_yuma2(bonds: Rows) -> Rows:
    """B of Yuma 2: stored bonds, u16, as parts of their column."""
    return column_normalize([[(j, v << 32) for j, v in row] for row in bonds])


def old_bonds_yuma3(bonds: Rows) -> Rows:
    """B of Yuma 3: stored bonds, u16, each a proportion of its own."""
    return [[(j, ratio16(v)) for j, v in row] for row in bonds]


def new_bonds_yuma2(weights_for_bonds: Rows, active_stake: list[int]) -> Rows:
    """D of Yuma 2: staked weights as parts of their column. (That of Yuma 3 is weights_for_bonds.)"""
    staked = [[(j, mul(w, s)) for j, w in row] for row, s in zip(weights_for_bonds, active_stake, strict=True)]
    return column_normalize(staked)


def column_normalize(rows: Rows) -> Rows:
    """Each entry divided by the sum of its column where that is not 0."""
    return _divide_columns(rows, operator.add)


def column_max_upscale(rows: Rows) -> Rows:
    """Each entry divided by the largest of its column where that is not 0: normalized bonds as Yuma 2 stores them."""
    return _divide_columns(rows, max)


def _divide_columns(rows: Rows, fold: Callable[[int, int], int]) -> Rows:
    divisors = [0] * len(rows)
    for row in rows:
        for j, v in row:
            divisors[j] = fold(divisors[j], v)
    return [[(j, div(v, divisors[j]) if divisors[j] != 0 else v) for j, v in row] for row in rows]


def ema(new: Rows, old: Rows, alpha: int) -> Rows:
    """`ema`: alpha parts of the new bonds and ONE - alpha of the old; ascending, without zeros."""
    pairs = zip(new, old, strict=True)
    return [_positive((j, mul(alpha, d) + mul(ONE - alpha, b)) for j, d, b in _merged(*pair)) for pair in pairs]


def ema_by_column(new: Rows, old: Rows, alphas: list[int]) -> Rows:
    """`ema` with an alpha for each column: liquid alpha of profiles 257 and earlier."""
    pairs = zip(new, old, strict=True)
    return [_positive((j, mul(alphas[j], d) + mul(ONE - alphas[j], b)) for j, d, b in _merged(*pair)) for pair in pairs]


def quantile(values: list[int], k: int) -> int:
    """The k-th quartile of the values, interpolated between the two next to it."""
    ascending = sorted(values)
    q, f = divmod(k * (len(values) - 1), 4)
    return ascending[q] if f == 0 else ascending[q] + (((ascending[q + 1] - ascending[q]) * f) >> 2)


def column_alphas(consensus: list[int], low: int, high: int) -> list[int] | None:
    """The alphas A by column of liquid alpha up to profile 257, or None where it does not run.

    They are those of a sigmoid through `low` at the first quartile of consensus and `high` at the third.
    """
    lo, hi = quantile(consensus, 1), quantile(consensus, 3)
    if not any(consensus) or hi == 0:
        return None
    a = b = 0
    if not (hi <= lo or low == 0 or high == 0):
        a = div(sub(odds(high), odds(low)), lo - hi)
        b = add(odds(low), mul(a, lo))
    sigmoids = (div(ONE, add(ONE, exp_or_zero(sub(b, mul(a, c))))) for c in consensus)
    return [max(min(sigmoid, high), low) for sigmoid in sigmoids]


def odds(x: int) -> int:
    """ln(1/x - 1)."""
    return ln(sub(div(ONE, x), ONE))


def liquid_alpha(
    consensus: int, weight: int, bond: int, low: int, high: int, steepness: int, exponential: Exponential = exp_safe
) -> int:
    """`alpha` of one bond: how fast it moves, by how far its weight is above the consensus or has fallen below the bond.

    Args:
        consensus: of the column.
        weight, bond: as the merge walk sees them.
        low, high: proportions; low may be above high, and then the result is low.
        steepness: I32F32, in hundredths.
        exponential: `exp_safe`, or `exp_or_zero` in profiles 320 and earlier.
    """
    distance = clamp(sub(weight, consensus) if weight >= bond else sub(bond, weight), 0, ONE)
    exponent = mul(sdiv(steepness, -100 << 32), distance - HALF)
    sigmoid = sdiv(ONE, add(ONE, exponential(exponent)))
    return max(min(low + mul(sigmoid, high - low), high), low)


def uses_previous(mode: str, bonds_penalty: int) -> bool:
    """`use_previous`: whether liquid alpha measures against the previous consensus (section 9); bonds_penalty is a u16."""
    return mode == "previous" or (mode == "auto" and bonds_penalty == U16_MAX)


def selected_consensus(consensus: list[int], previous_consensus: list[int], mode: str, bonds_penalty: int) -> list[int]:
    """The *selected* consensus S that liquid alpha measures against (section 9).

    Args:
        previous_consensus: u16, as stored, of any length; the current consensus stands in for an empty list.
        mode: current, previous or auto.
        bonds_penalty: u16.
    """
    if not uses_previous(mode, bonds_penalty) or not previous_consensus:
        return consensus
    stored = dict(enumerate(previous_consensus))
    return [ratio16(stored.get(j, 0)) for j in range(len(consensus))]


def liquid_ema(
    new: Rows,
    old: Rows,
    consensus: list[int],
    low: int,
    high: int,
    steepness: int,
    exponential: Exponential = exp_safe,
) -> Rows:
    """`ema` with an alpha for each bond; only the columns of `new` stay, in its order, without zeros.

    Args:
        new: `weights_for_bonds`.
        old: the bonds B, outdated ones out.
        consensus: the one that alpha looks at.
        low, high, steepness, exponential: as `liquid_alpha` takes them.
    """

    def averaged(new_row: Row, old_row: Row) -> Iterator[tuple[int, int]]:
        bonds = dict(old_row)
        seen_weights, seen_bonds = merge_walk(new_row), merge_walk(old_row)
        for j, w in new_row:
            b = bonds.get(j, 0)
            seen = seen_weights.get(j, 0), seen_bonds.get(j, 0)
            a = liquid_alpha(consensus[j], *seen, low, high, steepness, exponential)
            yield j, min(ONE, add(mul(ONE - a, b), max(0, mul(a, w))))

    return [_positive(averaged(*pair)) for pair in zip(new, old, strict=True)]


def merge_walk(row: Row) -> dict[int, int]:
    """What the chain's merge walk sees of a row, by uid: the entries whose uid is larger than every uid before them."""
    entries: dict[int, int] = {}
    last = -1
    for j, v in row:
        if j > last:
            entries[j] = v
            last = j
    return entries


def dividends_yuma2(incentive: list[int], normalized_bonds: Rows) -> list[int]:
    """`dividends` of Yuma 2: by validator, what its parts of the bonds bring, as part of what all bring."""
    return normalize(_brought(incentive, normalized_bonds))


def dividends_yuma3(incentive: list[int], normalized_bonds: Rows, active_stake: list[int]) -> list[int]:
    """`dividends` of Yuma 3, whose bonds have no stake in them: it comes in here."""
    brought = _brought(incentive, normalized_bonds)
    return normalize([cmul(t, s) for t, s in zip(brought, active_stake, strict=True)])


def _brought(incentive: list[int], normalized_bonds: Rows) -> list[int]:
    """By validator, what its parts of the bonds bring."""
    return [sum(mul(incentive[j], b) for j, b in row) for row in normalized_bonds]


# -- 8. Emission and storage ----------------------------------------------------------------------------------------------


class Shares(NamedTuple):
    """By uid, the parts of the emission: as a server, as a validator, and altogether."""

    server: list[int]
    validator: list[int]
    combined: list[int]


def emission_shares(incentive: list[int], dividends: list[int], active_stake: list[int], stake: list[int]) -> Shares:
    """The parts of the emission; where nobody earned anything, validators have theirs by stake."""
    combined = [i + d for i, d in zip(incentive, dividends, strict=True)]
    total = sum(combined)
    if total != 0:
        return Shares(*([div(x, total) for x in part] for part in (incentive, dividends, combined)))
    by_stake = active_stake if sum(active_stake) != 0 else stake
    return Shares(incentive, by_stake, by_stake)


def emit(share: int, emission: int) -> int:
    """A share of the emission: u64, rao, rounded down."""
    return fixed_to_unsigned(share * emission, U64_MAX)


def keep_unpermitted(stored: Rows, before: Rows, new_permit: list[bool], validator_permit: list[bool]) -> Rows:
    """`stored`, with the rows of `before` for who had no permit and gets none: profiles 297 and earlier."""
    permits = zip(stored, before, new_permit, validator_permit, strict=True)
    return [row if will or had else old for row, old, will, had in permits]


def store_bonds(bonds: Rows, new_permit: list[bool]) -> Rows:
    """The bonds of the next epoch, u16, zeros included: of those who will be permitted."""
    return [[(j, to_u16(b)) for j, b in row] if permitted else [] for row, permitted in zip(bonds, new_permit, strict=True)]


# -- The epoch ------------------------------------------------------------------------------------------------------------


def epoch(state: SubnetState, hyperparameters: Hyperparameters, emission: int, trace: bool) -> EpochResult:
    """The whole epoch, sections 3 to 8.

    Args:
        state, hyperparameters: validated at construction.
        emission: u64, rao.
        trace: whether the result also holds the raw bits between the stages.
    """
    h = hyperparameters
    rules = h.rules
    yuma3 = h.yuma3 and rules.yuma3
    owner = state.owner_uid if rules.owner_permit else None
    last_update: list[int] = state.last_update.tolist()
    block_at_registration: list[int] = state.block_at_registration.tolist()
    total_stake = [low | high << 64 for low, high in state.total_stake.tolist()]

    active = activity(last_update, h.activity_cutoff, state.current_block)
    stakes = normalize_stake(filter_stake(total_stake, h.stake_threshold if rules.stake_threshold else 0, owner))
    permits = permit(state.validator_permit.tolist(), owner)
    new_permits = new_permit(stakes, h.max_allowed_validators, owner, rules.stakeless_permits)
    active_stakes = active_stake(stakes, active, permits)

    commit_block = _commit_block(state, h.commit_reveal and rules.commit_mask)
    on_itself = state.owner_uid if rules.owner_diagonal else None
    masked = mask_weights(state.weights.to_rows(), permits, on_itself, last_update, block_at_registration, commit_block)
    weights = normalize_rows(masked)

    medians = consensus(active_stakes, weights, ratio16(h.kappa))
    clipped = clip(weights, medians)
    trusts = validator_trust(clipped)
    ranks = rank(active_stakes, clipped)
    incentives = incentive(ranks)

    bond_weights = weights_for_bonds(weights, clipped, ratio16(h.bonds_penalty))
    bonds = state.bonds.to_rows()
    if rules.bonds_cutoff == "last_update":
        kept_bonds = mask_bonds_by_update(bonds, last_update, block_at_registration)
    else:
        kept_bonds = mask_bonds(bonds, block_at_registration, _cutoff(state, h))
    if yuma3:
        selected = _selected_consensus(medians, state, h) if rules.liquid_alpha == "selected" else medians
        ema_bonds = _ema_bonds_yuma3(bond_weights, old_bonds_yuma3(kept_bonds), selected, h)
        normalized_bonds = column_normalize(ema_bonds)
        dividends = dividends_yuma3(incentives, normalized_bonds, active_stakes)
        new_bonds = ema_bonds
    else:
        ema_bonds = _ema_bonds_yuma2(new_bonds_yuma2(bond_weights, active_stakes), old_bonds_yuma2(kept_bonds), medians, h)
        normalized_bonds = column_normalize(ema_bonds)
        dividends = dividends_yuma2(incentives, normalized_bonds)
        new_bonds = column_max_upscale(normalized_bonds)

    stored_bonds = store_bonds(new_bonds, new_permits)
    if rules.unpermitted_bonds == "kept":
        stored_bonds = keep_unpermitted(stored_bonds, bonds, new_permits, state.validator_permit.tolist())

    shares = emission_shares(incentives, dividends, active_stakes, stakes)

    traced: dict[str, I64Array | SparseRows] | None = None
    if trace:
        traced = {
            "stake": _bits(stakes),
            "active_stake": _bits(active_stakes),
            "weights": SparseRows._trusted_lists(weights, np.int64),
            "consensus": _bits(medians),
            "clipped": SparseRows._trusted_lists(clipped, np.int64),
            "validator_trust": _bits(trusts),
            "rank": _bits(ranks),
            "incentive": _bits(incentives),
            "weights_for_bonds": SparseRows._trusted_lists(bond_weights, np.int64),
            "ema_bonds": SparseRows._trusted_lists(ema_bonds, np.int64),
            "normalized_bonds": SparseRows._trusted_lists(normalized_bonds, np.int64),
            "dividends": _bits(dividends),
        }
    return EpochResult(
        active=np.array(active, np.bool_),
        stake_weight=_proportions(stakes),
        validator_permit=np.array(new_permits, np.bool_),
        consensus=_proportions(medians),
        validator_trust=_proportions(trusts),
        incentive=_proportions(incentives),
        bonds=SparseRows._trusted_lists(stored_bonds, np.uint16),
        dividends=_proportions(dividends),
        server_emission=_rao(shares.server, emission),
        validator_emission=_rao(shares.validator, emission),
        emission=_rao(shares.combined, emission),
        trace=traced,
    )


def _commit_block(state: SubnetState, commit_reveal: bool) -> list[int]:
    if not commit_reveal or state.commit_block is None:
        return [U64_MAX] * state.n
    blocks: list[int] = state.commit_block.tolist()
    return blocks


def _cutoff(state: SubnetState, h: Hyperparameters) -> int:
    """`cutoff` of section 7, of the step that the profile looks at; a last step of 0 is none."""
    rule = h.rules.bonds_cutoff
    last_step = 0 if rule == "tempo" else state.last_mechanism_step_block
    last_yuma_step = state.last_yuma_step_block if rule == "yuma_step" else None
    return bonds_cutoff(state.current_block, h.tempo, last_step, last_yuma_step)


def _selected_consensus(consensus: list[int], state: SubnetState, h: Hyperparameters) -> list[int]:
    # not known only where it is not read
    previous = [] if state.previous_consensus is None else state.previous_consensus.tolist()
    return selected_consensus(consensus, previous, h.liquid_alpha_consensus_mode, h.bonds_penalty)


def _ema_bonds_yuma2(new: Rows, old: Rows, consensus: list[int], h: Hyperparameters) -> Rows:
    """E of Yuma 2, which has liquid alpha in profiles 257 and earlier alone."""
    if h.liquid_alpha and h.rules.liquid_alpha == "column":
        alphas = column_alphas(consensus, ratio16(h.alpha_low), ratio16(h.alpha_high))
        if alphas is not None:
            return ema_by_column(new, old, alphas)
    return ema(new, old, bonds_moving_average(h.bonds_moving_average))


def _ema_bonds_yuma3(new: Rows, old: Rows, consensus: list[int], h: Hyperparameters) -> Rows:
    """E of Yuma 3. The consensus that liquid alpha measures against also decides whether it runs."""
    if h.liquid_alpha and any(consensus):
        low, high = ratio16(h.alpha_low), ratio16(h.alpha_high)
        steepness = h.alpha_sigmoid_steepness * (100 if h.rules.steepness == "ones" else 1) << 32
        exponential = exp_or_zero if h.rules.exponential == "zero" else exp_safe
        return liquid_ema(new, old, consensus, low, high, steepness, exponential)
    return ema(new, old, bonds_moving_average(h.bonds_moving_average))


def _bits(values: list[int]) -> I64Array:
    return np.array(values, np.int64)


def _proportions(values: list[int]) -> U16Array:
    return np.array([to_u16(v) for v in values], np.uint16)


def _rao(shares: list[int], emission: int) -> U64Array:
    return np.array([emit(share, emission) for share in shares], np.uint64)
