"""`yuma-kernel payout`: who is paid what of an epoch."""

from __future__ import annotations

from typing import Any

import click

from yuma_kernel.cli.network import asks
from yuma_kernel.cli.output import Table, alpha, emit, formats, note

_PAID = ("alpha_rao", "root_rao", "withheld_rao")


@click.command(short_help="Say who is paid what of an epoch.")
@asks
@formats
def command(network: str, netuid: int, block: int | None, profile: int | None, patience: dict[str, Any], form: str) -> None:
    """Says who is paid what of the epoch of --block, or of the next one as it is forecast.

    Miners are paid their emission to the rao, validators and those behind them by stake. What is an estimate is said.
    """
    from yuma_kernel import chain

    found = chain.payout(network, netuid, block, profile=profile, **patience)
    uids = {hotkey: uid for uid, hotkey in enumerate(found.hotkeys)}
    rows: list[tuple[str, int | None, str, int, int, int]] = []
    for uid, (paid, withheld) in enumerate(zip(found.miners.paid, found.miners.withheld, strict=True)):
        if paid or withheld:
            rows.append(("miner", uid, found.hotkeys[uid], paid, 0, withheld))
    for payment in found.validators.payments.values():
        if payment.alpha or payment.root:
            hotkey = str(payment.hotkey)
            rows.append(("validator", uids.get(hotkey), hotkey, payment.alpha, payment.root, 0))
    names = ("as", "uid", "hotkey", *_PAID)
    columns: dict[str, list[Any]] = {name: [row[at] for row in rows] for at, name in enumerate(names)}
    people = {name: [alpha(v) for v in values] if name in _PAID else values for name, values in columns.items()}
    caption = (
        f"subnet {netuid}, epoch of block {found.block}: miners {alpha(sum(found.miners.paid))}, "
        f"validators {alpha(sum(columns['alpha_rao']) - sum(found.miners.paid))}, root {alpha(sum(columns['root_rao']))}, "
        f"withheld {alpha(sum(found.miners.withheld))} alpha"
    )
    headers = {"alpha_rao": "alpha", "root_rao": "to root (alpha)", "withheld_rao": "withheld (alpha)"}
    emit(form, found.to_dict(), Table(columns, people, headers, left=("as", "hotkey"), caption=caption))
    for text in found.notes:
        note(text)
