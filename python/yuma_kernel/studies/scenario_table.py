"""The scenarios of a library under several rules and penalties: what everybody gets, epoch by epoch, with the chain's
arithmetic."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Final, Literal

import numpy as np

from yuma_kernel.arrays import U16_MAX, AnyArray, has_items, integer, stored_integer
from yuma_kernel.errors import InputError, shown
from yuma_kernel.extras import COLORS, axes, extra
from yuma_kernel.profiles import NEWEST, PROFILES
from yuma_kernel.rows import SparseRows
from yuma_kernel.simulation import Simulation, period, simulate
from yuma_kernel.studies.cases import library, scenario
from yuma_kernel.studies.engine import Chunk, Progress, run
from yuma_kernel.studies.result import Study, provenance
from yuma_kernel.studies.runtime_changes import under
from yuma_kernel.studies.scenario_inputs import BondReset, Registration, Scenario
from yuma_kernel.tables import Table
from yuma_kernel.types import Hyperparameters, SubnetState, plain
from yuma_kernel.units import RAO

PENALTIES: Final = (0, 32767, 64879, 65535)
"""0, .5, .99 and 1 as stored, rounded down."""

EMISSION_RAO: Final = 82 * RAO
"""An epoch's, to divide: of 100 alpha the 41 % of miners and the 41 % of validators, as the simulators have it."""

YUMA_2, YUMA_3, LIQUID = "Yuma 2", "Yuma 3", "Yuma 3, liquid alpha"

NOT_THE_CHAINS: Final = "not the chain's"

What = Literal["weights", "dividends", "bonds", "incentive"]
CHARTS: Final[tuple[What, ...]] = ("weights", "dividends", "bonds", "incentive")
"""What `Scenarios.chart` draws."""

LABELS: Final[Mapping[What, str]] = {
    "weights": "weight, part of the row",
    "dividends": "dividends, alpha for 1000 alpha",
    "bonds": "bond as stored, 1 for 65535",
    "incentive": "incentive, part of all",
}

MOST_SHOWN: Final = 3
"""The ratio from which on the overview has the darkest color, and its inverse."""

DASHES: Final = ("-", "--", ":", "-.")


def default_rules(profile: int = NEWEST) -> dict[str, Hyperparameters]:
    """Yuma 2, Yuma 3, and Yuma 3 with liquid alpha, everything else as a new subnet has it.

    Raises:
        InputError: a profile without Yuma 3.
    """
    number = Hyperparameters(profile=profile).profile
    if not PROFILES[number].yuma3:
        raise InputError("profile", f"expected one with Yuma 3, got {number}: give `rules` of it")
    others: dict[str, Any] = {"commit_reveal": False}
    made = {
        YUMA_2: Hyperparameters(yuma3=False, **others),
        YUMA_3: Hyperparameters(yuma3=True, **others),
        LIQUID: Hyperparameters(yuma3=True, liquid_alpha=True, **others),
    }
    return {name: under(h, number) for name, h in made.items()}


