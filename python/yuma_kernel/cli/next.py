"""`yuma-kernel next`: when a subnet's next epoch is."""

from __future__ import annotations

from typing import Any

import click

from yuma_kernel.cli.network import asks
from yuma_kernel.cli.output import emit, formats


@click.command(short_help="Say when the next epoch is.")
@asks
@formats
def command(network: str, netuid: int, block: int | None, profile: int | None, patience: dict[str, Any], form: str) -> None:
    """Says when the next epoch of a subnet is, by the rules of its runtime: the tempo, what is set, what is put off."""
    from yuma_kernel import chain

    found = chain.next_epoch(network, netuid, block=block, **patience)
    emit(form, found.to_dict(), found.table())
