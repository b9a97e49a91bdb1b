"""`yuma-kernel search`: how much of something is needed, to the unit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import click

from yuma_kernel import search
from yuma_kernel.cli.epoch import opened
from yuma_kernel.cli.output import emit, formats, write
from yuma_kernel.epoch import BACKENDS, DEFAULT_BACKEND

_KINDS: Final[Mapping[str, tuple[Callable[..., search.Found], str | None]]] = {
    "blend": (search.blend_for_trust, "trust"),
    "stake": (search.stake_for_permit, None),
    "share": (search.share_before_clip, "to"),
}
"""By what is searched, the search and the option that it needs beside the uid."""

_EPILOG: Final = """\
\b
What is searched:
  blend --uid UID --trust T   the least blend with the consensus that brings it this validator trust
  stake --uid UID             the least stake, in rao, with which it gets a permit
  share --uid UID --to UID    the largest share that it may give to one uid before it is clipped

\b
  yuma-kernel search sn7.npz blend --uid 17 --trust 0.95
  yuma-kernel search sn7.npz stake --uid 30 --json

JSON has the value in its unit (65535ths of a share, or rao), the change that it comes to, and where it is lost again; CSV
and JSON have every number that was asked, and its answer.
Exit codes: 0 found, 1 there is none, 2 anything that kept it from being computed.
"""


@click.command(epilog=_EPILOG, short_help="Find how much of something is needed, to the unit.")
@click.argument("snapshot")
@click.argument("kind", type=click.Choice(tuple(_KINDS)))
@click.option("--uid", type=click.IntRange(min=0), required=True, help="Whose blend, stake or share.")
@click.option("--trust", type=click.FloatRange(0, 1), help="blend: the validator trust to reach, 0 to 1.")
@click.option("--to", type=click.IntRange(min=0), help="share: the uid that is given it.")
@formats
@click.option("--backend", type=click.Choice(tuple(BACKENDS)), default=DEFAULT_BACKEND, help=f"Default: {DEFAULT_BACKEND}.")
def command(snapshot: str, kind: str, uid: int, trust: float | None, to: int | None, form: str, backend: str) -> int:
    """Finds how much of a KIND of change of the subnet of SNAPSHOT, an .npz file, is needed in its next epoch."""
    ask, needed = _KINDS[kind]
    given: dict[str, Any] = {"trust": trust, "to": to}
    for option, value in given.items():
        if (value is not None) != (option == needed):
            said = f"{kind} needs" if option == needed else f"{kind} takes no"
            raise click.UsageError(f"{said} --{option}", click.get_current_context())
    loaded = opened(snapshot)
    wanted = () if needed is None else (given[needed],)
    found = ask(loaded.state, loaded.hyperparameters, uid, *wanted, backend=backend)
    if form == "table":
        write(f"{found}\n" + (f"That is: {found.change}\n" if found.change is not None else ""))
    else:
        emit(form, found.to_dict, found.table())
    return 0 if found.value is not None else 1
