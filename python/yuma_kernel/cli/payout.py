"""`yuma-kernel payout`: who is paid what of an epoch."""

from __future__ import annotations

from typing import Any

import click

from yuma_kernel.cli.network import asks
from yuma_kernel.cli.output import emit, formats, note


@click.command(short_help="Say who is paid what of an epoch.")
@asks
@formats
def command(network: str, netuid: int, block: int | None, profile: int | None, patience: dict[str, Any], form: str) -> None:
    """Says who is paid what of the epoch of --block, or of the next one as it is forecast.

    Miners are paid their emission to the rao, validators and those behind them by stake. What is an estimate is said.
    """
    from yuma_kernel import chain

    found = chain.payout(network, netuid, block, profile=profile, **patience)
    emit(form, found.to_dict(), found.table())
    for text in found.notes:
        note(text)
