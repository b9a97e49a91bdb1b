"""Snapshot files: what is written comes back to the last bit, and what is not a snapshot is an InputError and no more."""

from __future__ import annotations

import contextlib
import copy
import io
import itertools
import json
import os
import pickle
import re
import stat
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pytest

import yuma_kernel as yk

Arrays: TypeAlias = dict[str, npt.NDArray[Any]]

U64 = 2**64 - 1
REAL = ("sn31_block3621600.npz", "sn15_block4769998.npz", "sn1_block6852344.npz")

# The table of the format, written down a second time. n = 3 throughout this file.
DOCUMENTED = {
    **dict.fromkeys(("schema", "profile", "kappa", "bonds_penalty", "alpha_low", "alpha_high"), (np.uint16, ())),
    **dict.fromkeys(("current_block", "last_mechanism_step_block", "last_yuma_step_block"), (np.uint64, ())),
    **dict.fromkeys(("bonds_moving_average", "tempo"), (np.uint64, ())),
    **dict.fromkeys(("activity_cutoff", "stake_threshold", "emission"), (np.uint64, ())),
    **dict.fromkeys(("yuma3", "liquid_alpha", "commit_reveal"), (np.bool_, ())),
    **dict.fromkeys(("last_update", "block_at_registration", "commit_block"), (np.uint64, (3,))),
    **{f"{rows}_indptr": (np.uint32, (4,)) for rows in ("weights", "bonds", "expect_bonds")},
    **{f"{rows}_{part}": (np.uint16, None) for rows in ("weights", "bonds", "expect_bonds") for part in ("uid", "value")},
    **{f"expect_{name}": (np.bool_, (3,)) for name in ("active", "validator_permit")},
    **{f"expect_{name}": (np.uint16, (3,)) for name in ("stake_weight", "consensus", "validator_trust", "incentive")},
    **{f"expect_{name}": (np.uint64, (3,)) for name in ("server_emission", "validator_emission", "emission")},
    "expect_dividends": (np.uint16, (3,)),
    "liquid_alpha_consensus_mode": (np.uint8, ()),
    "previous_consensus": (np.uint16, (2,)),
    "max_allowed_validators": (np.uint16, ()),
    "alpha_sigmoid_steepness": (np.int32, ()),
    "owner_uid": (np.int32, ()),
    "total_stake": (np.uint64, (3, 2)),
    "validator_permit": (np.bool_, (3,)),
}


OPTIONAL = {"commit_block", "previous_consensus", "last_yuma_step_block"}


def minimal(**changes: Any) -> yk.Snapshot:
    state = yk.SubnetState(
        weights=yk.SparseRows.empty(3),
        bonds=yk.SparseRows.empty(3),
        total_stake=yk.stake_from_rao([0, 0, 0]),
        last_update=np.zeros(3, np.uint64),
        block_at_registration=np.zeros(3, np.uint64),
        validator_permit=np.zeros(3, np.bool_),
        current_block=0,
    )
    return yk.Snapshot(**{"state": state, "hyperparameters": yk.Hyperparameters(), **changes})


def full() -> yk.Snapshot:
    """Every field there is, with the ends of its range where it has one."""
    state = yk.SubnetState(
        weights=yk.SparseRows.from_rows([[(2, 65535), (0, 0), (1, 7)], [], [(0, 1)]]),  # unsorted, a zero, an empty row
        bonds=yk.SparseRows.from_rows([[], [(2, 0)], [(1, 65535), (0, 3)]]),
        total_stake=np.array([[U64, 2**62], [1, 0], [0, 5]], np.uint64),
        last_update=np.array([0, 1, U64], np.uint64),
        block_at_registration=np.array([U64, 2**53 + 1, 0], np.uint64),
        validator_permit=np.array([True, False, True]),
        current_block=U64,
        last_mechanism_step_block=2**53 + 1,
        owner_uid=2,
        commit_block=np.array([U64, 0, 5], np.uint64),
        previous_consensus=np.array([65535, 1], np.uint16),
        last_yuma_step_block=U64,
    )
    hyperparameters = yk.Hyperparameters(
        kappa=65535, bonds_penalty=0, bonds_moving_average=1_000_000, yuma3=False, liquid_alpha=True, alpha_low=65535,
        alpha_high=1, alpha_sigmoid_steepness=-(2**15), max_allowed_validators=0, stake_threshold=U64, tempo=U64,
        activity_cutoff=0, commit_reveal=False, liquid_alpha_consensus_mode="previous", profile=425,
    )  # fmt: skip
    result = yk.epoch(state, hyperparameters, emission=U64, backend="reference")
    return yk.Snapshot(
        state,
        hyperparameters,
        emission=U64,
        expected={name: getattr(result, name) for name in yk.OUTPUTS},
        meta={"netuid": 31, "nested": {"list": [1, [2.5, None, True]], "text": "β\ud800\u0000\n"}, "empty": {}},
        hotkeys=("5F" + "a" * 46, "", "x [bold]"),
    )


SNAPSHOTS: dict[str, Callable[[], yk.Snapshot]] = {
    "minimal": minimal,
    "full": full,
    "partly expected": lambda: minimal(expected={"emission": [0, U64, 1], "bonds": yk.SparseRows.empty(3)}),
}


