"""`yuma-kernel forecast`: the next epoch of a subnet as it would be."""

from __future__ import annotations

from typing import Any

import click

from yuma_kernel.cli.network import asks
from yuma_kernel.cli.output import emit, formats


@click.command(short_help="Compute the next epoch as it would be.")
@asks
@formats
@click.option("--all", "everybody", is_flag=True, help="Show every uid, also those that earn nothing.")
def command(
    network: str,
    netuid: int,
    block: int | None,
    profile: int | None,
    patience: dict[str, Any],
    form: str,
    everybody: bool,
) -> None:
    """Computes the next epoch of a subnet from the newest state (or that of a block), and says what can still change it."""
    from yuma_kernel import chain

    found = chain.forecast(network, netuid, block=block, profile=profile, **patience)
    emit(form, found.to_dict(), found.table(everybody), found.table_of_changes())
