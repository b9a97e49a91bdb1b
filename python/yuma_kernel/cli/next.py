"""`yuma-kernel next`: when a subnet's next epoch is."""

from __future__ import annotations

from typing import Any

import click

from yuma_kernel.cli.network import asks
from yuma_kernel.cli.output import Table, emit, formats


@click.command(short_help="Say when the next epoch is.")
@asks
@formats
def command(network: str, netuid: int, block: int | None, profile: int | None, patience: dict[str, Any], form: str) -> None:
    """Says when the next epoch of a subnet is, by the rules of its runtime: the tempo, what is set, what is put off."""
    from yuma_kernel import chain

    found = chain.next_epoch(network, netuid, block=block, **patience)
    columns = {name: [value] for name, value in found.to_dict().items()}
    people = {name: columns[name] for name in ("netuid", "block", "blocks_left", "put_off", "head", "reason")}
    people["about"] = ["" if found.seconds_left is None else _duration(found.seconds_left)]
    emit(form, found.to_dict(), Table(columns, people, {"blocks_left": "blocks left"}, left=("reason", "about")))


def _duration(seconds: int) -> str:
    hours, minutes = divmod(seconds // 60, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min"
