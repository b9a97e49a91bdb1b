"""Snapshots from people's matrices: every form of every field, and what is refused."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import yuma_kernel as yk
from yuma_kernel.convert import ASSUMED, FIELDS, read_fields, setting, snapshot_of

cli = pytest.importorskip("yuma_kernel.cli")
pytest.importorskip("click")

ROWS = [[(3, 7), (2, 0)], [(2, 65535)], [], []]
DENSE = [[0, 0, 0, 7], [0, 0, 65535, 0], [0] * 4, [0] * 4]
FULL: dict[str, Any] = {
    "weights": ROWS,
    "bonds": [[(2, 9)], [], [], []],
    "stake": [600, 400, 0, 1],
    "last_update": [90] * 4,
    "block_at_registration": [1, 2, 3, 4],
    "validator_permit": [True, True, False, False],
    "current_block": 100,
    "emission": 10**10,
}


def state_of(**changes: Any) -> yk.SubnetState:
    fields = {**FULL, **changes}
    return yk.SubnetState(
        weights=yk.SparseRows.from_rows(fields["weights"]),
        bonds=yk.SparseRows.from_rows(fields["bonds"]),
        total_stake=yk.stake_from_rao(fields["stake"]),
        last_update=fields["last_update"],
        block_at_registration=fields["block_at_registration"],
        validator_permit=fields["validator_permit"],
        current_block=fields["current_block"],
    )


@pytest.mark.parametrize(
    "weights",
    [
        ROWS,
        [{3: 7, 2: 0}, {2: 65535}, {}, {}],
        [{"3": 7, "2": 0}, {"2": 65535}, {}, {}],
        [{"3": 7, "2": 0}, [[2, 65535]], [], []],
        yk.SparseRows.from_rows(ROWS),
    ],
)
def test_forms_of_a_sparse_matrix(weights: Any) -> None:
    assert snapshot_of({**FULL, "weights": weights}).state == state_of()


@pytest.mark.parametrize("weights", [DENSE, np.array(DENSE), np.array(DENSE, np.float64)])
def test_dense_matrix(weights: Any) -> None:
    assert snapshot_of({**FULL, "weights": weights}).state == state_of(weights=[[(3, 7)], [(2, 65535)], [], []])


@pytest.mark.parametrize("units", ["chain", "float"])
def test_nobody_sets_weights(units: Any) -> None:
    """Rows of nothing are sparse rows: a dense one would have n values."""
    got = snapshot_of({**FULL, "weights": [[], [], [], []], "bonds": [[], [], [], []], "emission": 10}, units=units)
    assert got.state.weights == got.state.bonds == yk.SparseRows.empty(4)


def test_null_is_a_field_that_is_not_there() -> None:
    nulls = dict.fromkeys(
        ("commit_block", "owner_uid", "previous_consensus", "hotkeys", "netuid", "meta", "kappa", "expected")
    )
    assert snapshot_of({**FULL, **nulls}) == snapshot_of(FULL)
    with pytest.raises(yk.InputError, match="bonds: missing"):
        snapshot_of({**FULL, "bonds": None})
    assert snapshot_of({**FULL, "bonds": None}, assume=True).meta["assumed"] == {"bonds": ASSUMED["bonds"]}


def test_forms_of_stake() -> None:
    alpha, tao, weight = [600, 400, 0, 1], [10, 20, 30, 40], 2**63
    bits = yk.total_stake_bits(alpha, tao, weight)
    given = {name: value for name, value in FULL.items() if name != "stake"}
    by_parts = snapshot_of({**given, "alpha_stake": alpha, "tao_stake": tao, "tao_weight": weight}).state
    assert np.array_equal(by_parts.total_stake, bits)
    assert np.array_equal(snapshot_of({**given, "total_stake": bits.tolist()}).state.total_stake, bits)
    for wrong in (
        {},
        {"stake": alpha, "total_stake": bits},
        {"alpha_stake": alpha},
        {"alpha_stake": alpha, "tao_stake": tao},
    ):
        with pytest.raises(yk.InputError, match=r"stake|tao_weight"):
            snapshot_of({**given, **wrong})


def test_stakes_of_another_length_are_named_as_they_were_given() -> None:
    given = {name: value for name, value in FULL.items() if name != "stake"}
    for name, stakes in (("stake", {}), ("alpha_stake", {"tao_stake": [1, 2], "tao_weight": 1})):
        with pytest.raises(yk.InputError, match=f"^{name}: expected length 4, as weights have rows, got 2"):
            snapshot_of({**given, name: [1, 2], **stakes})


def test_a_frame_of_the_uids_in_another_order_is_refused() -> None:
    pandas = pytest.importorskip("pandas", exc_type=ImportError)
    frame = pandas.DataFrame(np.eye(4)).loc[[0, 2, 1, 3]]
    for units in ("chain", "float"):
        with pytest.raises(yk.InputError, match=r"^weights\[1\]: expected uids in ascending order"):
            snapshot_of({**FULL, "weights": frame}, units=units)


def test_scalars_hyperparameters_and_the_rest() -> None:
    snapshot = snapshot_of(
        {
            **FULL,
            "hyperparameters": {"kappa": 39321, "yuma3": False},
            "tempo": 99,
            "owner_uid": 1,
            "commit_block": [5, 2**64 - 1, 6, 7],
            "previous_consensus": [1, 2],
            "last_yuma_step_block": 9,
            "hotkeys": ["a", "b", "c", "d"],
            "netuid": 7,
            "meta": {"source": "me"},
            "expected": {"incentive": [0, 0, 65535, 0]},
        }
    )
    assert snapshot.hyperparameters == yk.Hyperparameters(kappa=39321, yuma3=False, tempo=99)
    assert (snapshot.state.owner_uid, snapshot.state.last_yuma_step_block) == (1, 9)
    assert snapshot.state.commit_block is not None
    assert snapshot.state.commit_block.tolist() == [5, 2**64 - 1, 6, 7]
    assert dict(snapshot.meta) == {"source": "me", "netuid": 7}
    assert (snapshot.hotkeys, snapshot.emission) == (("a", "b", "c", "d"), 10**10)
    assert snapshot.expected is not None
    assert list(snapshot.expected) == ["incentive"]


def test_floats() -> None:
    snapshot = snapshot_of(
        {
            **FULL,
            "weights": [[(3, 3.0), (2, 1)], {}, [], []],
            "bonds": [[0, 0, 0.5, 1], [0, 0, 1 / 3, 0], [0] * 4, [0] * 4],
            "stake": [1.000000001, 0.1, "0e-999999999", "5." + 40 * "0"],
            "previous_consensus": [0, 1, 0.5],
            "emission": 41.5,
        },
        units="float",
    )
    uids, values = yk.weights_to_u16({3: 3.0, 2: 1})
    assert snapshot.state.weights.to_rows()[0] == list(zip(uids.tolist(), values.tolist(), strict=True))
    assert snapshot.state.bonds.to_rows()[:2] == [[(2, 32768), (3, 65535)], [(2, 21845)]]
    assert snapshot.state.total_stake.tolist() == [[0, 1_000_000_001], [0, 100_000_000], [0, 0], [0, 5 * 10**9]]
    assert snapshot.state.previous_consensus is not None
    assert snapshot.state.previous_consensus.tolist() == [0, 65535, 32768]
    assert snapshot.emission == 41_500_000_000


@pytest.mark.parametrize("name", [*ASSUMED, "weights", "stake"])
def test_what_is_missing_is_refused(name: str) -> None:
    with pytest.raises(yk.InputError, match=f"^{name}: .*"):
        snapshot_of({key: value for key, value in FULL.items() if key != name})


def test_what_is_assumed_is_named() -> None:
    snapshot = snapshot_of({"weights": ROWS, "stake": FULL["stake"], "tempo": 10}, assume=True)
    assert snapshot.meta["assumed"] == ASSUMED
    state = snapshot.state
    assert state.current_block == 11
    assert set(state.last_update.tolist()) == {11}
    assert state.validator_permit.tolist() == [True, True, False, False]
    result = yk.epoch(state, snapshot.hyperparameters)
    assert result.active.all()
    assert result.incentive.sum() > 0
    bonded = snapshot_of({"weights": ROWS, "stake": FULL["stake"], "bonds": [[(2, 9)], [], [], []]}, assume=True)
    assert "bonds" not in bonded.meta["assumed"]
    assert yk.stages.old_bonds(bonded.state.bonds, bonded.state.block_at_registration, 1, True).uid.tolist() == [2]


@pytest.mark.parametrize(
    ("changes", "units", "field"),
    [
        ({"weight": 1}, "chain", "weight"),
        ({"hyperparameters": {"kapa": 1}}, "chain", "hyperparameters.kapa"),
        ({"hyperparameters": {"kappa": 1}, "kappa": 1}, "chain", "kappa"),
        ({"hyperparameters": 3}, "chain", "hyperparameters"),
        ({"weights": [[0.5] * 4] * 4}, "chain", "weights"),
        ({"weights": [[1, 2, 3]] * 4}, "chain", "weights"),
        ({"weights": [[(4, 1)], [], [], []]}, "chain", "weights"),
        ({"weights": [{"x": 1}, {}, {}, {}]}, "chain", "weights"),
        ({"weights": [[(1, 2, 3)], [], [], []]}, "chain", "weights"),
        ({"weights": [[(1, 2), (1, 3)], [], [], []]}, "chain", "weights"),
        ({"weights": "rows"}, "chain", "weights"),
        ({"weights": [[-1.0] * 4] * 4, "bonds": []}, "float", "weights"),
        ({"weights": [[(1, 2.0), (1, 3)], [], [], []], "bonds": DENSE}, "float", "weights"),
        ({"weights": yk.SparseRows.from_rows(ROWS)}, "float", "weights"),
        ({"bonds": [[1.5] * 4] * 4}, "float", "bonds"),
        ({"stake": [0.0000000001, 0, 0, 0], "bonds": [[0.0] * 4] * 4}, "float", "stake"),
        ({"stake": ["x", 0, 0, 0], "bonds": [[0.0] * 4] * 4}, "float", "stake"),
        ({"stake": [float("nan"), 0, 0, 0], "bonds": [[0.0] * 4] * 4}, "float", "stake"),
        ({"weights": [[1.0, 2.0], [3.0]], "bonds": DENSE}, "float", "weights"),
        ({"weights": [[([1], 2.0)], [], [], []], "bonds": DENSE}, "float", "weights"),
        ({"weights": [[(None, 2.0)], [], [], []], "bonds": DENSE}, "float", "weights"),
        ({"bonds": [[1.0], [0.5, 1.0], [], []]}, "float", "bonds"),
        *(
            ({"stake": [amount, 0, 0, 0], "bonds": [[0.0] * 4] * 4}, "float", "stake")
            for amount in ("1e999999", "-1e999999", "1e-999999999", "1." + 30 * "0" + "1", "20e9", "inf", True)
        ),
        ({"netuid": -1}, "chain", "netuid"),
        ({"meta": [1]}, "chain", "meta"),
        ({}, "floats", "units"),
    ],
)
def test_refused(changes: dict[str, Any], units: Any, field: str) -> None:
    with pytest.raises(yk.InputError) as caught:
        snapshot_of({**FULL, **changes}, units=units)
    assert caught.value.field == field


def _archive() -> bytes:
    """An archive that says of its member that it is compressed in a way that there is not."""
    out = io.BytesIO()
    np.savez(out, kappa=np.array(9))
    content = bytearray(out.getvalue())
    content[content.index(b"PK\1\2") + 10] = 99
    return bytes(content)


_ARCHIVE = _archive()


# -- files ----------------------------------------------------------------------------------------------------------------


def converted(tmp_path: Path, *arguments: str | Path) -> yk.Snapshot:
    assert cli.main(["convert", *map(str, arguments), "-o", str(tmp_path / "out.npz")]) == 0
    return yk.load(tmp_path / "out.npz")


def test_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.json").write_text(json.dumps({**FULL, "hyperparameters": {"kappa": 9}, "owner_uid": None}))
    snapshot = converted(tmp_path, tmp_path / "a.json", "--set", "kappa=10", "--set", "liquid_alpha_consensus_mode=current")
    assert snapshot.state == state_of()
    assert snapshot.hyperparameters == yk.Hyperparameters(kappa=10, liquid_alpha_consensus_mode="current")
    assert snapshot.emission == 10**10
    out, err = capsys.readouterr()
    new, done = err.splitlines()
    assert (out, done) == ("", f"yuma-kernel: {tmp_path / 'out.npz'}: 4 uids, 3 weights")
    assert new.startswith(
        "yuma-kernel: in no file, and so those of a new subnet: bonds_penalty 65535, bonds_moving_average 900000, "
    )
    assert new.endswith(f", commit_reveal True, profile {yk.Hyperparameters().profile}")
    assert "kappa" not in new
    assert "consensus_mode" not in new
    converted(tmp_path, tmp_path / "out.npz", "--set", "kappa=11")
    assert capsys.readouterr().err == f"yuma-kernel: {tmp_path / 'out.npz'}: 4 uids, 3 weights\n"  # a snapshot has all


def test_floats_where_rao_are_meant_are_told_of_the_units() -> None:
    for changes in ({"stake": [1000.0, 5, 0, 0]}, {"stake": [0.5, 5, 0, 0]}):
        with pytest.raises(yk.InputError, match=r"^stake\[0\]: .* in rao.*; --units float takes alpha$"):
            snapshot_of({**FULL, **changes})
    assert (
        snapshot_of({**FULL, "bonds": [[]] * 4, "stake": [1000.0, 5, 0, 0], "emission": 1}, units="float").state.total_stake[
            0, 1
        ]
        == 1000 * 10**9
    )


def test_npz(tmp_path: Path) -> None:
    weights = yk.SparseRows.from_rows(ROWS)
    arrays: dict[str, Any] = {name: np.array(value) for name, value in FULL.items() if name not in ("weights", "bonds")}
    arrays["bonds"] = np.array([[0, 0, 9, 0], [0] * 4, [0] * 4, [0] * 4])
    parts: dict[str, Any] = {f"weights_{part}": getattr(weights, part) for part in ("indptr", "uid", "value")}
    extra: dict[str, Any] = {
        "owner_uid": np.array(-1),
        "yuma3": np.array(False),
        "hotkeys": np.array(list("abcd")),
        "meta": '{"netuid": 3}',
    }
    np.savez(tmp_path / "a.npz", **arrays, **parts, **extra)
    snapshot = converted(tmp_path, tmp_path / "a.npz")
    assert snapshot.state == state_of()
    assert snapshot.hyperparameters == yk.Hyperparameters(yuma3=False)
    assert (snapshot.hotkeys, dict(snapshot.meta)) == (tuple("abcd"), {"netuid": 3})


def test_csv(tmp_path: Path) -> None:
    with open(tmp_path / "weights.csv", "w", newline="") as file:
        csv.writer(file).writerows(DENSE)
    (tmp_path / "b.csv").write_text("row,uid,value\n0,2,9\n3,3,0\n")
    names = ("stake", "last_update", "block_at_registration", "validator_permit")
    with open(tmp_path / "uids.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["uid", *names, "hotkeys"])
        writer.writerows([uid, *(FULL[name][uid] for name in names), f"5F{uid}"] for uid in range(4))
    files = (tmp_path / "weights.csv", f"bonds={tmp_path / 'b.csv'}", tmp_path / "uids.csv")
    snapshot = converted(tmp_path, *files, "--set", "current_block=100")
    assert snapshot.state == state_of(weights=[[(3, 7)], [(2, 65535)], [], []], bonds=[[(2, 9)], [], [], [(3, 0)]])
    assert snapshot.hotkeys == ("5F0", "5F1", "5F2", "5F3")


def test_a_csv_of_entries_has_as_many_uids_as_its_largest(tmp_path: Path) -> None:
    """A miner that sets nothing stands in the column uid alone, a validator that nobody weighs in the column row alone."""
    for text, n in (("row,uid,value\n0,4,7\n", 5), ("row,uid,value\n4,0,7\n", 5)):
        (tmp_path / "weights.csv").write_text(text)
        rows = snapshot_of({**FULL, **read_fields([str(tmp_path / "weights.csv")]), **of_five()}).state.weights
        assert rows.n == n
        assert [len(row) for row in rows.to_rows()].index(1) == int(text.split("\n")[1][0])


def of_five() -> dict[str, Any]:
    """Fields of five uids."""
    by_uid = ("stake", "last_update", "block_at_registration", "validator_permit")
    return {name: [*FULL[name], FULL[name][0]] for name in by_uid} | {"bonds": [[]] * 5}


def test_a_snapshot_with_other_values(tmp_path: Path) -> None:
    before = snapshot_of({**FULL, "netuid": 3, "expected": {"incentive": [0] * 4}, "owner_uid": 2})
    yk.save(tmp_path / "a.npz", before)
    after = converted(tmp_path, tmp_path / "a.npz", "--set", "bonds_penalty=7", "--set", "owner_uid=none")
    assert after.state == state_of()
    assert after.hyperparameters == yk.Hyperparameters(bonds_penalty=7)
    assert (after.meta, after.expected) == (before.meta, None)


def test_assumed_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "w.csv").write_text("0,0.5\n0.25,0\n")
    (tmp_path / "s.json").write_text('{"stake": [1.5, 2]}')
    files = (f"weights={tmp_path / 'w.csv'}", tmp_path / "s.json")
    assert cli.main(["convert", *map(str, files), "--units", "float", "-o", str(tmp_path / "x")]) == 2
    assert "current_block: missing" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()
    assert converted(tmp_path, *files, "--units", "float", "--assume").meta["assumed"] == ASSUMED
    err = capsys.readouterr().err
    assert [line.split()[2].rstrip(":") for line in err.splitlines()[:-2]] == list(ASSUMED)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", b""),
        ("a.json", b"[1]"),
        ("a.json", b"{"),
        ("a.json", b"\xff"),
        ("a.npz", b"PK"),
        ("a.npz", _ARCHIVE),
        ("a.npz", b""),
        ("a.npz", b"\x93NUMPY"),
        ("weights.csv", b""),
        ("weights.csv", b"1,x\n"),
        ("weights.csv", b"row,uid,value\n"),
        ("weights.csv", b"row,uid,value\n1,2\n"),
        ("weights.csv", b"row,uid,value\n-1,2,3\n"),
        ("uids.csv", b"stake,colour\n1,2\n"),
        ("uids.csv", b"stake,stake\n1,2\n"),
        ("uids.csv", b"uid,stake\n1,2\n"),
        ("uids.csv", b"\xff"),
    ],
)
def test_broken_files(name: str, content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / name).write_bytes(content)
    assert cli.main(["convert", str(tmp_path / name), "-o", str(tmp_path / "out")]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith(f"yuma-kernel: error: {tmp_path / name}")


def test_a_field_twice_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "fields.json"
    for text in ('{"kappa": 1, "tempo": 2, "kappa": 3}', '{"hyperparameters": {"kappa": 1, "kappa": 1}}'):
        path.write_text(text)
        with pytest.raises(yk.InputError, match="'kappa' stands twice"):
            read_fields([str(path)])


def test_a_field_in_two_files(tmp_path: Path) -> None:
    for name in ("a.json", "b.json"):
        (tmp_path / name).write_text('{"kappa": 1}')
    with pytest.raises(yk.InputError, match="expected once"):
        read_fields([str(tmp_path / "a.json"), str(tmp_path / "b.json")])
    with pytest.raises(FileNotFoundError):
        read_fields([str(tmp_path / "c.json")])


@pytest.mark.parametrize("text", ["kappa", "=1", "weights=1", "kappa=x", "colour=1", "stake=1"])
def test_wrong_settings(text: str) -> None:
    with pytest.raises(yk.InputError):
        setting(text)


def test_the_page_lists_every_field() -> None:
    page = (Path(__file__).resolve().parents[1] / "docs" / "convert.md").read_text()
    hyperparameters = set(yk.Hyperparameters.__dataclass_fields__)
    for name in FIELDS - hyperparameters:
        assert f"`{name}`" in page