class Scenarios(Study):
    """Scenarios under rules and penalties: a row an epoch and uid of each run.

    Columns of the table: `scenario`, `rules`, names; `bonds_penalty`, u16, 65535 for 1; `epoch`, from 0; `uid`; `role`,
    validator or server; `of_the_chain`, false where the scenario, or the rule, has something that the chain has not;
    `stake_rao`; `consensus`, `validator_trust`, `incentive`, `dividends`, as stored: u16, 65535 for 1;
    `server_emission_rao`, `validator_emission_rao`; `dividends_per_1000`, the alpha that a validator gets in the epoch for
    each 1000 alpha of stake, NaN where there is no stake; and of validators, for each server k from 1 on, `weight_k` and
    `bond_k`, u16, as the epoch finds the one and stores the other, 0 where there is no such server.
    """

    title: ClassVar[str] = "scenarios under several rules"

    @cached_property
    def scenarios(self) -> tuple[Scenario, ...]:
        """Those that were run."""
        return tuple(Scenario.from_dict(item) for item in self.provenance["parameters"]["scenarios"])

    @property
    def rules(self) -> tuple[str, ...]:
        """The names of the rules."""
        return tuple(self.provenance["parameters"]["rules"])

    @property
    def penalties(self) -> tuple[int, ...]:
        """Bonds penalties, as stored."""
        return tuple(self.provenance["parameters"]["penalties"])

    def scenario(self, name: str) -> Scenario:
        """One of those that were run. InputError where none has the name."""
        return self.scenarios[self._place("scenario", name, [s.name for s in self.scenarios])]

    def of(self, scenario: str, rules: str | None = None, bonds_penalty: int | None = None) -> dict[str, AnyArray]:
        """The rows of one scenario by column: of one of the rules or of all, and of one penalty or of all.

        Raises:
            InputError: there are none.
        """
        k = self._place("scenario", scenario, [s.name for s in self.scenarios])
        runs = len(self.rules) * len(self.penalties)
        before = sum(s.epochs * s.n for s in self.scenarios[:k]) * runs
        size = self.scenarios[k].epochs * self.scenarios[k].n
        at = np.arange(before, before + size * runs).reshape(len(self.rules), len(self.penalties), size)
        if rules is not None:
            at = at[self._place("rules", rules, self.rules)][None]
        if bonds_penalty is not None:
            at = at[:, self._place("bonds_penalty", bonds_penalty, self.penalties)][:, None]
        chosen = at.reshape(-1)
        return {name: column[chosen] for name, column in self.table.items()}

    @staticmethod
    def _place(name: str, value: Any, known: Sequence[Any]) -> int:
        value = value.item() if isinstance(value, np.generic) else value  # as a column of the table has it
        for k, item in enumerate(known):
            if type(item) is type(value) and item == value:
                return k
        raise InputError(name, f"expected one of {'; '.join(map(str, known))}, got {shown(value)}")

    def summary(self) -> dict[str, AnyArray]:
        """By scenario, rules and penalty, a row each: `validator`, the one that the scenario is about; `dividends_per_1000`,
        all that it got over the epochs for each 1000 alpha of its stake; `of_all`, what all validators together got for each
        1000 alpha of theirs; and `ratio`, what it got over what its stake would bring at the rate of all: 1 where it earns
        as all do, NaN where its stake brings nothing."""
        rows: dict[str, list[Any]] = {name: [] for name in _SUMMARY}
        for made in self.scenarios:
            shape = (len(self.rules), len(self.penalties), made.epochs, made.n)
            got = self.of(made.name)
            columns = ("validator_emission_rao", "stake_rao", "of_the_chain")
            paid, stake, chains = (got[name].reshape(shape)[..., : len(made.validators)] for name in columns)
            paid, stake = paid.astype(np.float64), stake.astype(np.float64)
            rate = _over(paid.sum(axis=3), stake.sum(axis=3))  # by run and epoch
            own, due = paid[..., made.base], rate * stake[..., made.base]
            ratio = own.sum(axis=2) / np.where(due.sum(axis=2) > 0, due.sum(axis=2), np.nan)
            for i, rule in enumerate(self.rules):
                for j, penalty in enumerate(self.penalties):
                    mine, whole = _over(own[i, j], stake[i, j, :, made.base]).sum() * 1000, rate[i, j].sum() * 1000
                    name, chain = made.validators[made.base], bool(chains[i, j].all())
                    cells = (made.name, rule, penalty, chain, name, mine, whole, ratio[i, j])
                    for column, cell in zip(rows.values(), cells, strict=True):
                        column.append(cell)
        return {name: np.array(column) for name, column in rows.items()}

    def brief(self) -> Table:
        """By scenario and rules, the ratio of `summary` under each penalty."""
        summary = self.summary()
        every = len(self.penalties)
        columns: dict[str, list[Any]] = {name: summary[name][::every].tolist() for name in ("scenario", "validator")}
        columns["rules"] = [self.label(rule) for rule in summary["rules"][::every].tolist()]
        ratio = summary["ratio"].reshape(-1, every)
        for k, penalty in enumerate(self.penalties):
            columns[f"penalty {part(penalty)}"] = [value if np.isfinite(value) else None for value in ratio[:, k].tolist()]
        people = {name: [f"{v:.3f}" if isinstance(v, float) else v for v in column] for name, column in columns.items()}
        caption = "what the validator gets for its stake, over what all get for theirs"
        return Table(columns, people=people, left=("scenario", "validator", "rules"), title=self.title, caption=caption)

    def plot(self, ax: Any = None) -> Any:
        """By scenario, and by rules and penalty, what the validator that the scenario is about gets for its stake over what
        all get for theirs, as a heat map; returns the axes."""
        made = self.scenarios
        columns = [(rule, penalty) for rule in self.rules for penalty in self.penalties]
        ratio = self.summary()["ratio"].reshape(len(made), len(columns))
        if ax is None:
            ax = axes(None)
            ax.figure.set_size_inches(4.5 + 0.55 * len(columns), 1.8 + 0.3 * len(made))
        scale = extra("matplotlib.colors", "studies").LogNorm(1 / MOST_SHOWN, MOST_SHOWN)
        image = ax.imshow(np.maximum(ratio, 1e-9), cmap="PuOr", norm=scale, aspect="auto")
        ax.set_xticks(range(len(columns)), [part(penalty) for _, penalty in columns])
        ax.set_yticks(range(len(made)), [f"{s.name} ({s.validators[s.base]})" for s in made])
        for k, rule in enumerate(self.rules):
            middle = (k + 0.5) * len(self.penalties) - 0.5
            ax.text(middle, -0.6, self.label(rule).replace(" (", "\n("), ha="center", va="bottom", fontsize=9)
            if k:
                ax.axvline(k * len(self.penalties) - 0.5, color="black", linewidth=1.5)
        for (row, column), value in np.ndenumerate(ratio):
            if np.isfinite(value):
                color = "black" if 0.5 < value < 2 else "white"
                ax.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=8, color=color)
        ax.set_xlabel("bonds penalty")
        ax.set_title("what the validator in brackets gets for its stake,\nover what all get for theirs", pad=34, x=0.3)
        bar = ax.figure.colorbar(image, ax=ax, label="1 where it earns as all do", extend="both", ticks=[0.33, 0.5, 1, 2, 3])
        bar.ax.set_yticklabels(["1/3", "1/2", "1", "2", "3"])
        bar.ax.minorticks_off()
        return ax

    def label(self, rules: str) -> str:
        """The name of rules for people, with the words "not the chain's" where they are not."""
        return rules

    def chart(
        self, what: What, scenario: str, rules: str | None = None, bonds_penalty: int | None = None, ax: Any = None
    ) -> Any:
        """One run over its epochs; returns the axes.

        Args:
            what: "weights", as parts of a validator's row; "dividends", alpha an epoch for each 1000 alpha of stake;
                "bonds", as stored, 1 for 65535; "incentive", by server.
            scenario: its name.
            rules, bonds_penalty: of the run; None for the first of the study. Weights do not depend on them.
            ax: the axes to draw on; None for new ones.

        Raises:
            InputError: the study has no such run.
        """
        rule = self.rules[0] if rules is None else rules
        penalty = self.penalties[0] if bonds_penalty is None else bonds_penalty
        drawn, made = self.lines(what, scenario, rule, penalty), self.scenario(scenario)
        ax = axes(ax)
        for line in drawn:
            ax.plot(line.values, color=line.color, linestyle=line.dash, linewidth=line.width, label=line.label)
        for event in made.events:
            ax.axvline(event.epoch, color="#999999", linewidth=0.8)
        run_of = "" if what == "weights" else f": {self.label(rule)}, penalty {part(penalty)}"
        reset = "" if made.of_the_chain else f"\nwith a reset of bonds ({NOT_THE_CHAINS})"
        ax.set_title(f"{scenario}{run_of}{reset}")
        ax.set_xlabel("epoch")
        ax.set_ylabel(LABELS[what])
        ax.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
        return ax

    def lines(self, what: What, scenario: str, rules: str, bonds_penalty: int) -> list[Line]:
        """What `chart` draws, a line each."""
        if what not in CHARTS:
            raise InputError("what", f"expected one of {', '.join(CHARTS)}, got {shown(what)}")
        made, got = self.scenario(scenario), self.of(scenario, rules, bonds_penalty)
        validators, servers = len(made.validators), made.servers

        def values(column: str) -> AnyArray:
            return got[column].reshape(made.epochs, made.n)

        def width(i: int) -> float:  # those below are seen beside those above
            return 1.2 + 1.1 * (validators - 1 - i) if validators <= 4 else 1.5

        if what == "dividends":
            paid = values("dividends_per_1000")
            return [Line(label, paid[:, i], _color(i), "-", width(i)) for i, label in enumerate(made.validators)]
        if what == "incentive":
            earned = values("incentive")[:, validators:] / U16_MAX
            return [Line(f"server {k + 1}", earned[:, k], "black", _dash(k), 1.5) for k in range(servers)]
        found = []
        for k in range(servers):
            matrix = values(f"{'weight' if what == 'weights' else 'bond'}_{k + 1}")[:, :validators].astype(np.float64)
            if what == "weights":
                whole = made.weights.sum(axis=2, dtype=np.int64)
                matrix = _over(matrix, whole.astype(np.float64))
            else:
                matrix = matrix / U16_MAX
            for i, label in enumerate(made.validators):
                found.append(Line(f"{label} → server {k + 1}", matrix[:, i], _color(i), _dash(k), width(i)))
        return found

    def report(self, path: str | os.PathLike[str], *, progress: Progress | None = None) -> None:
        """Writes one HTML file that needs nothing else: a table of all runs, and for each scenario its weights, and the
        charts of dividends, bonds and incentive under every rule and penalty.

        Args:
            path: of the file.
            progress: as for `yuma_kernel.studies.engine.run`, in scenarios that are drawn.

        Raises:
            ImportError: matplotlib is not installed.
        """
        from yuma_kernel.studies.report import write

        write(self, path, progress)


