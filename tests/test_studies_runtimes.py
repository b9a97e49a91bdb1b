"""The study of what a runtime's change does, and what every study's result can do."""

from __future__ import annotations

import contextlib
import itertools
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import yuma_kernel as yk
from chain import earlier_cases
from yuma_kernel.studies import Runtimes, Study, runtimes
from yuma_kernel.studies.runtime_changes import MEASURED, under


def test_rows_are_the_differences_and_all_of_them() -> None:
    """Against epochs computed here, one by one."""
    case = next(case for case in earlier_cases(233) if case.state.n > 8)
    state, h = replace(case.state, previous_consensus=np.zeros(0, np.uint16)), case.hyperparameters
    found = runtimes(state, h, emission=10**9)
    newest = sorted(yk.PROFILES, reverse=True)
    rows = list(zip(*(column.tolist() for column in found.table.values()), strict=True))
    expected = []
    for newer, older in itertools.pairwise(newest):
        a, b = (yk.epoch(state, under(h, p), emission=10**9) for p in (older, newer))
        for name in MEASURED:
            for uid, (x, y) in enumerate(zip(getattr(a, name).tolist(), getattr(b, name).tolist(), strict=True)):
                if x != y:
                    expected.append((older, newer, name, uid, int(x), int(y), int(x) - int(y)))
    assert rows == expected
    assert rows
    counted = found.summary()
    assert sum(sum(outputs.values()) for outputs in counted.values()) == len(rows)
    assert list(counted) == [(older, newer) for newer, older in itertools.pairwise(newest)]


@pytest.mark.parametrize(("profile", "steepness"), [(273, 10), (283, 1000), (475, 1000)])
def test_steepness_in_the_unit_of_the_profile(profile: int, steepness: int) -> None:
    h = under(yk.Hyperparameters(), profile)
    assert (h.profile, h.alpha_sigmoid_steepness) == (profile, steepness)
    assert under(h, 475) == yk.Hyperparameters()


@pytest.mark.parametrize("steepness", [1, 1001, -100])
def test_steepness_that_no_unit_holds_is_refused(steepness: int) -> None:
    with pytest.raises(yk.InputError) as caught:
        under(yk.Hyperparameters(alpha_sigmoid_steepness=steepness), 273)
    assert caught.value.field == "alpha_sigmoid_steepness"


@pytest.mark.parametrize("profiles", [[], [475], [475, 475], [475, 426], 475, ["475", 425], [[475]], "all"])
def test_what_cannot_be_compared(profiles: Any) -> None:
    state = next(iter(earlier_cases(401))).state
    with pytest.raises(yk.InputError) as caught:
        runtimes(state, yk.Hyperparameters(), profiles=profiles)
    assert caught.value.field == "profiles"
    for given, field in (((state, None), "hyperparameters"), ((None, yk.Hyperparameters()), "state")):
        with pytest.raises(yk.InputError) as caught:
            runtimes(*given)
        assert caught.value.field == field


@pytest.fixture
def study() -> Runtimes:
    case = next(case for case in earlier_cases(252) if case.state.n > 8)
    return runtimes(replace(case.state, previous_consensus=np.zeros(0, np.uint16)), case.hyperparameters, emission=10**9)


def test_result_saves_and_loads(study: Runtimes, tmp_path: Path) -> None:
    study.save(tmp_path / "a.npz")
    loaded = Runtimes.load(tmp_path / "a.npz")
    assert loaded == study
    assert loaded == pickle.loads(pickle.dumps(study))
    assert loaded.provenance["profiles"] == sorted(yk.PROFILES)
    assert loaded.provenance["yuma_kernel"] == yk.__version__
    with pytest.raises(yk.InputError, match="expected Study of schema 1, got 'Runtimes of schema 1'"):
        Study.load(tmp_path / "a.npz")


@pytest.mark.parametrize("content", [b"", b"PK", b"\x93NUMPY", b"text"])
def test_what_is_no_saved_study(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(yk.InputError):
        Runtimes.load(tmp_path / "a")


def test_result_is_read_only_and_shows_itself(study: Runtimes) -> None:
    with pytest.raises(ValueError, match="read-only"):
        study.table["uid"][0] = 1
    assert repr(study).startswith(f"Runtimes({len(study)} rows: profile, compared_with, output")
    html = study._repr_html_()
    assert html.count("<tr>") == 1 + min(20, len(study))
    assert f"the first 20 of {len(study)}" in html
    assert [len(column) for column in study.to_dict().values()] == [len(study)] * 7


def test_columns_of_two_lengths_are_refused() -> None:
    with pytest.raises(yk.InputError) as caught:
        Study({"a": np.zeros(2), "b": np.zeros(3)}, {})
    assert caught.value.field == "table"


def test_an_emission_whose_differences_would_not_fit(study: Runtimes) -> None:
    case = next(case for case in earlier_cases(252) if case.state.n > 8)
    for emission, fits in ((2**63 - 1, True), (2**63, False)):
        with contextlib.nullcontext() if fits else pytest.raises(yk.InputError, match="emission"):
            runtimes(case.state, case.hyperparameters, emission=emission, profiles=[252, 233])


def test_frame(study: Runtimes) -> None:
    pandas = pytest.importorskip("pandas")
    frame = study.to_frame()
    assert isinstance(frame, pandas.DataFrame)
    assert frame["uid"].tolist() == study.table["uid"].tolist()


def test_picture(study: Runtimes) -> None:
    matplotlib: Any = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    _, ax = pyplot.subplots()
    assert study.plot(ax) is ax
    (image,) = ax.get_images()
    parts = np.asarray(image.get_array())
    counts = study.summary()
    assert parts.shape == (10, len(MEASURED))
    for row, outputs in enumerate(counts.values()):
        assert (parts[row] * study.provenance["n"]).round().astype(int).tolist() == list(outputs.values())
    assert next(label.get_text() for label in ax.get_yticklabels()) == "425 against 475"
    pyplot.close("all")
