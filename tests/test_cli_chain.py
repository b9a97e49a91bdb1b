"""The commands that ask a node: what they print and save, and their exit codes."""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("click", reason="the command line needs the extra: yuma-kernel[cli]")

import yuma_kernel as yk
from chain_history import Past, live, small, weighing
from chain_node import Node, State
from test_chain_payout import facts
from test_chain_schedule import put_clock
from yuma_kernel.chain.schedule import Clock
from yuma_kernel.cli import main

NETUID = 7


@pytest.fixture(scope="module")
def past() -> Past:
    chance = random.Random(11)
    start, stakes = small(chance, 12, 475, 2)

    def before(block: int, state: State) -> None:
        facts(state)
        put_clock(state, NETUID, Clock(360, block - 360, 0, 100))

    return live(Node(475), NETUID, start, stakes, 3, 360, weighing(chance), before=before)


@pytest.fixture
def url(past: Past) -> Iterator[str]:
    with past.node.http() as url:
        yield url


def ask(capsys: pytest.CaptureFixture[str], *arguments: Any) -> tuple[int, str, str]:
    try:
        code = main(list(map(str, arguments)))
    except SystemExit as error:
        code = int(error.code or 0)
    out, err = capsys.readouterr()
    return code, out, err


def test_fetch(past: Past, url: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    block = past.blocks[1] - 1
    file = tmp_path / "here.npz"
    code, out, err = ask(capsys, "fetch", "--network", url, "--netuid", NETUID, "--block", block, "-o", file)
    assert (code, err) == (0, "")
    assert "finney" in out
    saved = yk.load(file)
    again = yk.chain.snapshot(url, NETUID, block=block)
    assert (saved.state, saved.hyperparameters, saved.emission) == (again.state, again.hyperparameters, again.emission)
    assert url.rpartition(":")[2] in saved.meta["source"]
    code, out, _ = ask(capsys, "fetch", "--network", url, "--netuid", NETUID, "--mechanism", "all", "-o", tmp_path, "--json")
    assert code == 0
    document = json.loads(out)["snapshots"]
    assert [Path(entry["file"]).name for entry in document] == [
        f"sn7_block{past.blocks[-1]}_mechanism{k}.npz" for k in (0, 1)
    ]
    assert yk.load(document[1]["file"]).meta["mechanism"] == 1
    code, _, err = ask(capsys, "fetch", "--network", url, "--netuid", NETUID, "--mechanism", "x")
    assert (code, err) == (2, "yuma-kernel: error: mechanism: expected a number or all, got 'x'\n")


def test_next(past: Past, url: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = ask(capsys, "next", "--network", url, "--netuid", NETUID)
    assert code == 0
    assert str(past.blocks[-1] + 360) in out
    assert "1 h 12 min" in out
    code, out, _ = ask(capsys, "next", "--network", url, "--netuid", NETUID, "--json")
    assert json.loads(out)["blocks_left"] == 360
    code, out, _ = ask(capsys, "next", "--network", url, "--netuid", NETUID, "--csv")
    (row,) = csv.DictReader(io.StringIO(out))
    assert row["block"] == str(past.blocks[-1] + 360)


def test_forecast(past: Past, url: str, capsys: pytest.CaptureFixture[str]) -> None:
    block = past.blocks[2] - 1
    code, out, _ = ask(capsys, "forecast", "--network", url, "--netuid", NETUID, "--block", block)
    assert code == 0
    assert f"epoch of block {past.blocks[2]}, 1 block after {block}" in out
    assert "What can still change it" in out
    code, out, _ = ask(capsys, "forecast", "--network", url, "--netuid", NETUID, "--block", block, "--json")
    document = json.loads(out)
    assert document["emission"]["estimate_rao"] == past.emissions[2]
    assert document["incentive"] == [result.incentive.tolist() for result in past.results[2]]
    code, out, _ = ask(capsys, "forecast", "--network", url, "--netuid", NETUID, "--block", block, "--csv", "--all")
    assert len(list(csv.DictReader(io.StringIO(out)))) == 12


def test_audit(past: Past, url: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    asked = ("audit", "--network", url, "--netuid", NETUID)
    code, out, err = ask(
        capsys, "audit", "--network", url, "--netuid", NETUID, "--last", 3, "--save", tmp_path / "s", "--csv"
    )
    assert (code, err) == (0, "yuma-kernel: subnet 7: 3 epochs, 0 with differences, 0 not audited\n")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [int(row["block"]) for row in rows] == past.blocks
    assert {row["verdict"] for row in rows} == {"no difference"}
    assert len(list((tmp_path / "s").iterdir())) == 6
    (tmp_path / "s" / f"sn7_block{past.blocks[1]}_mechanism0.npz").unlink()
    (tmp_path / "s" / f"sn7_block{past.blocks[1]}_mechanism1.npz").unlink()
    code, out, err = ask(capsys, *asked, "--last", 3, "--save", tmp_path / "s", "--resume")
    left_out = f"2 left out, as {tmp_path / 's'} has them without a difference"
    assert (code, err) == (0, f"yuma-kernel: subnet 7: 1 epoch, 0 with differences, 0 not audited, {left_out}\n")
    assert "with differences" not in out  # once is enough
    assert len(list((tmp_path / "s").iterdir())) == 6
    code, out, err = ask(capsys, *asked, "--since", past.blocks[1])
    assert "2 epochs" in err
    code, out, err = ask(capsys, *asked, "--since", past.blocks[0], "--block", past.blocks[1])
    assert "2 epochs" in err  # both ends are among them
    state = past.node.states[past.blocks[1]]
    key = next(key for key in state.values if key.startswith(state.layout.raw(yk.chain.layout.Key("Consensus", (NETUID,)))))
    was = state.values[key]
    state.values[key] = was[:-1] + bytes([was[-1] ^ 1])
    code, out, err = ask(capsys, *asked, "--block", past.blocks[1], "--json", "--save", tmp_path / "s")
    assert code == 1
    (audit,) = json.loads(out)["audits"]
    assert audit["differences"][0]["stage"] == "consensus"
    # what was found once is not forgotten by who goes on, nor is what is there in part taken for whole
    (tmp_path / "s" / f"sn7_block{past.blocks[0]}_mechanism1.npz").write_bytes(b"")
    code, out, err = ask(capsys, *asked, "--last", 3, "--save", tmp_path / "s", "--resume", "--json")
    state.values[key] = was
    assert code == 1
    document = json.loads(out)
    assert document["skipped"] == [past.blocks[2]]
    assert [audit["block"] for audit in document["audits"]] == past.blocks[:2]
    code, out, err = ask(capsys, *asked, "--since", past.blocks[2] + 1)
    assert code == 2
    assert "there was no epoch in these blocks" in err
    gone = past.node.states.pop(past.blocks[0] - 1)
    state.values[key] = was[:-1] + bytes([was[-1] ^ 1])
    code, out, err = ask(capsys, *asked, "--last", 3)
    state.values[key] = was
    assert code == 1  # a difference is said, whatever else could not be
    assert "1 with differences, 1 not audited" in err
    code, out, err = ask(capsys, *asked, "--last", 3)
    past.node.states[past.blocks[0] - 1] = gone
    assert code == 2
    assert "archive node" in out + err


def test_payout(past: Past, url: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = ask(capsys, "payout", "--network", url, "--netuid", NETUID, "--block", past.blocks[1])
    assert code == 0
    assert "miner" in out
    assert "is an estimate" in err
    code, out, _ = ask(capsys, "payout", "--network", url, "--netuid", NETUID, "--block", past.blocks[1], "--csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    miners = {int(row["uid"]): int(row["alpha_rao"]) for row in rows if row["as"] == "miner"}
    expected = sum(result.server_emission for result in past.results[1])
    assert miners[9] == int(expected[9])  # type: ignore[index]
    code, out, _ = ask(capsys, "payout", "--network", url, "--netuid", NETUID, "--json", "--block", past.blocks[1])
    assert json.loads(out)["miners"]["paid"][9] == miners[9]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["next", "--netuid", "0"], "--netuid"),
        (["next"], "--netuid"),
        (["next", "--netuid", "7", "--network", "nowhere"], "source: expected a URL"),
        (["next", "--netuid", "7", "--network", "http://127.0.0.1:9", "--attempts", "1"], "was not reached"),
        (["audit", "--netuid", "7", "--last", "1", "--since", "1"], "--since: not allowed with --last"),
        (["audit", "--netuid", "7", "--resume"], "--resume: needs --save"),
        (["audit", "--netuid", "7", "--block", "1", "--since", "5"], "block: expected a block from 5 on"),
    ],
)
def test_errors(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = ask(capsys, *arguments)
    assert (code, out) == (2, "")
    assert message in err


def test_the_network_by_the_environment(
    past: Past, url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YUMA_NETWORK", url)
    code, out, _ = ask(capsys, "next", "--netuid", NETUID, "--json")
    assert (code, json.loads(out)["network"]) == (0, "finney")
