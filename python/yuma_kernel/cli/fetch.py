"""`yuma-kernel fetch`: a subnet from a node into a snapshot's file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from yuma_kernel.cli.network import asks
from yuma_kernel.cli.output import Table, alpha, emit, formats
from yuma_kernel.errors import InputError
from yuma_kernel.snapshot import Snapshot, save


@click.command(short_help="Save a subnet as a node has it.")
@asks
@formats
@click.option("--mechanism", default="0", help="One mechanism of the subnet, or all. Default: 0.")
@click.option("-o", "--output", type=click.Path(), help="The file, or with all mechanisms the folder. Default: by its name.")
def command(
    network: str,
    netuid: int,
    block: int | None,
    profile: int | None,
    patience: dict[str, Any],
    form: str,
    mechanism: str,
    output: str | None,
) -> None:
    """Reads a subnet as it is stored after a block (the input of the next block's epoch) and saves it as a snapshot."""
    from yuma_kernel import chain

    if mechanism == "all":
        subnet = chain.subnet(network, netuid, block=block, profile=profile, **patience)
        folder = Path(output or ".")
        files = [(folder / _name(snapshot), snapshot) for snapshot in subnet.snapshots]
    elif mechanism.isascii() and mechanism.isdigit() and len(mechanism) < 4:
        snapshot = chain.snapshot(network, netuid, block=block, mechanism=int(mechanism), profile=profile, **patience)
        files = [(Path(output or _name(snapshot)), snapshot)]
    else:
        raise InputError("mechanism", f"expected a number or all, got {mechanism!a:.40}")
    for path, snapshot in files:
        save(path, snapshot)
    table = _table(files)
    saved = [{**row, "meta": snapshot.meta} for row, (_, snapshot) in zip(table.rows(), files, strict=True)]
    emit(form, {"snapshots": saved}, table)


def _name(snapshot: Snapshot) -> str:
    meta = snapshot.meta
    several = f"_mechanism{meta['mechanism']}" if meta["mechanisms"] > 1 else ""
    return f"sn{meta['netuid']}_block{meta['state_of_block']}{several}.npz"


def _table(files: list[tuple[Path, Snapshot]]) -> Table:
    snapshots = [snapshot for _, snapshot in files]
    columns: dict[str, list[Any]] = {
        "file": [str(path) for path, _ in files],
        "netuid": [s.meta["netuid"] for s in snapshots],
        "mechanism": [s.meta["mechanism"] for s in snapshots],
        "state_of_block": [s.meta["state_of_block"] for s in snapshots],
        "network": [s.meta["network"] for s in snapshots],
        "runtime": [s.meta["runtime"]["spec_version"] for s in snapshots],
        "profile": [s.hyperparameters.profile for s in snapshots],
        "uids": [s.state.n for s in snapshots],
        "weights": [s.state.weights.uid.size for s in snapshots],
        "emission_rao": [s.emission for s in snapshots],
    }
    people = {**columns, "emission_rao": [alpha(s.emission) for s in snapshots]}
    headers = {"state_of_block": "state of block", "emission_rao": "pending (alpha)"}
    return Table(columns, people, headers, left=("file", "network"))