@pytest.fixture(params=SNAPSHOTS)
def snapshot(request: pytest.FixtureRequest) -> yk.Snapshot:
    return SNAPSHOTS[request.param]()


@pytest.fixture
def stored(tmp_path: Path) -> Arrays:
    """The arrays of the full snapshot's file, for tests to spoil."""
    yk.save(tmp_path / "stored", full())
    with np.load(tmp_path / "stored", allow_pickle=False) as file:
        return dict(file)


def refused(path: Path, field: str, kind: type[yk.InputError] = yk.InputError) -> yk.InputError:
    """The error that loading `path` gives, which names the file, and the field unless it is about the file as a whole."""
    with pytest.raises(yk.InputError) as caught:
        yk.load(path)
    assert type(caught.value) is kind
    assert caught.value.field == (f"{path}: {field}" if field else str(path)), caught.value
    assert str(caught.value).startswith(caught.value.field)
    return caught.value


def write(path: Path, arrays: dict[str, Any], **changes: Any) -> Path:
    """An npz by NumPy, `arrays` with some fields replaced, or left out where a change is None."""
    fields = {name: value for name, value in {**arrays, **changes}.items() if value is not None}
    with path.open("wb") as file:
        np.savez(file, **fields)
    return path


# -- the value ------------------------------------------------------------------------------------------------------------


def test_defaults() -> None:
    snapshot = minimal()
    assert snapshot.emission == 0
    assert snapshot.expected is None
    assert snapshot.meta == {}
    assert snapshot.hotkeys is None
    assert minimal(expected={}).expected is None  # a file could not tell the two apart
    assert minimal(meta=None) == snapshot


def test_nothing_can_be_changed() -> None:
    snapshot = full()
    with pytest.raises(AttributeError):
        snapshot.emission = 1  # type: ignore[misc]
    assert isinstance(snapshot.meta["nested"], MappingProxyType)
    assert snapshot.meta["nested"]["list"] == (1, (2.5, None, True))
    assert isinstance(snapshot.expected, MappingProxyType)
    for value in snapshot.expected.values():
        values = value.value if isinstance(value, yk.SparseRows) else value
        assert not values.flags.writeable
        with pytest.raises(ValueError, match="WRITEABLE"):
            values.flags.writeable = True


def test_what_was_handed_in_is_copied() -> None:
    consensus, meta, hotkeys = np.arange(3, dtype=np.uint16), {"a": [1]}, ["a", "b", "c"]
    snapshot = minimal(expected={"consensus": consensus}, meta=meta, hotkeys=hotkeys)
    consensus[:], meta["a"], hotkeys[0] = 9, [], "z"
    assert snapshot == minimal(expected={"consensus": [0, 1, 2]}, meta={"a": [1]}, hotkeys=("a", "b", "c"))


def test_equality_sees_every_field() -> None:
    other_state = yk.SubnetState(**{**vars(minimal().state), "current_block": 1})
    changes: list[dict[str, Any]] = [
        {"state": other_state},
        {"hyperparameters": yk.Hyperparameters(kappa=1)},
        {"emission": 1},
        {"expected": {"consensus": [0, 0, 0]}},
        {"expected": {"consensus": [0, 0, 1]}},
        {"expected": {"incentive": [0, 0, 0]}},
        {"expected": {"bonds": yk.SparseRows.from_rows([[(0, 1), (1, 1)], [], []])}},
        {"expected": {"bonds": yk.SparseRows.from_rows([[(1, 1), (0, 1)], [], []])}},
        {"meta": {"a": {"b": [1]}}},
        {"meta": {"a": {"b": [2]}}},
        {"hotkeys": ("a", "b", "c")},
    ]
    snapshots = [minimal(), *(minimal(**change) for change in changes)]
    for i, a in enumerate(snapshots):
        for k, b in enumerate(snapshots):
            assert (a == b) is (i == k), (i, k)
    assert minimal() == minimal()
    with pytest.raises(TypeError, match="unhashable"):
        hash(minimal())


def test_copies_are_equal_and_frozen(snapshot: yk.Snapshot) -> None:
    for twin in (pickle.loads(pickle.dumps(snapshot)), copy.deepcopy(snapshot)):
        assert twin == snapshot
        for value in (twin.expected or {}).values():
            assert not (value.value if isinstance(value, yk.SparseRows) else value).flags.writeable


def test_repr_is_one_short_line() -> None:
    text = repr(full())
    assert text.startswith("Snapshot(SubnetState(n=3")
    assert ", profile=425, emission=18,446,744,073.710 alpha, expected=11 outputs, hotkeys, meta={" in text, text
    long = repr(minimal(meta={"note": "x" * 100_000, "inner": {"of": [1, 2]}}))
    assert len(long) < 400
    assert long.endswith('expected=0 outputs, meta={"inner": {"of": [1, 2]}, "note": "' + "x" * 42 + "...)"), long
    assert repr(minimal(meta={"netuid": 7})).endswith('no emission, expected=0 outputs, meta={"netuid": 7})')


def test_in_a_notebook_it_is_its_state_and_what_is_known_beside() -> None:
    snapshot = minimal(meta={"source": "<node>"})
    html = snapshot._repr_html_()
    assert html.startswith(snapshot.state._repr_html_())
    assert html.endswith("no emission, expected=0 outputs, meta={&quot;source&quot;: &quot;&lt;node&gt;&quot;}</p>"), html


