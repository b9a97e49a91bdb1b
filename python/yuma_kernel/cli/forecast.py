"""`yuma-kernel forecast`: the next epoch of a subnet as it would be."""

from __future__ import annotations

from typing import Any, Final

import click

from yuma_kernel.cli.network import asks
from yuma_kernel.cli.output import Table, alpha, emit, formats

_COLUMNS: Final = ("validator_trust", "consensus", "dividends", "server_emission", "validator_emission", "validator_permit")


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
    result, hotkeys = found.result, found.snapshot.hotkeys or ()
    earns = (result.server_emission != 0) | (result.validator_emission != 0)
    uids = [uid for uid in range(len(earns)) if everybody or earns[uid]]
    columns: dict[str, list[Any]] = {"uid": uids}
    for number, mechanism in enumerate(result.mechanisms):
        name = "incentive" if len(result.mechanisms) == 1 else f"incentive_{number}"
        columns[name] = mechanism.incentive[uids].tolist()
    for name in _COLUMNS:
        columns[f"{name}_rao" if name.endswith("emission") else name] = getattr(result, name)[uids].tolist()
    columns["hotkey"] = [hotkeys[uid] for uid in uids]
    caption = (
        f"subnet {found.netuid}, epoch of block {found.block}, {found.next.blocks_left} blocks after {found.head}: "
        f"{found.emission} rao ({alpha(found.emission)} alpha) by estimate, {sum(found.pending.values())} of it pending"
    )
    kinds = Table(
        {"kind": [change.kind for change in found.changes], "uid": [change.uid for change in found.changes],
         "what": [change.text for change in found.changes]},
        left=("kind", "what"), title="What can still change it",
    )  # fmt: skip
    emit(form, found.to_dict(), Table(columns, headers={"validator_permit": "permit"}, caption=caption), kinds)
