"""Pictures by what is drawn: the artists and their data, which are the numbers of the epoch."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import yuma_kernel as yk
from yuma_kernel.comparison import MEASURES, PAID

pytest.importorskip("matplotlib")
from matplotlib.axes import Axes
from matplotlib.figure import Figure

ONE = 1 << 32
STATE = yk.SubnetState(
    weights=yk.SparseRows.from_rows([[(3, 3), (4, 1), (0, 5)], [(3, 1), (4, 3)], [(4, 1)], [], [], []]),
    bonds=yk.SparseRows.from_rows([[(3, 9), (4, 60000)], [(4, 900)], [], [], [], []]),
    total_stake=yk.stake_from_rao([600, 400, 100, 0, 0, 0]),
    last_update=[90] * 6,
    block_at_registration=[0] * 6,
    validator_permit=[True, True, True, False, False, False],
    current_block=100,
    last_mechanism_step_block=50,
)
RULES = yk.Hyperparameters(bonds_moving_average=500_000)
EMISSION = 10**9


@pytest.fixture
def ax() -> Axes:
    return Figure().subplots()


def legend(ax: Axes) -> list[str]:
    found = ax.get_legend()
    return [] if found is None else [text.get_text() for text in found.get_texts()]


def ticks(axis: Any) -> list[str]:
    return [label.get_text() for label in axis.get_ticklabels()]


def test_weights(ax: Axes) -> None:
    account = yk.explain(STATE, RULES, 1, emission=EMISSION)
    assert yk.plots.weights(account, ax) is ax
    kept, cut = ax.containers
    weights = account.validator.weights
    assert [bar.get_height() * ONE for bar in kept] == [w.clipped for w in weights]
    assert [bar.get_height() * ONE for bar in cut] == [w.cut for w in weights]
    assert [bar.get_y() * ONE for bar in cut] == [w.clipped for w in weights]  # on top of what is kept
    assert any(w.cut for w in weights)
    offsets: Any = ax.collections[0].get_offsets()
    assert (np.asarray(offsets)[:, 1] * ONE).tolist() == [w.consensus for w in weights]
    assert ticks(ax.xaxis) == ["3", "4"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("uid", "weight (proportion of the row)")
    assert sorted(legend(ax)) == ["clipped", "consensus", "counts"]
    assert ax.get_title() == f"uid 1: 2 weights; trust {account.validator.validator_trust / ONE:.4f}"


def test_weights_that_do_not_count_are_counted(ax: Axes) -> None:
    yk.plots.weights(yk.explain(STATE, RULES, 0), ax)
    assert ticks(ax.xaxis) == ["3", "4"]  # not itself
    assert "2 weights, 1 more do not count" in ax.get_title()


def test_the_largest_weights(ax: Axes) -> None:
    yk.plots.weights(yk.explain(STATE, RULES, 1), ax, most=1)
    assert ticks(ax.xaxis) == ["4"]
    assert "the largest 1 of 2 weights" in ax.get_title()


def test_no_weights(ax: Axes) -> None:
    yk.plots.weights(yk.explain(STATE, RULES, 3), ax)
    assert "uid 3: 0 weights" in ax.get_title()


@pytest.mark.parametrize("kind", ["result", "state", "rows"])
def test_bonds(kind: str, ax: Axes) -> None:
    result = yk.epoch(STATE, RULES, emission=EMISSION)
    sources: dict[str, tuple[Any, yk.SparseRows]] = {
        "result": (result, result.bonds),
        "state": (STATE, STATE.bonds),
        "rows": (STATE.bonds, STATE.bonds),
    }
    source, rows = sources[kind]
    assert yk.plots.bonds(source, ax) is ax
    (image,) = ax.images
    dense = rows.to_dense()
    validators, miners = np.flatnonzero(dense.any(1)), np.flatnonzero(dense.any(0))
    array: Any = image.get_array()
    assert np.rint(np.asarray(array) * 65535).astype(int).tolist() == dense[np.ix_(validators, miners)].tolist()
    assert ticks(ax.xaxis) == [str(uid) for uid in miners]
    assert ticks(ax.yaxis) == [str(uid) for uid in validators]
    assert image.get_clim() == (0, dense.max() / 65535)
    bar = image.colorbar
    assert bar is not None
    assert bar.ax.get_ylabel() == "bond (proportion, 1 for 65535 as stored)"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("miner (uid)", "validator (uid)")


def test_no_bonds(ax: Axes) -> None:
    yk.plots.bonds(yk.SparseRows.empty(3), ax)
    assert (ax.get_title(), len(ax.images)) == ("no bonds", 0)


def test_of_many_uids_so_many_names_as_can_be_read(ax: Axes) -> None:
    """And each in its place."""
    rows = [[(j, 1) for j in range(100, 200)] if i < 50 else [] for i in range(200)]
    yk.plots.bonds(yk.SparseRows.from_rows(rows), ax)
    names = ticks(ax.xaxis)
    assert 8 <= len(names) <= 16
    assert [int(name) - 100 for name in names] == ax.get_xticks().tolist()


@pytest.mark.parametrize(
    ("output", "scale", "unit"),
    [("incentive", 65535, "proportion"), ("dividends", 65535, "proportion"), ("emission", 10**9, "alpha an epoch")],
)
def test_over_epochs(output: str, scale: int, unit: str, ax: Axes) -> None:
    run = yk.simulate(STATE, RULES, epochs=4, steps="tempo", emission=EMISSION)
    assert yk.plots.over_epochs(run, output, ax, uids=[4, 0]) is ax
    assert legend(ax) == ["uid 4", "uid 0"]
    for line, uid in zip(ax.lines, (4, 0), strict=True):
        x, y = (np.asarray(data) for data in line.get_data())
        assert x.tolist() == run.blocks.tolist()
        assert y.tolist() == (getattr(run, output)[:, uid] / scale).tolist()
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("block", f"{output} ({unit})")


def test_over_epochs_without_uids(ax: Axes) -> None:
    """Those that have most in the end, and nobody who has nothing; by epoch where blocks stand still."""
    run = yk.simulate(STATE, RULES, epochs=3, emission=EMISSION)
    yk.plots.over_epochs(run, ax=ax)
    order = np.argsort(-run.incentive[-1].astype(int), kind="stable")
    assert legend(ax) == [f"uid {uid}" for uid in order if run.incentive[-1][uid]]
    assert ax.get_xlabel() == "epoch"
    assert np.asarray(ax.lines[0].get_xdata()).tolist() == [0, 1, 2]
    second = Figure().subplots()
    yk.plots.over_epochs(run, ax=second, most=1)
    assert legend(second) == [f"uid {order[0]}"]


@pytest.mark.parametrize("measure", MEASURES)
def test_waterfall(measure: str, ax: Axes) -> None:
    rows = yk.SparseRows.from_rows([[(3, 1), (4, 9)], [(3, 2), (4, 1)], [(3, 1)], [], [], []])
    after = yk.Snapshot(replace(STATE, weights=rows), replace(RULES, kappa=20000), 2 * EMISSION)
    change = yk.compare(yk.Snapshot(STATE, RULES, EMISSION), after).of(3 if "incentive" in measure else 0, measure)
    assert yk.plots.waterfall(change, ax) is ax
    scale = 10**9 if measure in PAID else ONE
    *steps, whole = [bar for container in ax.containers for bar in container]
    widths = [round(bar.get_width() * scale) for bar in steps]
    assert widths == [*(part.alone for part in change.groups), change.interaction]
    assert [round(bar.get_x() * scale) for bar in steps] == [sum(widths[:k]) for k in range(len(widths))]
    assert round(whole.get_width() * scale) == sum(widths) == change.change
    names = [text.partition("\n")[0] for text in ticks(ax.yaxis)]
    assert names == [*(part.kind for part in change.groups), "together", "change"]
    unit = "alpha" if measure in PAID else "proportion"
    assert ax.get_xlabel() == f"change of {measure.replace('_', ' ')} ({unit})"
    low, high = ax.get_ylim()
    assert low > high  # the first on top


def test_new_axes() -> None:
    import matplotlib.pyplot as plt

    plt.switch_backend("agg")
    made = yk.plots.bonds(STATE)
    assert isinstance(made, Axes)
    plt.close("all")


def test_errors(ax: Axes) -> None:
    run: Any = yk.simulate(STATE, RULES, epochs=1)
    wrong: Any = STATE
    for call, field in (
        (lambda: yk.plots.weights(wrong, ax), "account"),
        (lambda: yk.plots.bonds(run, ax), "source"),
        (lambda: yk.plots.over_epochs(wrong, ax=ax), "run"),
        (lambda: yk.plots.over_epochs(run, "bonds", ax), "output"),
        (lambda: yk.plots.over_epochs(run, "incentive", ax, uids=[6]), "uids"),
        (lambda: yk.plots.waterfall(wrong, ax), "change"),
        (lambda: yk.plots.weights(yk.explain(STATE, RULES, 0), ax, most=0), "most"),
    ):
        with pytest.raises(yk.InputError) as caught:
            call()  # type: ignore[no-untyped-call]
        assert caught.value.field == field


def test_without_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the extra; on axes that one has, nothing more is needed."""
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"this needs matplotlib: pip install 'yuma-kernel\[plots\]'"):
        yk.plots.bonds(STATE)
