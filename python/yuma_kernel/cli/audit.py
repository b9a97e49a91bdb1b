"""`yuma-kernel audit`: past epochs of a subnet, computed again."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from yuma_kernel.cli.network import asks
from yuma_kernel.cli.output import emit, formats, note, progress
from yuma_kernel.errors import InputError
from yuma_kernel.snapshot import load

_EPILOG = """\
\b
A past state is known to archive nodes alone: --network archive for the main network.
A file that is saved is a snapshot with what the chain stored: yuma-kernel epoch FILE --check.
Exit codes: 0 every epoch is what the chain stored, 1 a difference, 2 anything that kept one from being audited, also where
there is none.
"""


@click.command(epilog=_EPILOG, short_help="Hold past epochs to what the chain stored.")
@asks
@formats
@click.option("--last", type=click.IntRange(1), help="So many epochs, up to --block or the newest.")
@click.option("--since", type=click.IntRange(0), help="All epochs from this block on, up to --block or the newest.")
@click.option("--threads", type=click.IntRange(1, 64), default=4, help="Epochs that are read at a time. Default: 4.")
@click.option("--save", "folder", type=click.Path(file_okay=False), help="Write the snapshots into this folder.")
@click.option("--resume", is_flag=True, help="With --save: leave out the epochs that the folder has without a difference.")
def command(
    network: str,
    netuid: int,
    block: int | None,
    profile: int | None,
    patience: dict[str, Any],
    form: str,
    last: int | None,
    since: int | None,
    threads: int,
    folder: str | None,
    resume: bool,
) -> int:
    """Computes past epochs again from the state before them, and compares all that the chain stored of them.

    Without --last and --since: the epoch of --block, or the newest one.
    """
    from yuma_kernel import chain

    if last is not None and since is not None:
        raise click.UsageError("--since: not allowed with --last", click.get_current_context())
    if since is not None and block is not None and block < since:
        raise InputError("block", f"expected a block from {since} on, got {block}")
    if resume and folder is None:
        raise click.UsageError("--resume: needs --save", click.get_current_context())
    items: list[chain.Audit | chain.Failure] = []

    def keep(item: chain.Audit | chain.Failure) -> None:
        items.append(item)
        if folder is not None and isinstance(item, chain.Audit):
            Path(folder).mkdir(parents=True, exist_ok=True)
            item.save(folder)

    span = last if since is None else (since, None if block is None else block + 1)
    if span is None:
        keep(chain.audit(network, netuid, block, profile=profile, **patience))
        audits = chain.Audits(items)
    else:
        saved = _saved(Path(folder), netuid) if resume and folder is not None else []
        with contextlib.ExitStack() as stack:
            bars: list[Callable[[int], None]] = []

            def done(count: int, of: int) -> None:
                if not bars:  # how many there are is known with the first
                    bars.append(stack.enter_context(progress(f"subnet {netuid}", of)))
                bars[0](count)

            audits = chain.audit(
                network, netuid, block if since is None else None, range=span, profile=profile, threads=threads,
                progress=done, seen=keep, skip=saved, **patience,
            )  # fmt: skip
    emit(form, audits.to_dict(), replace(audits.table(), caption=""))
    skipped = f", as {folder} has them without a difference" if audits.skipped else ""
    note(f"subnet {netuid}: {audits.verdict}{skipped}")
    if not audits and not audits.skipped:
        note("there was no epoch in these blocks, or there is no such subnet")
        return 2
    return 1 if audits.different else 2 if audits.failures else 0


def _saved(folder: Path, netuid: int) -> list[int]:
    """The blocks of the epochs of which the folder has every mechanism, without a difference."""
    left: dict[int, int] = {}
    for path in folder.glob(f"sn{netuid}_block*.npz"):
        match = re.fullmatch(rf"sn{netuid}_block(\d+)(?:_mechanism\d+)?\.npz", path.name)
        if match is None:
            continue
        try:
            meta = load(path).meta
        except InputError:  # no snapshot of ours
            continue
        if meta.get("differences") == () and isinstance(mechanisms := meta.get("mechanisms"), int):
            block = int(match[1])
            left[block] = left.get(block, mechanisms) - 1
    return [block for block, missing in left.items() if missing <= 0]
