"""`yuma-kernel study sweep`: hyperparameters crossed over subnets."""

from __future__ import annotations

from typing import Any, Final

import click

from yuma_kernel.cli.epoch import opened
from yuma_kernel.cli.study import PARTS_EPILOG, Run, runs
from yuma_kernel.convert import setting
from yuma_kernel.errors import InputError, shown
from yuma_kernel.studies import METRICS, sweep
from yuma_kernel.studies.hyperparameter_sweep import METRICS_BY_DEFAULT

_EPILOG: Final = f"""\
\b
Values are the integers that the chain stores: proportions are of 65535. Names that move together are joined by a colon.
  yuma-kernel study sweep sn7.npz kappa=26214,32767,39321 bonds_penalty=0,32768,65535 --plot sweep.png
  yuma-kernel study sweep sn7.npz alpha_low:alpha_high=6554:19661,6554:32768 liquid_alpha=false,true --epochs 40

\b
Metrics: {", ".join(METRICS)};
retention[UIDS] and dividends_per_stake[UIDS] of some uids, as retention[0-12,40].

{PARTS_EPILOG}"""


@click.command(epilog=_EPILOG, short_help="Hyperparameters crossed over subnets, with metrics.")
@click.argument("arguments", nargs=-1, required=True, metavar="[SNAPSHOT...] NAME=VALUE[,VALUE...]...")
@click.option("--metric", "metrics", multiple=True, help=f"Once for each. Default: {', '.join(METRICS_BY_DEFAULT)}.")
@click.option("--epochs", type=click.IntRange(1), help="So many, one after the other, a tempo apart. Default: one epoch.")
@click.option("--warmup", type=click.IntRange(0), default=0, help="The first so many epochs are not measured. Default: 0.")
@runs
def command(run: Run, arguments: tuple[str, ...], metrics: tuple[str, ...], epochs: int | None, warmup: int) -> None:
    """Computes SNAPSHOTs, .npz files of a subnet or of a series of epochs (default: the bundled example), under every
    combination of the values, and shows what the metrics say."""
    subjects = [text for text in arguments if "=" not in text]
    parameters = dict(map(_values, (text for text in arguments if "=" in text)))
    if not parameters:
        raise click.UsageError("expected NAME=VALUE[,VALUE...]", click.get_current_context())
    with run.engine("sweep") as how:
        study = sweep(
            subjects or {"example": opened(None)},
            parameters,
            metrics=metrics or METRICS_BY_DEFAULT,
            epochs=epochs,
            steps=None if epochs is None else "tempo",
            warmup=warmup,
            **how,
        )
    drawn = study.metrics[0]
    run.finish(study, picture=lambda study, ax: study.plot(ax, metric=drawn))


def _values(text: str) -> tuple[Any, list[Any]]:
    left, _, right = text.partition("=")
    names = left.split(":")
    found: list[Any] = []
    for part in right.split(","):
        values = part.split(":")
        if len(values) != len(names):
            raise InputError(left, f"expected values for {' and '.join(names)}, joined by colons, got {shown(part)}")
        read = tuple(setting(f"{name}={value}")[1] for name, value in zip(names, values, strict=True))
        found.append(read if len(names) > 1 else read[0])
    return (tuple(names) if len(names) > 1 else names[0]), found