_SUMMARY: Final = (
    "scenario", "rules", "bonds_penalty", "of_the_chain", "validator", "dividends_per_1000", "of_all", "ratio",
)  # fmt: skip


@dataclass(frozen=True)
class Line:
    """A line of a chart, by epoch."""

    label: str
    values: AnyArray
    color: str
    dash: str
    width: float


def _color(i: int) -> str:
    return COLORS[i % len(COLORS)]


def _dash(k: int) -> str:
    return DASHES[k % len(DASHES)]


def _over(a: AnyArray, b: AnyArray) -> AnyArray:
    """a / b, and 0 where b is 0."""
    return np.divide(a, b, out=np.zeros(np.broadcast(a, b).shape), where=b > 0)


def part(stored: int) -> str:
    """A stored proportion for people: 32767 is 0.5."""
    return f"{stored / U16_MAX:.2f}".rstrip("0").rstrip(".")


def scenarios(
    cases: Iterable[Scenario | str | int] | None = None,
    *,
    rules: Mapping[str, Hyperparameters] | None = None,
    penalties: Iterable[int] = PENALTIES,
    profile: int = NEWEST,
    emission: int = EMISSION_RAO,
    executor: Executor | None = None,
    folder: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> Scenarios:
    """Scenarios under every rule and penalty, each epoch from what the one before it stored.

    Blocks advance by the tempo, and validators set their weights in the block before each epoch, as `yuma_kernel.simulate`
    has it with `steps="tempo"`.

    Args:
        cases: scenarios, or names or numbers of the library; None for the whole library. No two have one name.
        rules: hyperparameters by name; None for Yuma 2, Yuma 3 and Yuma 3 with liquid alpha, as a new subnet has them. What
            a scenario sets stands above them.
        penalties: u16, 65535 for 1; each in place of the bonds_penalty of the rules.
        profile: of the default rules; rules that are given have their own.
        emission: rao an epoch, to divide among all.
        executor, folder, progress: as for `yuma_kernel.studies.engine.run`; a chunk is a scenario.

    Raises:
        InputError: naming the argument.
    """
    made = cases_of(cases)
    named = default_rules(profile) if rules is None else checked_rules(rules)
    known = checked_penalties(penalties)
    amount = integer("emission", emission, 0, 2**63 - 1)
    given = {name: plain(h) for name, h in named.items()}
    chunks: list[Chunk] = [
        {"scenario": each.to_dict(), "rules": given, "penalties": known, "emission_rao": amount} for each in made
    ]
    how: dict[str, Any] = {"executor": executor, "folder": folder, "progress": progress}
    parts = run(runs, chunks, **how, label="scenarios", threads=False)
    about = {"scenarios": [c["scenario"] for c in chunks], "rules": given, "penalties": known, "emission_rao": amount}
    profiles = {h.profile for h in named.values()}
    return Scenarios(assembled(made, list(named), known, parts, True), provenance(about, profiles=profiles))


def cases_of(cases: object) -> tuple[Scenario, ...]:
    if cases is None:
        return library()
    if not has_items(cases):
        raise InputError("cases", f"expected scenarios, names or numbers, got {type(cases).__name__}")
    made = [_case(k, each) for k, each in enumerate(cases)]  # type: ignore[var-annotated, arg-type]
    names = [each.name for each in made]
    for k, name in enumerate(names):
        if name in names[:k]:
            raise InputError("cases", f"expected every name once, got {shown(name)} again: `with_name` gives another", k)
    if not made:
        raise InputError("cases", "expected at least one")
    return tuple(made)


def _case(k: int, each: Any) -> Scenario:
    try:
        return each if isinstance(each, Scenario) else scenario(each)
    except InputError as error:
        raise InputError("cases", error.rule, k) from None


def checked_rules(rules: object) -> dict[str, Hyperparameters]:
    if not isinstance(rules, Mapping) or not rules:
        raise InputError("rules", f"expected hyperparameters by name, got {shown(rules)}")
    for name, h in rules.items():
        if not isinstance(name, str) or not isinstance(h, Hyperparameters):
            raise InputError("rules", f"expected Hyperparameters by name, got {shown(name)}: {type(h).__name__}")
    return dict(rules)


def _penalty(penalty: object, k: int) -> int:
    try:
        return stored_integer("bonds_penalty", penalty, 0, U16_MAX)
    except InputError as error:
        raise InputError("penalties", error.rule, k) from None


def checked_penalties(penalties: object) -> list[int]:
    if not has_items(penalties):
        raise InputError("penalties", f"expected integers from 0 to 65535, got {type(penalties).__name__}")
    known = [_penalty(penalty, k) for k, penalty in enumerate(penalties)]  # type: ignore[var-annotated, arg-type]
    if not known or len(set(known)) != len(known):
        raise InputError("penalties", f"expected one or more, each once, got {shown(known)}")
    return known


def assembled(
    made: Sequence[Scenario],
    rules: Sequence[str],
    penalties: Sequence[int],
    parts: Sequence[Mapping[str, AnyArray]],
    chains: bool,
) -> dict[str, AnyArray]:
    """The table of what `runs` gave for each scenario."""
    runs_of = len(rules) * len(penalties)
    columns: dict[str, list[AnyArray]] = {}

    def add(name: str, column: AnyArray) -> None:
        columns.setdefault(name, []).append(column)

    width = max(each.servers for each in made)
    rule_names, roles = np.array(rules), np.array(["validator", "server"])
    case_names = np.array([each.name for each in made])
    for at, (each, got) in enumerate(zip(made, parts, strict=True)):
        epochs, n, validators = each.epochs, each.n, len(each.validators)
        rows = epochs * n
        add("scenario", np.repeat(case_names[at : at + 1], runs_of * rows))
        add("rules", np.repeat(rule_names, len(penalties) * rows))
        add("bonds_penalty", np.tile(np.repeat(np.array(penalties, np.int64), rows), len(rules)))
        add("epoch", np.tile(np.repeat(np.arange(epochs), n), runs_of))
        add("uid", np.tile(np.arange(n), runs_of * epochs))
        add("role", np.tile(roles[(np.arange(n) >= validators).astype(np.intp)], runs_of * epochs))
        add("of_the_chain", np.full(runs_of * rows, chains and each.of_the_chain))
        stake = np.zeros((runs_of, epochs, n), np.uint64)
        stake[:, :, :validators] = each.stakes
        add("stake_rao", stake.reshape(-1))
        for name, column in STORED.items():
            add(column, got[name].reshape(-1))
        paid = got["validator_emission"].reshape(-1)
        per = np.full(paid.size, np.nan)
        np.divide(paid * 1000.0, stake.reshape(-1), out=per, where=stake.reshape(-1) > 0)
        add("dividends_per_1000", per)
        for what, held in (
            ("weight", np.broadcast_to(each.weights, (runs_of, *each.weights.shape))),
            ("bond", got["bonds"]),
        ):
            for k in range(width):
                full = np.zeros((runs_of, epochs, n), np.uint16)
                if k < each.servers:
                    full[:, :, :validators] = held.reshape(runs_of, *each.weights.shape)[..., k]
                add(f"{what}_{k + 1}", full.reshape(-1))
    return {name: np.concatenate(column) for name, column in columns.items()}


STORED: Final = {
    "consensus": "consensus",
    "validator_trust": "validator_trust",
    "incentive": "incentive",
    "dividends": "dividends",
    "server_emission": "server_emission_rao",
    "validator_emission": "validator_emission_rao",
}
"""By the names of an epoch's outputs, the columns that have them."""


def runs(chunk: Chunk) -> dict[str, AnyArray]:
    """One scenario under all rules and penalties: by output, [rules · penalties, epochs, n], and the bonds that each epoch
    stores, uint16[rules · penalties, epochs, validators, servers]."""
    inputs = Inputs(Scenario.from_dict(chunk["scenario"]))
    named = (
        Hyperparameters(**{**rules, "bonds_penalty": p}) for rules in chunk["rules"].values() for p in chunk["penalties"]
    )
    return stacked(inputs.run(inputs.made.under(h), chunk["emission_rao"]) for h in named)


def stacked(each: Iterable[Mapping[str, AnyArray]]) -> dict[str, AnyArray]:
    """Of what runs give, by output, one array with an axis more in front."""
    found = list(each)
    return {name: np.stack([run[name] for run in found]) for name in found[0]}


class Inputs:
    """What the epochs of a scenario find, whatever the rules."""

    def __init__(self, made: Scenario) -> None:
        self.made, self.first = made, made.state()
        self.total_stake = made.total_stake() if (made.stakes != made.stakes[0]).any() else None
        turns = made.turns()
        rows = {k: made.rows(k) for k in turns}
        self.weights = [rows[max(t for t in turns if t <= k)] for k in range(made.epochs)]
        resets = sorted({event.epoch for event in made.events if isinstance(event, BondReset)})
        self.pieces = list(zip([0, *resets], [*resets, made.epochs], strict=True))

    def registered(self, h: Hyperparameters) -> AnyArray | None:
        """uint64[epochs, n], or None where nobody registers."""
        events = [event for event in self.made.events if isinstance(event, Registration)]
        if not events:
            return None
        registered = np.tile(self.first.block_at_registration, (self.made.epochs, 1))
        for event in sorted(events, key=lambda event: event.epoch):
            uid = len(self.made.validators) + event.server
            registered[event.epoch :, uid] = self.block(h, event.epoch - 1) + 1
        return registered

    def block(self, h: Hyperparameters, epoch: int) -> int:
        """In which an epoch runs."""
        return self.first.current_block + epoch * period(h)

    def run(self, h: Hyperparameters, emission: int) -> dict[str, AnyArray]:
        """By output [epochs, n], and bonds [epochs, validators, servers]."""
        registered, state = self.registered(h), self.first
        done: list[Simulation] = []
        for begin, end in self.pieces:
            if done:
                state = self.reset(done[-1].state, begin)
            done.append(
                simulate(
                    state,
                    h,
                    epochs=end - begin,
                    weights=self.weights[begin:end],
                    total_stake=None if self.total_stake is None else self.total_stake[begin:end],
                    block_at_registration=None if registered is None else registered[begin:end],
                    emission=emission,
                    steps="tempo",
                    bonds=True,
                )
            )
        out = {name: np.concatenate([getattr(part, name) for part in done]) for name in STORED}
        return {**out, "bonds": self.dense([rows for part in done for rows in part.bonds or ()])}

    def reset(self, state: SubnetState, epoch: int) -> SubnetState:
        """With the stored bonds that the resets before an epoch leave."""
        kept = state.bonds
        validators = len(self.made.validators)
        for event in self.made.events:
            if isinstance(event, BondReset) and event.epoch == epoch:
                gone = np.ones(kept.uid.size, np.bool_)
                if event.server is not None:
                    gone &= kept.uid == validators + event.server
                    if event.without_consensus and state.previous_consensus is not None:
                        gone &= int(state.previous_consensus[validators + event.server]) == 0
                if event.validator is not None:
                    gone &= kept.entry_rows() == event.validator
                kept = kept._keeping(~gone)
        return replace(state, bonds=kept)

    def dense(self, stored: Sequence[SparseRows]) -> AnyArray:
        """uint16[epochs, validators, servers]; only validators have bonds, and only on servers."""
        epochs, validators, _ = self.made.weights.shape
        starts = np.stack([rows.indptr for rows in stored]).astype(np.int64)
        counts = starts[:, 1:] - starts[:, :-1]
        of = np.repeat(np.arange(counts.size), counts.reshape(-1))  # epoch · n + row
        out = np.zeros((epochs, self.made.n, self.made.n), np.uint16)
        out[of // self.made.n, of % self.made.n, np.concatenate([rows.uid for rows in stored])] = np.concatenate(
            [rows.value for rows in stored]
        )
        return out[:, :validators, validators:]