@pytest.mark.parametrize(
    ("changes", "field", "index"),
    [
        ({"state": None}, "state", None),
        ({"hyperparameters": {}}, "hyperparameters", None),
        ({"emission": -1}, "emission", None),
        ({"emission": 2**64}, "emission", None),
        ({"emission": 0.5}, "emission", None),
        ({"expected": [1]}, "expected", None),
        ({"expected": {"trace": [0, 0, 0]}}, "expected", None),
        ({"expected": {"consensus": [0, 0]}}, "expected.consensus", None),
        ({"expected": {"consensus": [0, 0, 65536]}}, "expected.consensus", 2),
        ({"expected": {"active": [0, 2, 0]}}, "expected.active", 1),
        ({"expected": {"emission": [-1, 0, 0]}}, "expected.emission", 0),
        ({"expected": {"bonds": yk.SparseRows.empty(2)}}, "expected.bonds", None),
        ({"expected": {"bonds": [[], [], []]}}, "expected.bonds", None),
        ({"expected": {"bonds": yk.SparseRows.from_rows([[(0, 1)], [], []], np.int64)}}, "expected.bonds", None),
        ({"meta": [1]}, "meta", None),
        ({"meta": "{}"}, "meta", None),
        ({"meta": {1: 2}}, "meta", None),
        ({"meta": {"a": {2}}}, "meta", None),
        ({"meta": {"a": np.uint16(1)}}, "meta", None),
        ({"meta": {"a": float("nan")}}, "meta", None),
        ({"meta": {"a": float("inf")}}, "meta", None),
        ({"meta": {"a": "x" * 2**20}}, "meta", None),
        ({"hotkeys": "abc"}, "hotkeys", None),
        ({"hotkeys": 3}, "hotkeys", None),
        ({"hotkeys": ("a", "b")}, "hotkeys", None),
        ({"hotkeys": ("a", 1, "c")}, "hotkeys", 1),
        ({"hotkeys": ("a", "b\x1b[2J", "c")}, "hotkeys", 1),
        ({"hotkeys": ("a\0", "b", "c")}, "hotkeys", 0),
        ({"hotkeys": ("a", "b", "é")}, "hotkeys", 2),
        ({"hotkeys": ("a", "b", "c" * 129)}, "hotkeys", 2),
    ],
)
def test_constructor_refuses(changes: dict[str, Any], field: str, index: int | None) -> None:
    with pytest.raises(yk.InputError) as caught:
        minimal(**changes)
    assert (caught.value.field, caught.value.index) == (field, index)


def test_constructor_refuses_what_nests_without_end() -> None:
    meta: dict[str, Any] = {}
    meta["self"] = meta
    with pytest.raises(yk.InputError) as caught:
        minimal(meta=meta)
    assert caught.value.field == "meta"


def test_constructor_bounds_the_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    state = full().state  # 4 weights, 3 bonds
    four = yk.SparseRows.from_rows([[(0, 1), (1, 1)], [(0, 1)], [(2, 0)]])
    monkeypatch.setattr("yuma_kernel.snapshot.MAX_ENTRIES", 4)
    minimal(state=state, expected={"bonds": four})
    monkeypatch.setattr("yuma_kernel.snapshot.MAX_ENTRIES", 3)
    for changes, field in (({"state": state}, "weights"), ({"expected": {"bonds": four}}, "expected.bonds")):
        with pytest.raises(yk.InputError) as caught:
            minimal(**changes)
        assert caught.value.field == field


