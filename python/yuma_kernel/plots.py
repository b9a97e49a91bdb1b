"""Pictures of what the kernel's results say, with matplotlib: the extra `yuma-kernel[plots]`.

Each function draws on the axes `ax`, or on those of a new figure, and returns them. What is drawn are the epoch's own
numbers, as proportions from 0 to 1 or in alpha.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, TypeVar

import numpy as np

from yuma_kernel.arrays import U16_MAX, AnyArray, integer
from yuma_kernel.comparison import PAID, Breakdown
from yuma_kernel.errors import InputError, shown
from yuma_kernel.explanation import Explanation
from yuma_kernel.extras import COLORS, axes
from yuma_kernel.results import OUTPUT_TABLE, STACKED, EpochResult
from yuma_kernel.rows import SparseRows
from yuma_kernel.simulation import Simulation
from yuma_kernel.tables import alpha, proportion
from yuma_kernel.types import SubnetState

__all__ = ["bonds", "over_epochs", "waterfall", "weights"]

ONE: Final = 1 << 32
RAO: Final = 10**9
TICKS: Final = 16
KEPT, CUT, MORE, *_ = COLORS
LESS, WHOLE = CUT, "#777777"

_T = TypeVar("_T")


def _expected(name: str, value: object, kind: type[_T] | tuple[type[Any], ...]) -> Any:
    kinds = kind if isinstance(kind, tuple) else (kind,)
    if not isinstance(value, kinds):
        raise InputError(name, f"expected {' or '.join(k.__name__ for k in kinds)}, got {type(value).__name__}")
    return value


def weights(account: Explanation, ax: Any = None, *, most: int = 40) -> Any:
    """The weights of a validator that count, as `explain` gives them: what is left of each, what the clip at the consensus
    cuts, and the consensus.

    Args:
        most: bars; of more weights the largest, in the order of their uids.
    """
    _expected("account", account, Explanation)
    count = integer("most", most, 1, 1 << 16)
    stored = account.validator.weights
    counting = [weight for weight in stored if weight.out is None]
    drawn = sorted(sorted(counting, key=lambda w: (-w.weight, w.uid))[:count], key=lambda w: w.uid)
    ax = axes(ax)
    places = np.arange(len(drawn))
    left = np.array([weight.clipped / ONE for weight in drawn])
    ax.bar(places, left, color=KEPT, label="counts")
    ax.bar(places, [weight.cut / ONE for weight in drawn], bottom=left, color=CUT, hatch="//", label="clipped")
    agreed = [weight.consensus / ONE for weight in drawn]
    ax.scatter(places, agreed, marker="_", s=60, color="black", zorder=3, label="consensus")
    _uid_ticks(ax.xaxis, [weight.uid for weight in drawn], rotation=90 if len(drawn) > TICKS else 0, every=len(drawn) <= 48)
    ax.set_xlabel("uid")
    ax.set_ylabel("weight (proportion of the row)")
    of = f"the largest {len(drawn)} of {len(counting)} weights" if len(drawn) < len(counting) else f"{len(drawn)} weights"
    out = f", {len(stored) - len(counting)} more do not count" if len(counting) < len(stored) else ""
    trust = account.validator.validator_trust / ONE
    ax.set_title(f"uid {account.uid}: {of}{out}; trust {trust:.4f}")
    ax.legend()
    return ax


def bonds(source: EpochResult | SubnetState | SparseRows, ax: Any = None) -> Any:
    """Bonds as a heat map, validators by miners: those that a result has stored, or a state holds. Of both only the uids
    that have any; where nobody has, an empty picture that says so."""
    held = _expected("source", source, (EpochResult, SubnetState, SparseRows))
    rows: SparseRows = held if isinstance(held, SparseRows) else held.bonds
    dense = rows.to_dense() / U16_MAX
    validators, miners = np.flatnonzero(dense.any(axis=1)), np.flatnonzero(dense.any(axis=0))
    ax = axes(ax)
    ax.set_xlabel("miner (uid)")
    ax.set_ylabel("validator (uid)")
    if not validators.size:
        ax.set_title("no bonds")
        return ax
    image = ax.imshow(
        dense[np.ix_(validators, miners)], aspect="auto", interpolation="nearest", cmap="viridis", vmin=0, origin="upper"
    )
    ax.figure.colorbar(image, ax=ax, label="bond (proportion, 1 for 65535 as stored)")
    _uid_ticks(ax.xaxis, miners.tolist())
    _uid_ticks(ax.yaxis, validators.tolist())
    ax.set_title(f"bonds of {validators.size} validators on {miners.size} miners")
    return ax


def over_epochs(
    run: Simulation, output: str = "incentive", ax: Any = None, *, uids: Iterable[int] | None = None, most: int = 8
) -> Any:
    """An output of a simulation over its kept epochs, a line a uid: by block where blocks advance, else by epoch.

    Args:
        output: one of `OUTPUTS`, all but the bonds.
        uids: whose; None: the `most` that have most of it in the last epoch, and any.
    """
    _expected("run", run, Simulation)
    if output not in STACKED:
        raise InputError("output", f"expected one of {', '.join(STACKED)}, got {shown(output)}")
    values: AnyArray = getattr(run, output)
    n = run.state.n
    if uids is None:
        last = values[-1].astype(np.float64)
        order = np.argsort(-last, kind="stable")[: integer("most", most, 1, 1 << 16)]
        chosen = [uid for uid in order.tolist() if last[uid]]
    else:
        chosen = [integer("uids", uid, 0, n - 1, k) for k, uid in enumerate(uids)]
    kind = str(OUTPUT_TABLE[output].dtype)
    scale, unit = {"uint16": (U16_MAX, "proportion"), "uint64": (RAO, "alpha an epoch"), "bool": (1, "1 as yes")}[kind]
    advance = bool((np.diff(run.blocks.astype(np.int64)) > 0).all()) and len(run) > 1
    ax = axes(ax)
    at = run.blocks if advance else run.epochs
    for uid in chosen:
        ax.plot(at, values[:, uid] / scale, marker="." if len(run) <= 2 * TICKS else "", label=f"uid {uid}")
    ax.set_xlabel("block" if advance else "epoch")
    ax.ticklabel_format(axis="x", style="plain", useOffset=False)
    ax.set_ylabel(f"{output.replace('_', ' ')} ({unit})")
    ax.set_title(f"{output.replace('_', ' ')} over {len(run)} epochs: {len(chosen)} of {n} uids")
    if chosen:
        ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))  # where no line is
    return ax


def waterfall(change: Breakdown, ax: Any = None) -> Any:
    """How the parts of a change add up, as `compare(…).of(uid, measure)` gives them: what each group of inputs does alone,
    what they do together beyond that, and the whole change."""
    _expected("change", change, Breakdown)
    paid = change.measure in PAID
    scale, unit, say = (RAO, "alpha", alpha) if paid else (ONE, "proportion", proportion)
    names = [part.kind.replace("_", " ") + (" (not alone)" if part.alone is None else "") for part in change.groups]
    steps = [part.alone or 0 for part in change.groups]
    names, steps = [*names, "together"], [*steps, change.interaction]
    ax = axes(ax)
    ax.use_sticky_edges = False  # room beside the longest bar
    begin = 0
    for k, step in enumerate(steps):
        ax.barh(k, step / scale, left=begin / scale, color=MORE if step > 0 else LESS)
        begin += step
        ax.plot([begin / scale] * 2, [k - 0.4, k + 1.4], color="black", linewidth=0.8)
    ax.barh(len(steps), change.change / scale, color=WHOLE)
    ax.axvline(0, color="black", linewidth=0.8)
    at = range(len(steps) + 1)
    texts = [f"{'+' * (value > 0)}{say(value)}" for value in [*steps, change.change]]
    ax.set_yticks(list(at), [f"{name}\n{text}" for name, text in zip([*names, "change"], texts, strict=True)])
    ax.invert_yaxis()
    measure = change.measure.replace("_", " ")
    ax.set_xlabel(f"change of {measure} ({unit})")
    ax.set_title(f"{measure} of uid {change.uid}: {say(change.before)} to {say(change.after)} ({unit})")
    return ax


def _uid_ticks(axis: Any, uids: list[int], rotation: int = 0, every: bool = False) -> None:
    """The uids in their places: all of them, or so many as can be read."""
    step = 1 if every else -(-len(uids) // TICKS) or 1
    axis.set_ticks(list(range(0, len(uids), step)), [str(uid) for uid in uids[::step]], rotation=rotation)
