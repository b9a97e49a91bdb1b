"""`yuma-kernel epoch`: the epoch of a snapshot."""

from __future__ import annotations

import importlib.resources
from typing import Any, Final

import click

from yuma_kernel.arrays import U16_MAX
from yuma_kernel.cli.output import Table, alpha, emit, formats, note
from yuma_kernel.epoch import BACKENDS, DEFAULT_BACKEND, epoch
from yuma_kernel.errors import InputError
from yuma_kernel.results import OUTPUTS, EpochResult
from yuma_kernel.snapshot import Snapshot, load

_COLUMNS: Final = ("stake_weight", "validator_trust", "consensus", "incentive", "dividends", "emission", "validator_permit")
_SORTS: Final = ("uid", *_COLUMNS, "hotkey")
_HEADERS: Final = {
    "emission_rao": "emission (rao)", "emission_alpha": "emission (alpha)", "validator_permit": "permit",
}  # fmt: skip

_EPILOG: Final = """\
\b
Values are the integers that the chain stores: proportions are of 65535, emission is in rao.
Exit codes: 0 done (and equal, with --check), 1 a difference, 2 anything that kept it from being computed or compared.
"""


def parse_uids(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> tuple[int, ...]:
    """Uids separated by commas, and the option more than once: each uid once, in ascending order."""
    parts = [part.strip() for text in value for part in text.split(",")]
    for part in parts:
        if not (part.isascii() and part.isdigit() and len(part) < 9):
            raise click.BadParameter(f"expected uids separated by commas, got {part!a:.40}", ctx, param)
    return tuple(sorted(set(map(int, parts))))


@click.command(epilog=_EPILOG, short_help="Compute the epoch of a snapshot.")
@click.argument("snapshot", required=False)
@formats
@click.option("--all", "everybody", is_flag=True, help="Show every uid, also those that earn nothing.")
@click.option(
    "--uid", "chosen", callback=parse_uids, multiple=True, metavar="UID[,UID...]", help="Show these, whatever they earn."
)
@click.option("--sort", type=click.Choice(_SORTS), default="uid", help="Largest first, but for uid and hotkey. Ties by uid.")
@click.option(
    "--units",
    type=click.Choice(["chain", "float"]),
    default="chain",
    help="chain: the integers that are stored (default). float: proportions from 0 to 1, emission in alpha.",
)
@click.option("--backend", type=click.Choice(tuple(BACKENDS)), default=DEFAULT_BACKEND, help=f"Default: {DEFAULT_BACKEND}.")
@click.option("--check", is_flag=True, help="Compare the outputs with those that the snapshot expects.")
def command(
    snapshot: str | None,
    form: str,
    everybody: bool,
    chosen: tuple[int, ...],
    sort: str,
    units: str,
    backend: str,
    check: bool,
) -> int:
    """Computes the epoch of SNAPSHOT, an .npz file (default: the bundled example), and shows who earns something."""
    loaded = opened(snapshot)
    if check and loaded.expected is None:
        raise InputError(
            snapshot or "example",
            "there is nothing to check against: no expect_* in the snapshot; those that `audit --save` writes have them",
        )
    if sort == "hotkey" and loaded.hotkeys is None:
        raise InputError(snapshot or "example", "there are no hotkeys in the snapshot to sort by")
    for uid in chosen:
        if uid >= loaded.state.n:
            raise InputError("uid", f"expected a uid below n = {loaded.state.n}, got {uid}")
    result = epoch(loaded.state, loaded.hyperparameters, emission=loaded.emission, backend=backend)

    code = _check(loaded, result) if check else 0
    earns = (result.incentive != 0) | (result.dividends != 0) | (result.emission != 0)
    uids = list(chosen) or [uid for uid in range(loaded.state.n) if everybody or earns[uid]]
    if sort == "hotkey":
        assert loaded.hotkeys is not None
        uids.sort(key=loaded.hotkeys.__getitem__)
    elif sort != "uid":
        values = getattr(result, sort).tolist()
        uids.sort(key=lambda uid: -int(values[uid]))
    if loaded.emission == 0:
        note("the snapshot has no emission to divide, so nothing is paid; `forecast` estimates what the next epoch pays")
    table = _table(loaded, result, uids, units)
    emit(form, {**_head(loaded, units), "uids": table.rows()} if form == "json" else {}, table)
    return code


def opened(path: str | None) -> Snapshot:
    """The snapshot of a command's argument; the bundled example where there is none."""
    if path is not None:
        return load(path)
    with importlib.resources.as_file(importlib.resources.files("yuma_kernel") / "data" / "example.npz") as example:
        return load(example)


def _check(snapshot: Snapshot, result: EpochResult) -> int:
    expected = snapshot.expected or {}
    difference = result.first_difference(expected)
    if difference is not None:
        note(f"check failed: {difference}")
        return 1
    note(f"check passed: {', '.join(expected)} of {snapshot.state.n} uids are equal")
    missing = [name for name in OUTPUTS if name not in expected]
    if missing:
        note(f"not checked, as they do not stand in the snapshot: {', '.join(missing)}")
    return 0


def _head(snapshot: Snapshot, units: str) -> dict[str, Any]:
    """What stands before the uids in JSON; netuid and meta where the snapshot has them."""
    head: dict[str, Any] = {
        "n": snapshot.state.n,
        "current_block": snapshot.state.current_block,
        "profile": snapshot.hyperparameters.profile,
        "emission_rao": snapshot.emission,
    }
    if "netuid" in snapshot.meta:
        head["netuid"] = snapshot.meta["netuid"]
    if snapshot.meta:
        head["meta"] = snapshot.meta
    return head if units == "chain" else {**head, "units": units}


def _table(snapshot: Snapshot, result: EpochResult, uids: list[int], units: str) -> Table:
    columns: dict[str, list[Any]] = {"uid": uids}
    people: dict[str, list[Any]] = {"uid": uids}
    for name in _COLUMNS:
        values = getattr(result, name)[uids].tolist()
        if name == "emission":
            if units == "chain":
                columns["emission_rao"] = people["emission_rao"] = values
            else:
                columns["emission_alpha"] = [rao / 10**9 for rao in values]
            people["emission_alpha"] = [alpha(rao) for rao in values]
        else:
            if units == "float" and name != "validator_permit":
                values = [value / U16_MAX for value in values]
            columns[name] = people[name] = values
    if snapshot.hotkeys is not None:
        columns["hotkey"] = people["hotkey"] = [snapshot.hotkeys[uid] for uid in uids]
    netuid = f"subnet {snapshot.meta['netuid']}, " if type(snapshot.meta.get("netuid")) is int else ""
    of = "\nproportions are of 65535; --units float: from 0 to 1" if units == "chain" and uids else ""
    caption = (
        f"{netuid}{len(uids)} of {snapshot.state.n} uids, block {snapshot.state.current_block}, "
        f"emission {snapshot.emission} rao ({alpha(snapshot.emission)} alpha){of}"
    )
    return Table(columns, people, _HEADERS, caption=caption)
