"""Float against chain: what a simulation in floats stores otherwise than the chain, by output and uid."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from yuma_kernel.arrays import U16_MAX, AnyArray, has_items, integer, several
from yuma_kernel.epoch import epoch
from yuma_kernel.errors import InputError, shown
from yuma_kernel.extras import axes
from yuma_kernel.results import EpochResult
from yuma_kernel.simulation import period
from yuma_kernel.studies.engine import Progress, reporting
from yuma_kernel.studies.floats import RAO, FloatInputs, float_epoch, float_inputs
from yuma_kernel.studies.result import Study, provenance
from yuma_kernel.studies.torch_floats import library, torch_epoch
from yuma_kernel.tables import Table
from yuma_kernel.types import Hyperparameters, SubnetState, plain, require_state

Simulator = Callable[[FloatInputs], Mapping[str, Any]]


def _float32(inputs: FloatInputs) -> Mapping[str, Any]:
    return float_epoch(inputs.astype(np.float32))


def _halving(inputs: FloatInputs) -> Mapping[str, Any]:
    return float_epoch(inputs.astype(np.float32), consensus="halving")


SIMULATORS: Final[Mapping[str, Simulator]] = MappingProxyType(
    {"float64": float_epoch, "float32": _float32, "halving": _halving, "torch": torch_epoch}
)
"""The package's own float epoch: in both precisions, in the lower one with a consensus that is found by halving, and that
in torch, which has to be installed."""

COMPARED: Final = (
    "validator_permit", "consensus", "validator_trust", "incentive", "dividends", "server_emission", "validator_emission",
    "emission",
)  # fmt: skip
"""The outputs that are compared unless others are asked for; `stake_weight` and `bonds` may be."""

ASKED: Final = (*COMPARED, "stake_weight", "bonds")
PAID: Final = ("server_emission", "validator_emission", "emission")
_UNITS: Final[dict[str, tuple[int, float]]] = {
    "validator_permit": (1, 1),
    **dict.fromkeys(PAID, (RAO, 2.0**63 - 2**10)),  # the largest float that int64 holds
}
"""What 1 is as it is stored, and the most that is, where it is not 65535."""


class FloatError(Study):
    """What float simulations store beside what the chain does: a row for each simulator, epoch, output and uid where either
    is not 0.

    Columns of the table: `simulator`; `epoch`, from 0; `output`; `uid`; `miner`, whom a bond is with, -1 for all other
    outputs; `value`, the stored integer (u16 of 65535, rao, or 0 and 1); `simulated`, the same as the simulator has it, in
    floats of the same unit; `difference`, what that is when it is stored (floored), minus `value`.
    """

    title = "float simulations against the chain"

    def summary(self, *, last: bool = True) -> list[dict[str, Any]]:
        """By simulator and output, one mapping each.

        `differ`: how many uids (of bonds: pairs) have another stored integer; `compared`: of how many, those that have 0 in
        both aside; `most`: the largest difference, in stored units, and `most_uid` who has it, None where nothing differs;
        `elsewhere`: half of all differences as a part of all that the chain stores: what would go to somebody else; `ranks`:
        how many uids have another place in the order by this output.

        Args:
            last: of the last epoch alone; else the most of any epoch, each measure by itself.
        """
        found = []
        epochs = [int(self.provenance["epochs"]) - 1] if last else range(int(self.provenance["epochs"]))
        for simulator in self.provenance["parameters"]["simulators"]:
            for output in self.provenance["parameters"]["outputs"]:
                rows = [self._measures(simulator, output, k) for k in epochs]
                worst = max(rows, key=lambda row: row["most"])
                most = {name: max(row[name] for row in rows) for name in ("differ", "compared", "elsewhere", "ranks")}
                found.append({"simulator": simulator, "output": output, **worst, **most})
        return found

    def _measures(self, simulator: str, output: str, epoch: int) -> dict[str, Any]:
        table = self.table
        of = (table["simulator"] == simulator) & (table["output"] == output) & (table["epoch"] == epoch)
        value, difference = table["value"][of], table["difference"][of]
        away = np.abs(difference).astype(np.float64)
        total = float(value.sum(dtype=np.float64))
        differ = int(np.count_nonzero(difference))
        at = int(np.argmax(away)) if differ else 0
        return {
            "differ": differ,
            "compared": int(value.size),
            "most": int(away[at]) if differ else 0,
            "most_uid": int(table["uid"][of][at]) if differ else None,
            "elsewhere": float(away.sum() / 2 / total) if total else float(bool(differ)),
            "ranks": _moved(value.astype(np.int64), value.astype(np.int64) + difference),
        }

    def brief(self) -> Table:
        """By simulator and output, how many uids differ, by how much, and what of it goes elsewhere, in the last epoch."""
        rows = self.summary()
        columns: dict[str, list[Any]] = {name: [row[name] for row in rows] for name in rows[0]}
        people = dict(columns)
        people["most"] = [_amount(row["output"], row["most"]) for row in rows]
        people["elsewhere"] = [_part(row["elsewhere"]) for row in rows]
        people["differ"] = [f"{row['differ']} of {row['compared']}" for row in rows]
        del people["compared"]
        epochs = self.provenance["epochs"]
        kind = "the last of consecutive epochs" if self.provenance["consecutive"] else "the last of the states"
        caption = f"epoch {epochs - 1}, {kind}" if epochs > 1 else "one epoch"
        return Table(
            columns,
            people,
            {"differ": "uids that differ", "most": "at most", "most_uid": "of uid", "ranks": "other places"},
            ("simulator", "output"),
            title=self.title,
            caption=f"{caption}; elsewhere: what would go to others, as a part of all",
        )

    def plot(self, ax: Any = None, *, output: str = "emission") -> Any:
        """Of one output what would go elsewhere, epoch by epoch, a line a simulator; where there is one epoch alone, the
        difference of each uid over what the chain stores. Returns the axes.

        Raises:
            InputError: an output that was not compared.
        """
        if output not in self.provenance["parameters"]["outputs"]:
            raise InputError("output", f"expected one that was compared, got {shown(output)}")
        ax = axes(ax)
        epochs, said = int(self.provenance["epochs"]), output.replace("_", " ")
        for k, simulator in enumerate(self.provenance["parameters"]["simulators"]):
            if epochs > 1:
                parts = [self._measures(simulator, output, at)["elsewhere"] for at in range(epochs)]
                # one below the other is seen through its gaps; without a difference there is no point
                same = parts.count(0)
                none = "" if not same else " (no difference)" if same == epochs else f" (none in {same} of {epochs})"
                look: dict[str, Any] = {"marker": "os^v"[k % 4], "ls": ("-", "--", ":")[k % 3], "ms": 6 - k % 3 * 1.5}
                ax.plot(range(epochs), parts, label=f"{simulator}{none}", **look)
            else:
                of = (self.table["simulator"] == simulator) & (self.table["output"] == output)
                ax.scatter(self.table["value"][of], np.abs(self.table["difference"][of]), s=14, alpha=0.7, label=simulator)
        unit = "rao" if output in PAID else "of 65535"
        if epochs > 1:
            if any(line.get_ydata().any() for line in ax.lines):
                ax.set_yscale("log")  # of an epoch without a difference there is no point
            ax.set_xlabel("epoch")
            ax.set_ylabel("part that would go to somebody else")
            ax.set_title(f"{said}: what a float simulation gives to others than the chain")
        else:
            of = self.table["output"] == output
            for scale, values in (
                (ax.set_xscale, self.table["value"][of]),
                (ax.set_yscale, np.abs(self.table["difference"][of])),
            ):
                some = values[values > 0]
                scale("symlog", linthresh=10.0 ** np.floor(np.log10(float(some.min()))) if some.size else 1)
            ax.set_xlim(0, None)
            ax.set_ylim(0, None)
            ax.grid(visible=True, linewidth=0.3)
            ax.set_xlabel(f"{said} as the chain stores it ({unit})")
            ax.set_ylabel(f"difference, as stored ({unit})")
            ax.set_title(f"{said}: by how much a float simulation is off, a point a uid")
        ax.legend()
        return ax


def _moved(before: AnyArray, after: AnyArray) -> int:
    """How many have another place, where a place is how many have more."""

    def places(values: AnyArray) -> AnyArray:
        ordered = np.sort(values)
        return ordered.size - np.searchsorted(ordered, values, side="right")

    return int(np.count_nonzero(places(before) != places(after)))


def _amount(output: str, value: int) -> str:
    if not value or output == "validator_permit":
        return str(value)
    return f"{value} rao" if output in PAID else f"{value} of {U16_MAX}"


def _part(value: float) -> str:
    return f"{value:.2%}" if value >= 0.001 else f"{value * 1e6:.3g} ppm" if value else "0"


def float_error(
    state: SubnetState | Sequence[SubnetState],
    hyperparameters: Hyperparameters | Sequence[Hyperparameters],
    *,
    emission: int | Sequence[int] = 0,
    epochs: int | None = None,
    simulators: Mapping[str, Simulator] | Iterable[str] | None = None,
    outputs: Iterable[str] = COMPARED,
    backend: str | None = None,
    progress: Progress | None = None,
) -> FloatError:
    """The same epochs by float simulations and by the kernel, compared as the chain stores them.

    Of one state, consecutive epochs: after each, a tempo passes and whoever holds a permit has set the weights that it has
    again; the chain's side goes on from what it stored, and each simulator from its own bonds and consensus, in floats as it
    left them. Of several states, the epoch of each by itself.

    Args:
        state: the subnet, or several states of one or more.
        hyperparameters: of a profile from 423 on; one, or one for each state.
        emission: rao, below 2^63; one, or one for each state.
        epochs: of one state, how many; None: one.
        simulators: by name, what is called with `FloatInputs` in float64 and gives outputs by name, as `float_epoch` does:
            anything that NumPy makes an array of; what it leaves out is not compared. The emissions may be left out: they
            follow from incentive and dividends. Or names of the package's own, of float64, float32, halving and torch. None:
            all of these, torch where it is installed; the provenance then has its version.
        outputs: which to compare, of `COMPARED`, stake_weight and bonds.
        backend: as for `yuma_kernel.epoch`.
        progress: as for `yuma_kernel.studies.engine.run`, in epochs.

    Raises:
        InputError: naming the argument, or the simulator whose output is missing everywhere, of a wrong shape, or no number.
        ImportError: the simulator torch without torch.
    """
    single = isinstance(state, SubnetState)
    if not single and not has_items(state):
        require_state(state)
    states: list[SubnetState] = [state] if isinstance(state, SubnetState) else list(state)
    if not states:
        raise InputError("state", "expected at least one")
    for k, item in enumerate(states):
        if not isinstance(item, SubnetState):
            raise InputError("state", f"expected SubnetStates, got {type(item).__name__}", k)
    if epochs is not None and not single:
        raise InputError("epochs", "expected only with one state, from which they go on")
    count = len(states) if epochs is None else integer("epochs", epochs, 1, 10_000)
    given = _simulators(simulators)
    torch = library() if torch_epoch in given.values() else None
    asked = tuple(dict.fromkeys(several("outputs", outputs)))
    for name in asked:
        if name not in ASKED:
            raise InputError("outputs", f"expected some of {', '.join(ASKED)}, got {shown(name)}")
    if not asked:
        raise InputError("outputs", "expected at least one")
    rules = _each("hyperparameters", hyperparameters, len(states))
    for k, h in enumerate(rules):
        if not isinstance(h, Hyperparameters):
            raise InputError("hyperparameters", f"expected Hyperparameters, got {type(h).__name__}", k)
    amounts = [
        integer("emission", amount, 0, 2**63 - 1)  # so that a difference fits its column
        for amount in _each("emission", emission, len(states))
    ]

    rows = _Rows()
    own: dict[str, Mapping[str, AnyArray]] = {}  # what each simulator stored in the epoch before
    with reporting(progress, count, "float") as report:
        at = states[0]
        for k in range(count):
            h, amount = rules[k % len(rules)], amounts[k % len(amounts)]
            result = epoch(at, h, emission=amount, backend=backend)
            inputs = float_inputs(at, h, emission=amount)
            for name, simulate in given.items():
                carried = _carried(inputs, own[name]) if k and single else inputs
                outputs_of = _outputs(name, simulate(carried), carried, asked)
                own[name] = outputs_of
                for output in asked:
                    if output in outputs_of:
                        rows.add(name, k, output, result, outputs_of[output])
            report(k + 1)
            if k + 1 < count:
                at = _next(at, result, h) if single else states[k + 1]
    compared = [name for name in asked if name in rows.outputs]
    about = provenance(
        {
            "simulators": list(given),
            "outputs": compared,
            "hyperparameters": [plain(h) for h in rules],
            "emission_rao": amounts,
        },
        profiles={h.profile for h in rules},
    )
    about |= {"n": [s.n for s in states], "epochs": count, "consecutive": single}
    if torch is not None:
        about["torch"] = str(torch.__version__)
    return FloatError(rows.table(), about)


def _simulators(given: Mapping[str, Simulator] | Iterable[str] | None) -> dict[str, Simulator]:
    """By name, those that were given or named, or all that there are."""
    if given is None:
        there = importlib.util.find_spec("torch") is not None
        return {name: simulator for name, simulator in SIMULATORS.items() if name != "torch" or there}
    if not isinstance(given, Iterable):
        raise InputError("simulators", f"expected functions by name, or names, got {type(given).__name__}")
    found = dict(given) if isinstance(given, Mapping) else {}
    if not isinstance(given, Mapping):
        for name in given:
            if name not in SIMULATORS:
                raise InputError("simulators", f"expected some of {', '.join(SIMULATORS)}, got {shown(name)}")
            found[name] = SIMULATORS[name]
    if not found:
        raise InputError("simulators", "expected at least one")
    return found


def _each(name: str, value: Any, count: int) -> list[Any]:
    """One for all, or one for each state."""
    if not has_items(value):
        return [value] * count
    items = list(value)
    if len(items) != count:
        raise InputError(name, f"expected one, or one for each of {count} states, got {len(items)}")
    return items


def _next(state: SubnetState, result: EpochResult, h: Hyperparameters) -> SubnetState:
    """A tempo later, weights set again by whoever holds a permit in the block before."""
    after = state.after(result, period(h))
    holds = np.array(after.validator_permit)
    if after.owner_uid is not None:
        holds[after.owner_uid] = True
    before = np.uint64(max(after.current_block - 1, 0))
    return replace(after, last_update=np.where(holds, np.maximum(after.last_update, before), after.last_update))


def _carried(inputs: FloatInputs, before: Mapping[str, AnyArray]) -> FloatInputs:
    """The inputs of an epoch with the bonds and the consensus that the simulator left, where it gave any. Nobody registers
    between these epochs, so no bond of them is outdated."""
    changed: dict[str, Any] = {
        field: before[output]
        for field, output in (("bonds", "bonds"), ("previous_consensus", "consensus"))
        if output in before
    }
    return replace(inputs, **changed)


def _outputs(name: str, given: Mapping[str, Any], inputs: FloatInputs, asked: Sequence[str]) -> dict[str, AnyArray]:
    """What a simulator gave, checked, in float64."""
    if not isinstance(given, Mapping):
        raise InputError(f"simulators[{name}]", f"expected outputs by name, got {type(given).__name__}")
    n = inputs.stake.size
    found: dict[str, AnyArray] = {}
    for output in ASKED:
        if output not in given:
            continue
        values = np.asarray(given[output])
        shape = (n, n) if output == "bonds" else (n,)
        if values.shape != shape or values.dtype.kind not in "biuf":
            raise InputError(
                f"simulators[{name}]", f"expected {output} as numbers {shape}, got {values.dtype} {values.shape}"
            )
        floats = values.astype(np.float64)
        if not np.isfinite(floats).all():
            raise InputError(f"simulators[{name}]", f"expected finite numbers, got others in {output}")
        found[output] = floats
    if "incentive" in found and "dividends" in found:
        incentive, dividends = found["incentive"], found["dividends"]
        total = incentive.sum() + dividends.sum()
        if total:
            amounts = {"server_emission": incentive, "validator_emission": dividends, "emission": incentive + dividends}
            for output, part in amounts.items():
                found.setdefault(output, part / total * inputs.emission)
    if not any(output in found for output in asked):
        raise InputError(f"simulators[{name}]", f"expected some of {', '.join(asked)}, got {', '.join(given) or 'nothing'}")
    return found


class _Rows:
    """The rows of the table, as they come."""

    def __init__(self) -> None:
        self.columns: dict[str, list[AnyArray]] = {name: [] for name in _COLUMNS}
        self.outputs: set[str] = set()

    def add(self, simulator: str, epoch: int, output: str, result: EpochResult, simulated: AnyArray) -> None:
        held = result.bonds.to_dense() if output == "bonds" else getattr(result, output)
        exact = np.asarray(held).astype(np.uint64)
        unit, largest = _UNITS.get(output, (U16_MAX, U16_MAX))
        scaled = simulated * unit
        stored = np.floor(scaled).clip(0, largest).astype(np.int64)  # as the chain stores it
        where = np.nonzero((exact != 0) | (stored != 0))
        size = where[0].size
        self.outputs.add(output)
        row = {
            "simulator": np.full(size, simulator),
            "epoch": np.full(size, epoch, np.int64),
            "output": np.full(size, output),
            "uid": where[0].astype(np.int64),
            "miner": where[1].astype(np.int64) if output == "bonds" else np.full(size, -1, np.int64),
            "value": exact[where],
            "simulated": scaled[where],
            "difference": stored[where] - exact[where].astype(np.int64),
        }
        for name, column in self.columns.items():
            column.append(row[name])

    def table(self) -> dict[str, AnyArray]:
        return {name: np.concatenate(parts).astype(_COLUMNS[name], copy=False) for name, parts in self.columns.items()}


_COLUMNS: Final[dict[str, Any]] = {
    "simulator": np.str_,
    "epoch": np.int64,
    "output": np.str_,
    "uid": np.int64,
    "miner": np.int64,
    "value": np.uint64,
    "simulated": np.float64,
    "difference": np.int64,
}