def test_file_bounds_the_entries(stored: Arrays, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.npz", stored)  # 4 weights, 3 bonds
    monkeypatch.setattr("yuma_kernel.snapshot.MAX_ENTRIES", 4)
    yk.load(path)
    monkeypatch.setattr("yuma_kernel.snapshot.MAX_ENTRIES", 3)
    assert refused(path, "weights_indptr").index == 3


# -- round trips ----------------------------------------------------------------------------------------------------------


def test_round_trip(snapshot: yk.Snapshot, tmp_path: Path) -> None:
    yk.save(tmp_path / "a.npz", snapshot)
    loaded = yk.load(tmp_path / "a.npz")
    assert loaded == snapshot
    assert loaded.state.owner_uid == snapshot.state.owner_uid
    assert (loaded.state.commit_block is None) is (snapshot.state.commit_block is None)


def test_zeros_are_no_absence(tmp_path: Path) -> None:
    """Uid 0 as the owner, a step in block 0, commits of block 0, an empty consensus: each comes back as it is."""
    state = minimal().state
    for fields in (
        {"owner_uid": 0},
        {"last_yuma_step_block": 0},
        {"previous_consensus": np.zeros(0, np.uint16)},
        {"commit_block": np.zeros(state.n, np.uint64)},
    ):
        snapshot = minimal(state=replace(state, **fields))
        yk.save(tmp_path / "zero.npz", snapshot)
        assert yk.load(tmp_path / "zero.npz") == snapshot != minimal(state=replace(state, owner_uid=None))


def test_file_is_as_documented(stored: Arrays) -> None:
    assert stored.keys() == DOCUMENTED.keys() | {"hotkeys", "meta"}
    for name, (dtype, shape) in DOCUMENTED.items():
        assert stored[name].dtype == dtype, name
        assert shape is None or stored[name].shape == shape, name
    assert stored["hotkeys"].dtype.kind == stored["meta"].dtype.kind == "U"
    assert stored["hotkeys"].tolist() == list(full().hotkeys or ())
    assert json.loads(str(stored["meta"]))["nested"] == {"list": [1, [2.5, None, True]], "text": "β\ud800\u0000\n"}
    assert stored["weights_uid"].tolist() == [2, 0, 1, 0]
    assert stored["total_stake"].tolist() == [[U64, 2**62], [1, 0], [0, 5]]
    assert [int(stored[name]) for name in ("schema", "profile", "owner_uid")] == [2, 425, 2]
    assert int(stored["liquid_alpha_consensus_mode"]) == 1


def test_file_is_compressed(tmp_path: Path) -> None:
    yk.save(tmp_path / "a", full())
    with zipfile.ZipFile(tmp_path / "a") as archive:
        assert archive.testzip() is None
        assert {member.compress_type for member in archive.infolist()} == {zipfile.ZIP_DEFLATED}


def test_optional_fields_are_left_out(tmp_path: Path) -> None:
    yk.save(tmp_path / "a", minimal())
    with np.load(tmp_path / "a") as file:
        assert set(file.files) == {
            name for name in DOCUMENTED if not name.startswith("expect_") and name not in OPTIONAL
        } | {"meta"}
        assert file["owner_uid"] == -1
        assert file["meta"] == "{}"


@pytest.mark.parametrize("name", REAL)
def test_real_files(name: str, shared_data: Path, tmp_path: Path) -> None:
    snapshot = yk.load(shared_data / name)
    yk.save(tmp_path / name, snapshot)
    assert yk.load(tmp_path / name) == snapshot
    with np.load(shared_data / name) as theirs, np.load(tmp_path / name) as ours:
        assert sorted([*theirs.files, "liquid_alpha_consensus_mode"]) == sorted(ours.files)  # theirs are of schema 1
        assert (theirs["schema"], ours["schema"]) == (1, 2)
        for field in theirs.files:
            if field == "meta":
                assert json.loads(str(theirs[field])) == json.loads(str(ours[field]))
            elif field != "schema":
                assert theirs[field].dtype == ours[field].dtype or field == "alpha_sigmoid_steepness"  # int16 in schema 1
                assert np.array_equal(theirs[field], ours[field]), field
        assert np.array_equal(snapshot.state.weights.value, theirs["weights_value"])
        assert snapshot.state.n == theirs["last_update"].size
    assert (snapshot.expected is not None) is (name == REAL[0])
    assert snapshot.meta["network"] == "finney"


@pytest.mark.parametrize("name", REAL)
def test_expected_of_real_files(name: str, backend: str, shared_data: Path) -> None:
    snapshot = yk.load(shared_data / name)
    result = yk.epoch(snapshot.state, snapshot.hyperparameters, emission=snapshot.emission, backend=backend)
    assert result.first_difference(snapshot.expected or {}) is None
    if snapshot.expected is not None:
        assert set(snapshot.expected) == set(yk.OUTPUTS)


@pytest.mark.parametrize("dtype", ["<i8", ">i8", "<u8", ">u8"])
def test_other_integer_dtypes_are_read(dtype: str, stored: Arrays, tmp_path: Path) -> None:
    limits = np.iinfo(dtype)
    fits = {
        name: value.astype(dtype)
        for name, value in stored.items()
        if value.dtype.kind in "biu" and all(limits.min <= int(v) <= limits.max for v in value.flat)
    }
    assert len(fits) > 20
    assert yk.load(write(tmp_path / "wide", stored, **fits)) == full()


def test_other_layouts_are_read(stored: Arrays, tmp_path: Path) -> None:
    stake, meta, hotkeys = stored["total_stake"], stored["meta"], stored["hotkeys"]
    changes = {"total_stake": np.asfortranarray(stake), "meta": meta.astype(">U999"), "hotkeys": hotkeys.astype(">U99")}
    assert np.asfortranarray(stake).flags.f_contiguous
    assert yk.load(write(tmp_path / "other", stored, **changes)) == full()


def test_all_three_header_versions_are_read(stored: Arrays, tmp_path: Path) -> None:
    for version in ((1, 0), (2, 0), (3, 0)):
        with zipfile.ZipFile(tmp_path / "v", "w") as archive:
            for name, value in stored.items():
                data = io.BytesIO()
                np.lib.format.write_array(data, value, version=version)
                archive.writestr(f"{name}.npy", data.getvalue())
        assert yk.load(tmp_path / "v") == full()


# -- save -----------------------------------------------------------------------------------------------------------------


def test_same_snapshot_same_bytes(tmp_path: Path) -> None:
    yk.save(tmp_path / "a", full())
    yk.save(tmp_path / "b", full())
    reordered = yk.load(tmp_path / "a")
    meta = dict(list(reordered.meta.items())[::-1])
    expected = dict(list((reordered.expected or {}).items())[::-1])
    other = yk.Snapshot(reordered.state, reordered.hyperparameters, U64, expected, meta, reordered.hotkeys)
    yk.save(tmp_path / "c", other)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() == (tmp_path / "c").read_bytes()


def test_path_is_used_as_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    yk.save(str(tmp_path / "plain"), minimal())
    yk.save(tmp_path / "dots.v1.snapshot", minimal())
    monkeypatch.chdir(tmp_path)
    yk.save("relative", minimal())
    yk.save(Path("β.npz"), minimal())
    assert sorted(os.listdir(tmp_path)) == sorted(["plain", "dots.v1.snapshot", "relative", "β.npz"])
    assert yk.load("relative") == yk.load(str(tmp_path / "plain")) == minimal()


def test_file_has_ordinary_permissions(tmp_path: Path) -> None:
    (tmp_path / "ordinary").touch()
    yk.save(tmp_path / "a", minimal())
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == stat.S_IMODE((tmp_path / "ordinary").stat().st_mode)


def test_save_replaces(tmp_path: Path) -> None:
    yk.save(tmp_path / "a", full())
    yk.save(tmp_path / "a", minimal())
    assert yk.load(tmp_path / "a") == minimal()
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize("broken", ["fsync", "replace"])
def test_failing_save_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    yk.save(tmp_path / "a", full())

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, broken, fail)
    with pytest.raises(OSError, match="No space"):
        yk.save(tmp_path / "a", minimal())
    assert os.listdir(tmp_path) == ["a"]
    assert yk.load(tmp_path / "a") == full()


