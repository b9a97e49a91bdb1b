"""A scenario: what a few validators weigh and stake, epoch by epoch, and what befalls their bonds.

Validators are the uids from 0 on, servers those that follow. Weights are held as the chain stores them, stakes in rao.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from html import escape
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np
import numpy.typing as npt

from yuma_kernel.arrays import U16_MAX, AnyArray, U16Array, U64Array, array, boolean, freeze, has_items, integer
from yuma_kernel.errors import InputError, shown
from yuma_kernel.rows import SparseRows
from yuma_kernel.stake import stake_from_rao
from yuma_kernel.studies.guarantee_map import upscaled
from yuma_kernel.types import Hyperparameters, SubnetState
from yuma_kernel.units import RAO
from yuma_kernel.values import _Value
from yuma_kernel.weights import weights_to_u16

EPOCHS: Final = 40
TOTAL_STAKE_RAO: Final = 10**6 * RAO
"""What stakes are parts of where they are given as parts: a million alpha."""

FIRST_BLOCK: Final = 10**6
"""In which the first epoch runs: so late that no date is near 0."""

MOST: Final = 1000
"""Epochs of a scenario."""

_FIXED: Final = ("bonds_penalty", "yuma3", "liquid_alpha", "profile")
"""Hyperparameters that the rules give under which a scenario runs, and no scenario."""


@dataclass(frozen=True)
class BondReset:
    """Stored bonds are gone before an epoch: all of them, those on a server, those of a validator, or the one between both.

    The chain has nothing that does so. It is a change of the stored state from outside; what the epochs make of the changed
    state is the chain's arithmetic.

    Attributes:
        epoch: the first that finds them gone; from 1 on.
        server, validator: counted from 0 each; None for all.
        without_consensus: of one server: only if the epoch before stored a consensus of 0 for it.
    """

    epoch: int
    server: int | None = None
    validator: int | None = None
    without_consensus: bool = False

    def __str__(self) -> str:
        of = "all bonds" if self.validator is None else f"the bonds of validator {self.validator + 1}"
        on = "" if self.server is None else f" on server {self.server + 1}"
        unless = ", if nothing of consensus is on it," if self.without_consensus else ""
        return f"before epoch {self.epoch} {of}{on}{unless} are reset (not the chain's)"


@dataclass(frozen=True)
class Registration:
    """Somebody else takes the uid of a server between two epochs.

    It is registered in the first block after the epoch before, which is all that changes in the stored state: the epoch
    finds the bonds on it outdated (section 7), and the validators set their weights after it, in the block before the epoch,
    so that these count (section 4).

    Attributes:
        epoch: the first that finds the new one; from 1 on.
        server: counted from 0.
    """

    epoch: int
    server: int

    def __str__(self) -> str:
        return f"before epoch {self.epoch} another miner registers in the place of server {self.server + 1}"


Event = BondReset | Registration

Weights = Callable[[int], Any] | Any
"""By epoch: a function of it that gives a matrix of validators by servers, a table of such matrices, or one that is held."""


@dataclass(frozen=True, eq=False, repr=False)
class Scenario(_Value):
    """What is weighed, staked and done in consecutive epochs of a small subnet.

    `Scenario.of` makes one of numbers as people write them; the constructor takes what the chain stores.

    Attributes:
        name: by which tables have it.
        description: a sentence or two for people.
        stakes: uint64[epochs, validators], rao, each below 2^63 with its epoch's sum.
        weights: uint16[epochs, validators, servers], as stored: the largest of a row is 65535, or all are 0. What is given
            is taken as it was sent, and upscaled as the chain does.
        events: `BondReset` and `Registration`, of epochs from 1 on.
        validators: a name each, for charts.
        base: which validator the scenario is about, counted from 0.
        hyperparameters: by name, those that the scenario sets on whatever rules it is run under, such as kappa.
        zeros: whether weights of 0 are sent and stored as such. SDKs leave them out. It matters for liquid alpha, where a
            bond whose weight is gone is dropped at once, and one whose weight is a stored 0 decays.

    Raises:
        InputError: naming the field, the index and the rule.
    """

    name: str
    description: str
    stakes: U64Array
    weights: U16Array
    events: tuple[Event, ...] = ()
    validators: tuple[str, ...] = ()
    base: int = 0
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    zeros: bool = False

    if TYPE_CHECKING:  # the fields say what is held; this, what is taken

        def __init__(
            self,
            name: str,
            description: str,
            stakes: npt.ArrayLike,
            weights: npt.ArrayLike,
            events: Iterable[Event] = (),
            validators: Iterable[str] = (),
            base: int = 0,
            hyperparameters: Mapping[str, Any] = ...,
            zeros: bool = False,
        ) -> None: ...

    def __post_init__(self) -> None:
        for label in ("name", "description"):
            if not isinstance(getattr(self, label), str):
                raise InputError(label, f"expected a string, got {type(getattr(self, label)).__name__}")
        if not self.name.strip():
            raise InputError("name", "expected one that is not empty")
        weights = array("weights", self.weights, np.uint16, (None, None, None))
        epochs, validators, servers = weights.shape
        integer("number of epochs", epochs, 1, MOST)
        integer("number of validators", validators, 1, 1024)
        integer("number of servers", servers, 1, 1024)
        stakes = array("stakes", self.stakes, np.uint64, (epochs, None))
        if stakes.shape[1] != validators:
            rule = f"expected one for each of {validators} validators, as weights have rows, got {stakes.shape[1]}"
            raise InputError("stakes", rule)
        for k, row in enumerate(stakes.tolist()):
            if sum(row) >= 2**63:
                raise InputError("stakes", f"expected a sum below 2^63 rao, got {sum(row)}", k)
        names = tuple(self.validators) or tuple(f"validator {k + 1}" for k in range(validators))
        if len(names) != validators or not all(isinstance(label, str) for label in names):
            raise InputError("validators", f"expected {validators} names, got {shown(names)}")
        self._set(
            stakes=stakes,
            weights=freeze(upscaled(weights.astype(np.int64))),
            events=tuple(_event(k, event, weights.shape) for k, event in enumerate(self.events)),
            validators=names,
            base=integer("base", self.base, 0, validators - 1),
            hyperparameters=MappingProxyType(_changes(self.hyperparameters)),
            zeros=boolean("zeros", self.zeros),
        )

    @classmethod
    def of(
        cls,
        name: str,
        description: str = "",
        *,
        stakes: Any,
        weights: Weights,
        epochs: int = EPOCHS,
        total_rao: int = TOTAL_STAKE_RAO,
        **others: Any,
    ) -> Scenario:
        """A scenario of numbers as people write them.

        Args:
            name, description: as held.
            stakes: by validator, or by epoch and validator: parts of `total_rao`, to the nearest rao, of any sum.
            weights: a function of the epoch that gives a matrix of validators by servers; a table of them by epoch; or one
                matrix that is held. Of any scale: floats, and integers too, become what a validator sends by
                `yuma_kernel.weights_to_u16`, and then what the chain stores.
            epochs: how many.
            total_rao: what the stakes are parts of.
            others: `events`, `validators`, `base`, `hyperparameters`, `zeros`.

        Raises:
            InputError: naming the argument.
        """
        count = integer("epochs", epochs, 1, MOST)
        table = [weights(k) for k in range(count)] if callable(weights) else weights
        sent = _sent(table, count, by_epoch=callable(weights))
        return cls(name, description, _rao(stakes, count, integer("total_rao", total_rao, 1, 2**62)), sent, **others)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (self.to_dict(),)

    def __repr__(self) -> str:
        events = "".join(f"; {event}" for event in self.events)
        changed = "".join(f", {name}={value}" for name, value in self.hyperparameters.items())
        return (
            f"Scenario({self.name!r}, {self.epochs} epochs, {len(self.validators)} validators, {self.servers} servers"
            f"{changed}{events})"
        )

    def _repr_html_(self) -> str:
        """When weights and stakes change, epoch by epoch."""
        head = "".join(f"<th>{escape(label)}</th>" for label in ("epoch", *self.validators))
        rows = ""
        for k in self.turns():
            cells = (
                f"<td>{self.stakes[k, i] / RAO:,.0f} alpha: {', '.join(f'{w / U16_MAX:.4g}' for w in row)}</td>"
                for i, row in enumerate(self.weights[k].tolist())
            )
            rows += f"<tr><td>{k}</td>{''.join(cells)}</tr>"
        said = "".join(f"<p>{escape(str(event))}</p>" for event in self.events)
        title = f"{self.name}: {self.description}"
        return (
            f"<table><caption>{escape(title)} Stake, and weights on the servers as parts of the largest, from the epoch on."
            f"</caption><tr>{head}</tr>{rows}</table>{said}"
        )

    # -- what it is

    @property
    def epochs(self) -> int:
        return int(self.weights.shape[0])

    @property
    def servers(self) -> int:
        return int(self.weights.shape[2])

    @property
    def n(self) -> int:
        """Uids: validators, then servers."""
        return int(self.weights.shape[1] + self.weights.shape[2])

    @property
    def of_the_chain(self) -> bool:
        """Whether all that befalls it can befall a subnet: there is no `BondReset`."""
        return not any(isinstance(event, BondReset) for event in self.events)

    def turns(self) -> list[int]:
        """The epochs in which a weight or a stake is another than in the one before, and 0."""
        other = np.zeros(self.epochs, np.bool_)
        other[0] = True
        for each in (self.weights, self.stakes):
            flat = each.reshape(self.epochs, -1)
            other[1:] |= (flat[1:] != flat[:-1]).any(axis=1)
        return [int(k) for k in np.flatnonzero(other)]

    def rows(self, epoch: int) -> SparseRows:
        """The weights of an epoch as the chain stores them: of all uids, on the uids of the servers."""
        k = integer("epoch", epoch, 0, self.epochs - 1)
        validators, servers = self.weights.shape[1:]
        uids, rows = range(validators, self.n), self.weights[k].tolist()
        pairs = [[(uid, w) for uid, w in zip(uids, row, strict=True) if w or (self.zeros and any(row))] for row in rows]
        return SparseRows.from_rows([*pairs, *[[] for _ in range(servers)]])

    def total_stake(self) -> U64Array:
        """uint64[epochs, n, 2]: the I64F64 bits of the stakes of all uids, of which the servers have none."""
        words = np.zeros((self.epochs, self.n, 2), np.uint64)
        words[:, : self.stakes.shape[1], 1] = self.stakes
        return freeze(words)

    def state(self) -> SubnetState:
        """The subnet as the first epoch finds it: all validators with a permit, no bonds, no consensus stored."""
        none = np.zeros(self.n - self.stakes.shape[1], np.int64)
        return SubnetState(
            weights=self.rows(0),
            bonds=SparseRows.empty(self.n),
            total_stake=stake_from_rao(np.concatenate([self.stakes[0].astype(np.int64), none])),
            last_update=np.full(self.n, FIRST_BLOCK - 1, np.uint64),
            block_at_registration=np.zeros(self.n, np.uint64),
            validator_permit=np.arange(self.n) < self.stakes.shape[1],
            current_block=FIRST_BLOCK,
            previous_consensus=[],
        )

    def under(self, rules: Hyperparameters) -> Hyperparameters:
        """Hyperparameters with those that the scenario sets."""
        try:
            return replace(rules, **self.hyperparameters) if self.hyperparameters else rules
        except InputError as error:
            raise InputError(f"hyperparameters.{error.field}", error.rule, error.index) from None

    def to_dict(self) -> dict[str, Any]:
        """What JSON can hold; `Scenario.from_dict` gives the scenario back."""
        held = {f.name: getattr(self, f.name) for f in fields(self)}
        held |= {
            "stakes": self.stakes.tolist(),
            "weights": self.weights.tolist(),
            "events": [{"event": type(event).__name__, **vars(event)} for event in self.events],
            "validators": list(self.validators),
            "hyperparameters": dict(self.hyperparameters),
        }
        return held

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Scenario:
        """The scenario of `to_dict`.

        Raises:
            InputError: it is none.
        """
        if not isinstance(given, Mapping):
            raise InputError("scenario", f"expected a mapping, got {type(given).__name__}")
        known = {f.name for f in fields(cls)}
        if set(given) - known or not {"name", "description", "stakes", "weights"} <= set(given):
            raise InputError(
                "scenario", f"expected the items {', '.join(sorted(known))}, got {shown(sorted(map(str, given)))}"
            )
        events = tuple(_event_of(k, item) for k, item in enumerate(given.get("events", ())))
        return cls(**{**given, "events": events})

    # -- others from one

    def with_name(self, name: str, description: str | None = None) -> Scenario:
        """The same under another name, and with another description unless that is None."""
        return replace(self, name=name, description=self.description if description is None else description)

    def with_stakes(self, stakes: Any, *, total_rao: int = TOTAL_STAKE_RAO) -> Scenario:
        """With other stakes, by validator or by epoch and validator, as `Scenario.of` takes them."""
        return replace(self, stakes=_rao(stakes, self.epochs, integer("total_rao", total_rao, 1, 2**62)))

    def with_weights(self, validator: int, weights: Any, *, first: int = 0, end: int | None = None) -> Scenario:
        """With other weights of one validator, from the epoch `first` to before `end` (None: to the last): a row of weights
        on the servers, of any scale, as `Scenario.of` takes them."""
        i = integer("validator", validator, 0, len(self.validators) - 1)
        begin = integer("first", first, 0, self.epochs - 1)
        before = self.epochs if end is None else integer("end", end, begin + 1, self.epochs)
        row = _row(weights, ())
        if len(row) != self.servers:
            raise InputError("weights", f"expected {self.servers} of them, one a server, got {len(row)}")
        changed = np.array(self.weights)
        changed[begin:before, i] = row
        return replace(self, weights=changed)

    def with_epochs(self, epochs: int) -> Scenario:
        """With the first so many epochs; of more than there are, the further ones are as the last. Events beyond go."""
        count = integer("epochs", epochs, 1, MOST)
        at = np.minimum(np.arange(count), self.epochs - 1)
        kept = tuple(event for event in self.events if event.epoch < count)
        return replace(self, weights=self.weights[at], stakes=self.stakes[at], events=kept)

    def with_events(self, *events: Event) -> Scenario:
        """With these events besides its own."""
        return replace(self, events=(*self.events, *events))

    def without_events(self) -> Scenario:
        """With none of its events."""
        return replace(self, events=())

    def with_hyperparameters(self, **hyperparameters: Any) -> Scenario:
        """With these hyperparameters besides those that it sets already, under the names of `Hyperparameters`: kappa,
        bonds_moving_average, alpha_low and others, but not those that are the rules: bonds_penalty, yuma3, liquid_alpha and
        profile."""
        return replace(self, hyperparameters={**self.hyperparameters, **hyperparameters})

    def with_zeros(self, zeros: bool = True) -> Scenario:
        """With weights of 0 stored as such, or left out."""
        return replace(self, zeros=zeros)


def _rebuilt(given: dict[str, Any]) -> Scenario:
    return Scenario.from_dict(given)


def _event_of(k: int, item: object) -> Event:
    """The event of which `Scenario.to_dict` has made this."""
    kinds: dict[str, Callable[..., Event]] = {"BondReset": BondReset, "Registration": Registration}
    try:
        others = dict(item)  # type: ignore[call-overload]
        return kinds[others.pop("event")](**others)
    except (KeyError, TypeError, ValueError):
        raise InputError("events", f"expected an event as `to_dict` writes it, got {shown(item)}", k) from None


def _event(k: int, event: object, shape: tuple[int, ...]) -> Event:
    epochs, validators, servers = shape
    if not isinstance(event, (BondReset, Registration)):
        raise InputError("events", f"expected BondReset or Registration, got {type(event).__name__}", k)
    integer("events", event.epoch, 1, epochs - 1, k)
    if event.server is not None or isinstance(event, Registration):
        integer("events", event.server, 0, servers - 1, k)
    if isinstance(event, BondReset):
        if event.validator is not None:
            integer("events", event.validator, 0, validators - 1, k)
        if boolean("events", event.without_consensus) and event.server is None:
            raise InputError("events", "expected a server whose consensus decides", k)
    return event


def _changes(given: object) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise InputError("hyperparameters", f"expected a mapping, got {type(given).__name__}")
    known = vars(Hyperparameters())
    for name in given:
        if name not in known or name in _FIXED:
            rule = "a rule that scenarios run under, and not theirs" if name in _FIXED else "no hyperparameter"
            raise InputError("hyperparameters", f"{shown(name)} is {rule}")
    try:
        checked = Hyperparameters(**given)
    except InputError as error:
        raise InputError(f"hyperparameters.{error.field}", error.rule, error.index) from None
    return {name: getattr(checked, name) for name in given}


def _rao(stakes: object, epochs: int, total: int) -> AnyArray:
    """uint64[epochs, validators] of parts of a total."""
    try:
        parts = np.asarray(stakes, np.float64)
    except (TypeError, ValueError):
        raise InputError("stakes", f"expected numbers, got {type(stakes).__name__}") from None
    if parts.ndim == 1:
        parts = np.tile(parts, (epochs, 1))
    if parts.ndim != 2 or parts.shape[0] != epochs:
        raise InputError(
            "stakes", f"expected them by validator, or by {epochs} epochs and validator, got {list(parts.shape)}"
        )
    bad = ~((parts >= 0) & (parts * total < 2**62))
    if bad.any():
        at = tuple(int(k) for k in np.argwhere(bad)[0])
        raise InputError("stakes", f"expected parts from 0 on, together below 2^63 rao, got {parts[at]}", at)
    return np.rint(parts * total).astype(np.uint64)


def _row(weights: object, index: tuple[int, ...]) -> list[int]:
    """By server, what a validator sends of such weights."""
    if not has_items(weights) or isinstance(weights, Mapping):
        raise InputError("weights", f"expected a row of weights by server, got {type(weights).__name__}", index or None)
    row = list(weights)  # type: ignore[call-overload]
    try:
        uids, values = weights_to_u16(row, lists=True)
    except InputError as error:
        at = (*index, error.index) if isinstance(error.index, int) else index
        raise InputError("weights", error.rule, at or None) from None
    sent = [0] * len(row)
    for uid, value in zip(uids, values, strict=True):
        sent[uid] = value
    return sent


def _sent(table: object, epochs: int, *, by_epoch: bool) -> AnyArray:
    """uint16[epochs, validators, servers] of weights of any scale, by epoch or, where that is not said, held."""

    def items(value: object, index: tuple[int, ...]) -> list[Any]:
        if not has_items(value) or isinstance(value, Mapping):
            what = "a table of matrices, a matrix, or a function of the epoch"
            raise InputError("weights", f"expected {what}, got {type(value).__name__}", index or None)
        return list(cast("Iterable[Any]", value))

    matrices = items(table, ())
    if (
        not by_epoch
        and matrices
        and has_items(matrices[0])
        and all(not has_items(item) for item in items(matrices[0], (0,)))
    ):
        matrices = [matrices] * epochs
    if len(matrices) != epochs:
        raise InputError("weights", f"expected {epochs} matrices, one an epoch, got {len(matrices)}")
    seen: dict[tuple[Any, ...], list[int]] = {}

    def row(weights: object, index: tuple[int, ...]) -> list[int]:
        values = items(weights, index)
        key = tuple(values) if all(type(v) in (int, float) for v in values) else None
        if key is None:
            return _row(weights, index)
        if key not in seen:
            seen[key] = _row(values, index)
        return seen[key]

    out = [[row(each, (k, i)) for i, each in enumerate(items(matrix, (k,)))] for k, matrix in enumerate(matrices)]
    width, height = len(out[0]), len(out[0][0]) if out[0] else 0
    for k, matrix in enumerate(out):
        if len(matrix) != width or any(len(each) != height for each in matrix):
            raise InputError("weights", f"expected {width} rows of {height}, as epoch 0 has", k)
    return np.array(out, np.uint16)
