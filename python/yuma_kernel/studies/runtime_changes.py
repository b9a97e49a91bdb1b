"""What a change of the chain's runtime does to a subnet: one state under every profile."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

import numpy as np

from yuma_kernel.arrays import integer, is_number, several
from yuma_kernel.epoch import epoch
from yuma_kernel.errors import InputError, shown
from yuma_kernel.extras import axes
from yuma_kernel.profiles import PROFILES
from yuma_kernel.results import EpochResult
from yuma_kernel.studies.engine import Progress, reporting
from yuma_kernel.studies.result import Study, provenance
from yuma_kernel.tables import Table
from yuma_kernel.types import Hyperparameters, SubnetState, require_subnet

MEASURED: Final = (
    "validator_permit", "consensus", "validator_trust", "incentive", "dividends", "server_emission", "validator_emission",
    "emission",
)  # fmt: skip
"""The outputs that are compared: by uid, of the kind that somebody is paid or ranked by."""


class Runtimes(Study):
    """Where the epoch of one state is another under another profile: a row for each output and uid that differs.

    Columns of the table: `profile`; `compared_with`, the next newer one that was computed; `output`; `uid`; `value` and
    `newer_value`, stored integers (u16 of 65535, rao, or 0 and 1); `difference`, value - newer_value.
    """

    title = "the same subnet under every profile"

    def summary(self) -> dict[tuple[int, int], dict[str, int]]:
        """By profile and the newer one that it is compared with, and by output: how many uids differ."""
        counts: dict[tuple[int, int], dict[str, int]] = {
            (older, newer): dict.fromkeys(MEASURED, 0) for newer, older in self.provenance["compared"]
        }
        for older, newer, name in zip(
            *(self.table[c].tolist() for c in ("profile", "compared_with", "output")), strict=True
        ):
            counts[older, newer][name] += 1
        return counts

    def brief(self) -> Table:
        """By profile and the next newer one, how many uids have another output."""
        counts = self.summary()
        columns: dict[str, list[Any]] = {
            "profile": [older for older, _ in counts],
            "compared_with": [newer for _, newer in counts],
        }
        columns |= {name: [outputs[name] for outputs in counts.values()] for name in MEASURED}
        caption = f"how many of {self.provenance['n']} uids differ, block {self.provenance['current_block']}"
        return Table(columns, title=self.title, caption=caption)

    def plot(self, ax: Any = None) -> Any:
        """By pair of profiles and output, the part of the uids that differ, as a heat map; returns the axes."""
        counts = self.summary()
        n = int(self.provenance["n"])
        parts = np.array([[counts[pair][name] / n for name in MEASURED] for pair in counts])
        ax = axes(ax)
        image = ax.imshow(parts, vmin=0, vmax=1, cmap="viridis", aspect="auto")
        ax.set_xticks(range(len(MEASURED)), [name.replace("_", " ") for name in MEASURED], rotation=30, ha="right")
        ax.set_yticks(range(len(counts)), [f"{older} against {newer}" for older, newer in counts])
        ax.set_ylabel("profile")
        ax.set_title("uids whose output is another under the older profile")
        ax.figure.colorbar(image, ax=ax, label="part of all uids")
        for (row, column), part in np.ndenumerate(parts):
            if part:
                ax.text(
                    column,
                    row,
                    "<1%" if part < 0.005 else f"{part:.0%}",
                    ha="center",
                    va="center",
                    color="white" if part < 0.6 else "black",
                )
        return ax


def under(hyperparameters: Hyperparameters, profile: int) -> Hyperparameters:
    """The same hyperparameters under another profile, the steepness in its unit.

    Raises:
        InputError: the steepness is no whole number there, or out of its range.
    """
    old, new = hyperparameters.rules.steepness, PROFILES[profile].steepness
    steepness = hyperparameters.alpha_sigmoid_steepness
    if old == "hundredths" and new == "ones":
        ones, rest = divmod(steepness, 100)
        if rest or not 0 <= ones <= 65535:
            raise InputError(
                "alpha_sigmoid_steepness",
                f"profile {profile} has it in ones from 0 to 65535, and {steepness} hundredths are none",
            )
        steepness = ones
    elif old == "ones" and new == "hundredths":
        steepness *= 100
    return replace(hyperparameters, profile=profile, alpha_sigmoid_steepness=steepness)


def runtimes(
    state: SubnetState,
    hyperparameters: Hyperparameters,
    *,
    emission: int = 0,
    profiles: Iterable[int] | None = None,
    backend: str | None = None,
    progress: Progress | None = None,
) -> Runtimes:
    """The epoch of one state under several profiles, each compared with the next newer one.

    What a profile does not read is given and has no effect; the steepness is converted to the unit of each. A profile that
    cannot take these hyperparameters is an error, and none that was left out.

    Args:
        state: the subnet; `previous_consensus` has to be known where profile 475 needs it.
        hyperparameters: those of the subnet, under whichever profile.
        emission: rao, below 2^63.
        profiles: numbers of `PROFILES`, at least two; None for all.
        backend: as for `yuma_kernel.epoch`.
        progress: as for `yuma_kernel.studies.engine.run`, in profiles.

    Raises:
        InputError: naming the argument.
    """
    require_subnet(state, hyperparameters)
    emission = integer("emission", emission, 0, 2**63 - 1)  # so that a difference fits its column
    given_profiles = list(PROFILES) if profiles is None else several("profiles", profiles)
    for number in given_profiles:
        if not is_number(number) or number not in PROFILES:
            raise InputError("profiles", f"expected numbers of PROFILES, got {shown(number)}")
    chosen = sorted(set(given_profiles), reverse=True)
    if len(chosen) < 2:
        raise InputError("profiles", f"expected at least two, got {len(chosen)}")
    results: dict[int, EpochResult] = {}
    with reporting(progress, len(chosen), "runtimes") as report:
        for p in chosen:
            results[p] = epoch(state, under(hyperparameters, p), emission=emission, backend=backend)
            report(len(results))
    columns: dict[str, list[Any]] = {name: [] for name in _COLUMNS}
    pairs = list(itertools.pairwise(chosen))
    for newer, older in pairs:
        for name in MEASURED:
            before, after = (np.asarray(getattr(results[p], name)) for p in (older, newer))
            for uid in np.flatnonzero(before != after).tolist():
                value, other = int(before[uid]), int(after[uid])
                row = (older, newer, name, uid, value, other, value - other)
                for column, item in zip(columns.values(), row, strict=True):
                    column.append(item)
    given = {f: getattr(hyperparameters, f) for f in vars(Hyperparameters()) if not f.startswith("_")}
    about = provenance({"hyperparameters": given, "emission_rao": emission}, profiles=chosen)
    about |= {"n": state.n, "current_block": state.current_block, "compared": pairs}
    return Runtimes({name: np.array(columns[name], dtype) for name, dtype in _COLUMNS.items()}, about)


_COLUMNS: Final[dict[str, Any]] = {
    "profile": np.int64,
    "compared_with": np.int64,
    "output": np.str_,
    "uid": np.int64,
    "value": np.uint64,
    "newer_value": np.uint64,
    "difference": np.int64,
}
