"""`yuma-kernel convert`: a snapshot from JSON, CSV and NPZ files."""

from __future__ import annotations

from typing import cast

import click

from yuma_kernel.cli.output import note
from yuma_kernel.convert import Units, of_a_new_subnet, read_fields, setting, snapshot_of
from yuma_kernel.errors import InputError
from yuma_kernel.snapshot import save

_EPILOG = """\
\b
  yuma-kernel convert subnet.json -o epoch.npz
  yuma-kernel convert weights.csv bonds.csv uids.csv --set current_block=4000000 -o epoch.npz
  yuma-kernel convert weights=w.csv stake.npz --units float --assume -o epoch.npz
  yuma-kernel convert epoch.npz --set kappa=39321 -o other.npz

docs/convert.md has the fields and their forms.
"""


@click.command(epilog=_EPILOG, short_help="Make a snapshot of JSON, CSV or NPZ matrices.")
@click.argument("files", nargs=-1, required=True, metavar="[NAME=]FILE...")
@click.option(
    "-o", "--output", required=True, metavar="SNAPSHOT", help="The .npz file to write; an existing one is replaced."
)
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="A single value, over what the files say.")
@click.option(
    "--units",
    type=click.Choice(["chain", "float"]),
    default="chain",
    help="chain: integers as stored (default). float: weights of any scale, bonds from 0 to 1, amounts in alpha.",
)
@click.option("--assume", is_flag=True, help="Fill what is missing and say with what, instead of refusing it.")
def command(files: tuple[str, ...], output: str, settings: tuple[str, ...], units: str, assume: bool) -> None:
    """Makes a snapshot of the fields that stand in the FILES: .json, .csv and .npz."""
    fields = read_fields(list(files))
    inner = fields.get("hyperparameters")
    for name, value in map(setting, settings):
        if isinstance(inner, dict):
            inner.pop(name, None)
        fields[name] = value
    snapshot = snapshot_of(fields, units=cast(Units, units), assume=assume)
    try:
        save(output, snapshot)
    except InputError as error:
        raise error.within(output) from None
    for name, value in snapshot.meta.get("assumed", {}).items():
        note(f"assumed {name}: {value}")
    new = of_a_new_subnet(fields)
    if new:
        values = ", ".join(f"{name} {getattr(snapshot.hyperparameters, name)}" for name in new)
        note(f"in no file, and so those of a new subnet: {values}")
    note(f"{output}: {snapshot.state.n} uids, {snapshot.state.weights.uid.size} weights")