def test_save_refuses(tmp_path: Path) -> None:
    with pytest.raises(yk.InputError) as caught:
        yk.save(tmp_path / "a", minimal().state)  # type: ignore[arg-type]
    assert caught.value.field == "snapshot"
    with pytest.raises(FileNotFoundError):
        yk.save(tmp_path / "no" / "a", minimal())
    with pytest.raises(IsADirectoryError):
        yk.save(tmp_path, minimal())
    assert os.listdir(tmp_path) == []


# -- what is not a snapshot -----------------------------------------------------------------------------------------------


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        yk.load(tmp_path / "none")


@pytest.mark.parametrize("content", [b"", b"P", b"PK", b"PK\5\6" + bytes(18), b"# a text\n", b"\x89PNG\r\n", bytes(5000)])
def test_foreign_file(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "foreign"
    path.write_bytes(content)
    refused(path, "schema" if content.startswith(b"PK\5\6") else "")  # which is an empty zip archive


def test_single_array_and_directory(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros(3))
    assert ".npy" in refused(tmp_path / "a.npy", "").rule
    assert "directory" in refused(tmp_path, "").rule


def test_foreign_npz(shared_data: Path) -> None:
    assert refused(shared_data / "sn31_series.npz", "schema").rule == "missing"


def test_every_field_is_missed(stored: Arrays, tmp_path: Path) -> None:
    optional = {name for name in stored if name.startswith("expect_") and "bonds" not in name} | OPTIONAL | {"hotkeys"}
    for name in stored:
        path = write(tmp_path / "a", stored, **{name: None})
        if name in optional:
            loaded = yk.load(path)
            assert loaded != full()
            assert name not in OPTIONAL or getattr(loaded.state, name) is None
        else:
            assert refused(path, name).rule == "missing"


SPOILED: list[tuple[str, Any, int | None]] = [
    ("schema", np.uint16(0), None),
    ("schema", np.uint16(3), None),
    ("schema", np.int64(-1), None),
    ("schema", np.str_("1"), None),
    ("schema", np.True_, None),
    ("yuma3", np.str_("True"), None),
    ("owner_uid", np.str_("-1"), None),
    ("kappa", np.uint32(65536), None),
    ("kappa", np.float64(1), None),
    ("kappa", np.zeros(1, np.uint16), None),
    ("kappa", np.True_, None),
    ("bonds_moving_average", np.uint64(1_000_001), None),
    ("alpha_sigmoid_steepness", np.int32(2**15), None),
    ("yuma3", np.uint16(2), None),
    ("emission", np.int64(-1), None),
    ("current_block", np.int64(-1), None),
    ("owner_uid", np.int32(3), None),
    ("owner_uid", np.int32(-2), None),
    ("weights_indptr", np.array([0, 3, 3, 2], np.uint32), 3),
    ("weights_indptr", np.array([1, 3, 3, 4], np.uint32), 0),
    ("weights_indptr", np.array([], np.uint32), None),
    ("weights_indptr", np.array([0], np.uint32), None),
    ("weights_indptr", np.zeros(40_000, np.uint32), None),
    ("weights_indptr", np.zeros((4, 1), np.uint32), None),
    ("weights_indptr", np.array([0, 3, 3, 2**26 + 1], np.uint32), 3),
    ("weights_indptr", np.array([0, 3, 3, 2**32], np.uint64), 3),
    ("weights_uid", np.array([2, 0, 1, 3], np.uint16), 3),
    ("weights_uid", np.array([2, 0, 2, 0], np.uint16), 2),
    ("weights_value", np.array([1, 0, 7], np.uint16), None),
    ("weights_value", np.array([1, 0, 7, 1, 2], np.uint16), None),
    ("weights_value", np.ones(10_000, np.uint16), None),
    ("weights_value", np.array([65536, 0, 7, 1], np.uint32), 0),
    ("weights_value", np.array([65535, 0, 7, 1], np.float32), None),
    ("bonds_indptr", np.array([0, 0, 1], np.uint32), None),
    ("bonds_uid", np.array([[2], [1], [0]], np.uint16), None),
    ("total_stake", np.zeros((3, 3), np.uint64), None),
    ("total_stake", np.zeros(6, np.uint64), None),
    ("total_stake", np.zeros((0, 2), np.uint64), None),
    ("total_stake", np.array([[0, 0], [0, 2**63], [0, 0]], np.uint64), 1),
    ("last_update", np.zeros(2, np.uint64), None),
    ("last_update", np.array([0, -1, 0], np.int64), 1),
    ("validator_permit", np.array([0, 1, 2], np.uint8), 2),
    ("validator_permit", np.array(["a", "b", "c"]), None),
    ("commit_block", np.zeros(4, np.uint64), None),
    ("expect_consensus", np.zeros(4, np.uint16), None),
    ("expect_consensus", np.array([0, 65536, 0], np.int64), 1),
    ("expect_bonds_indptr", np.array([0, 0, 0, 0, 0], np.uint32), None),
    ("meta", np.str_("{"), None),
    ("meta", np.str_(""), None),
    ("meta", np.str_("[]"), None),
    ("meta", np.str_("null"), None),
    ("meta", np.str_('{"a": NaN}'), None),
    ("meta", np.str_('{"a": 1e999}'), None),
    ("meta", np.str_("[" * 200_000), None),
    ("meta", np.str_('{"a":' + "9" * 5000 + "}"), None),
    ("meta", np.str_("x" * (2**20 + 1000)), None),
    ("meta", np.array(["{}"]), None),
    ("meta", np.bytes_(b"{}"), None),
    ("hotkeys", np.array(["a", "b"]), None),
    ("hotkeys", np.array(["a", "b", "\x1b[2J"]), 2),
    ("hotkeys", np.array([1, 2, 3]), None),
    ("last_update", np.array(["1", "2", "3"]), None),
    ("schema", np.str_(""), None),
    ("hotkeys", np.array([b"a", b"b", b"c"]), None),
]


@pytest.mark.parametrize(("field", "value", "index"), SPOILED)
def test_spoiled_field(field: str, value: Any, index: int | None, stored: Arrays, tmp_path: Path) -> None:
    assert refused(write(tmp_path / "a", stored, **{field: value}), field).index == index


def test_what_other_fields_decide(stored: Arrays, tmp_path: Path) -> None:
    for entries in (3, 5):  # and not 4
        short = {"weights_indptr": np.array([0, 3, 3, entries], np.uint32)}
        assert refused(write(tmp_path / "a", stored, **short), "weights_indptr").index == 3
    half = {"expect_bonds_indptr": None, "expect_bonds_value": None}
    refused(write(tmp_path / "b", stored, **half), "expect_bonds_indptr")


def test_later_files_are_refused_for_being_later(stored: Arrays, tmp_path: Path) -> None:
    news = {"a_later_field": np.uint16(1), "tempo": None}
    error = refused(write(tmp_path / "a", stored, schema=np.uint16(3), profile=np.uint16(500), **news), "schema")
    assert "got 3" in error.rule
    error = refused(write(tmp_path / "b", stored, profile=np.uint16(500), **news), "profile", yk.UnsupportedProfile)
    assert "got 500" in error.rule
    refused(write(tmp_path / "c", stored, **news), "'a_later_field'")


SINCE_2: dict[str, Any] = {"liquid_alpha_consensus_mode": None, "previous_consensus": None, "last_yuma_step_block": None}


def test_schema_1_is_read(stored: Arrays, tmp_path: Path) -> None:
    loaded = yk.load(write(tmp_path / "a", stored, schema=np.uint16(1), **SINCE_2))
    assert (loaded.state.previous_consensus, loaded.state.last_yuma_step_block) == (None, None)
    assert loaded.hyperparameters.profile == 425
    result = yk.epoch(loaded.state, loaded.hyperparameters, emission=loaded.emission)
    assert result.first_difference(loaded.expected or {}) is None


@pytest.mark.parametrize("field", SINCE_2)
def test_schema_1_has_none_of_the_fields_of_schema_2(stored: Arrays, tmp_path: Path, field: str) -> None:
    others = {name: None for name in SINCE_2 if name != field}
    refused(write(tmp_path / "a", stored, schema=np.uint16(1), **others), f"'{field}'")


def test_schema_1_is_of_profile_425_alone(stored: Arrays, tmp_path: Path) -> None:
    path = write(tmp_path / "a", stored, schema=np.uint16(1), profile=np.uint16(475), **SINCE_2)
    assert "got 475" in refused(path, "profile", yk.UnsupportedProfile).rule


def test_schema_2_has_a_mode(stored: Arrays, tmp_path: Path) -> None:
    refused(write(tmp_path / "a", stored, liquid_alpha_consensus_mode=None), "liquid_alpha_consensus_mode")
    refused(write(tmp_path / "b", stored, liquid_alpha_consensus_mode=np.uint8(3)), "liquid_alpha_consensus_mode")


@pytest.mark.parametrize("known", [None, [], [7], [1, 2, 3], [1, 2, 3, 4], [7] * 65536], ids=lambda k: str(k and len(k)))
def test_previous_consensus_of_any_length(known: list[int] | None, tmp_path: Path) -> None:
    made = minimal()
    stored = None if known is None else np.array(known, np.uint16)
    state = replace(made.state, previous_consensus=stored)
    yk.save(tmp_path / "a", yk.Snapshot(state, made.hyperparameters))
    loaded = yk.load(tmp_path / "a").state.previous_consensus
    assert (None if loaded is None else loaded.tolist()) == known


class Payload:
    """Unpickling it makes the directory `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("field", ["kappa", "meta", "last_update", "hotkeys"])
def test_pickles_are_never_read(field: str, stored: Arrays, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    shape = stored[field].shape
    objects = np.empty(shape, object)
    objects[...] = Payload(trap)
    path = write(tmp_path / "a", stored, **{field: objects})
    refused(path, field)
    assert not trap.exists()
    with np.load(path, allow_pickle=True) as file, contextlib.suppress(TypeError, ValueError, FileExistsError):
        file[field]
    assert trap.exists()  # so it was armed


def rezip(path: Path, arrays: dict[str, Any], raw: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> Path:
    """`arrays`, with the members in `raw` replaced by other bytes."""
    write(path, arrays)
    with zipfile.ZipFile(path) as source:
        members = {info.filename: source.read(info) for info in source.infolist()} | {f"{k}.npy": v for k, v in raw.items()}
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def npy(header: str, body: bytes = b"", length: int | None = None) -> bytes:
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(header) if length is None else length) + header.encode("latin-1") + body


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x93NUMPY",
        b"\x93NUMPY\1\0",
        b"\x93NUMPY\1\0\xff",
        b"\x93NUMPY\2\0\xff\xff",
        b"\x93NUMPY\2\0\xff\xff\xff\xff",
        b"\x93NUMPY\4\0\0\0",
        b"not an array at all",
        npy(""),
        npy("{}"),
        npy("{", length=60_000),
        npy("(" * 900),
        npy("{'descr': '<u8', 'fortran_order': False, 'shape': (3,), }", bytes(23)),
        npy("{'descr': '<u8', 'fortran_order': False, 'shape': (3,), }", bytes(25)),
        npy("{'descr': '<u8', 'fortran_order': False, 'shape': (9999999999999,), }", bytes(24)),
        npy("{'descr': '<u8', 'fortran_order': False, 'shape': (0, 99999999999999999999999), }"),
        npy("{'descr': '<u8', 'fortran_order': False, 'shape': (-3,), }", bytes(24)),
        npy("{'descr': '<u8', 'fortran_order': False, 'shape': 3, }", bytes(24)),
        npy("{'descr': '<u8', 'fortran_order': False, 'shape': '3', }", bytes(24)),
        npy("{'descr': '<u8', 'fortran_order': False, }", bytes(24)),
        npy("{'descr': '<u8', 'fortran_order': False, 'shape': (3,), 'more': True}", bytes(24)),
        npy("{'descr': '<U99999999', 'fortran_order': False, 'shape': (3,), }", bytes(24)),
        npy("{'descr': '|V8', 'fortran_order': False, 'shape': (3,), }", bytes(24)),
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }", bytes(24)),
        npy("{'descr': '<M8[s]', 'fortran_order': False, 'shape': (3,), }", bytes(24)),
        npy("{'descr': '|O', 'fortran_order': False, 'shape': (3,), }", bytes(24)),
        npy("{'descr': [('a', '<u8')], 'fortran_order': False, 'shape': (3,), }", bytes(24)),
        npy("{'descr': '<u8', 'fortran_order': False, 'shape': (3,), }" + "\n" * 2000, bytes(24)),
        npy("{'descr': '<u8', 'fortran_order': __import__('os').abort(), 'shape': (3,), }", bytes(24)),
    ],
)
def test_broken_arrays(data: bytes, stored: Arrays, tmp_path: Path) -> None:
    refused(rezip(tmp_path / "a", stored, {"last_update": data}), "last_update")


def test_surrogates_in_text(stored: Arrays, tmp_path: Path) -> None:
    for point in (0xD800, 0x110000, 0xFFFFFFFF):
        data = npy("{'descr': '<U1', 'fortran_order': False, 'shape': (), }", struct.pack("<I", point))
        refused(rezip(tmp_path / "a", stored, {"meta": data}), "meta")


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions(compression: int, stored: Arrays, tmp_path: Path) -> None:
    refused(rezip(tmp_path / "a", stored, {}, compression), "schema")


def test_fields_come_once(stored: Arrays, tmp_path: Path) -> None:
    path = write(tmp_path / "a", stored)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("kappa", npy("{'descr': '<u2', 'fortran_order': False, 'shape': (), }", b"\0\0"))
    assert "'kappa' twice" in refused(path, "").rule
    path = write(tmp_path / "b", stored)
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(path, "a") as archive:
        archive.writestr("kappa.npy", b"")
    assert "'kappa' twice" in refused(path, "").rule


def test_encrypted_member(stored: Arrays, tmp_path: Path) -> None:
    path = write(tmp_path / "a", stored)
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\1\2") + 8] |= 1  # the flag in the first entry of the directory
    path.write_bytes(content)
    refused(path, next(iter(stored)))


# -- bombs ----------------------------------------------------------------------------------------------------------------


def peak(call: Callable[[], object]) -> int:
    """The bytes that Python held at once while `call` ran, beyond those from before."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


BOMB = 16 * 2**20


@pytest.mark.parametrize(
    "field", ["schema", "kappa", "weights_indptr", "weights_uid", "last_update", "expect_emission", "meta"]
)
@pytest.mark.parametrize("honest", [True, False])
def test_bomb(field: str, honest: bool, stored: Arrays, tmp_path: Path) -> None:
    """A member that inflates to 16 MiB, which the archive says, or denies: then it claims to hold a hundred bytes."""
    header = f"{{'descr': '<u2', 'fortran_order': False, 'shape': ({BOMB // 2},), }}"
    path = rezip(tmp_path / "bomb", stored, {field: npy(header, bytes(BOMB))})
    content = path.read_bytes()
    assert len(content) < 50_000
    if not honest:
        size = struct.pack("<I", len(npy(header)) + BOMB)
        assert content.count(size) == 2  # in front of the member and in the directory
        path.write_bytes(content.replace(size, struct.pack("<I", 100)))
    assert peak(lambda: refused(path, field)) < 2 * 2**20


def test_claimed_entries_are_bounded(stored: Arrays, tmp_path: Path) -> None:
    body = bytes(BOMB)
    header = f"{{'descr': '<u2', 'fortran_order': False, 'shape': ({BOMB // 2},), }}"
    claims = {**stored, "weights_indptr": np.array([0, 0, 0, 2**32 - 1], np.uint32)}
    path = rezip(tmp_path / "bomb", claims, {"weights_uid": npy(header, body)})
    assert peak(lambda: refused(path, "weights_indptr")) < 2 * 2**20


def test_foreign_file_is_not_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "huge"
    with path.open("wb") as file:
        file.truncate(BOMB)
    assert peak(lambda: refused(path, "")) < 2**20


# -- damage ---------------------------------------------------------------------------------------------------------------


def test_truncated_anywhere(tmp_path: Path) -> None:
    yk.save(tmp_path / "whole", full())
    content = (tmp_path / "whole").read_bytes()
    path = tmp_path / "cut"
    for length in [*range(200), *range(200, len(content) - 200, 37), *range(len(content) - 200, len(content))]:
        path.write_bytes(content[:length])
        with pytest.raises(yk.InputError) as caught:
            yk.load(path)
        assert str(path) in str(caught.value)


def test_damaged_directory(stored: Arrays, tmp_path: Path) -> None:
    """An optional field must not be lost because the entry before it says that it is longer than it is."""
    path = write(tmp_path / "whole", stored)
    content = path.read_bytes()
    names = list(stored)
    for before, lost in itertools.pairwise(names):
        found = re.search(rb"PK\x01\x02.{42}" + f"{before}.npy".encode(), content, re.DOTALL)
        assert found is not None
        for at in (30, 32):  # the lengths of its extra field and of its comment
            damaged = bytearray(content)
            struct.pack_into("<H", damaged, found.start() + at, 46 + len(f"{lost}.npy"))
            path.write_bytes(damaged)
            refused(path, "")


def test_short_stream(stored: Arrays, tmp_path: Path) -> None:
    """A member whose stream ends before the size that the archive states."""
    path = rezip(tmp_path / "a", stored, {})
    content = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        member = archive.getinfo("meta.npy")
    before = struct.pack("<III", member.CRC, member.compress_size, member.file_size)
    assert content.count(before) == 2
    path.write_bytes(content.replace(before, struct.pack("<III", member.CRC, member.compress_size, member.file_size + 1)))
    assert "got" in refused(path, "meta").rule


def test_two_entries_in_one_place(tmp_path: Path) -> None:
    """Whichever of the two is the one that lies there."""
    yk.save(tmp_path / "whole", full())
    content = (tmp_path / "whole").read_bytes()
    begin = [found.start() for found in re.finditer(rb"PK\x01\x02", content)]
    offsets = [content[at + 42 : at + 46] for at in begin]
    assert len(set(offsets)) == len(offsets) > 10
    for first, second in ((0, 1), (1, 0), (0, len(begin) - 1), (len(begin) - 1, 0)):
        damaged = bytearray(content)
        damaged[begin[first] + 42 : begin[first] + 46] = offsets[second]
        (tmp_path / "damaged").write_bytes(damaged)
        with pytest.raises(yk.InputError, match="lies where another does"):
            yk.load(tmp_path / "damaged")


def test_damaged_anywhere(tmp_path: Path) -> None:
    """One byte is changed: that gives the same snapshot (the byte was part of a date, say) or an InputError, no more."""
    snapshot = full()
    yk.save(tmp_path / "whole", snapshot)
    content = (tmp_path / "whole").read_bytes()
    path = tmp_path / "damaged"
    errors = []
    for at in range(0, len(content), 11):
        damaged = bytearray(content)
        damaged[at] ^= (1, 0x80, 0xFF, 0x10)[at // 11 % 4]
        path.write_bytes(damaged)
        try:
            assert yk.load(path) == snapshot, at
        except yk.InputError as error:
            errors.append(str(error))
    assert len(errors) > len(content) // 22
    assert all(error.startswith(str(path)) for error in errors)
