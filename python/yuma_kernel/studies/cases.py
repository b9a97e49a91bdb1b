"""The 22 scenarios by which consensus rules are compared, under names, and as functions of what they can vary in.

Three validators, and two or three servers; nothing here is a subnet that was recorded. Most turn on who is first to see that
another server has become the better one: the validator that consensus follows, or one of the others. `scenario` gives one by
its name or its number, `library` all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from yuma_kernel.arrays import AnyArray, integer
from yuma_kernel.errors import InputError, shown
from yuma_kernel.studies.scenario_inputs import EPOCHS, BondReset, Event, Scenario

BIG: Final = (0.8, 0.1, 0.1)
"""Stakes of most: one validator makes consensus alone, two others do not."""

TWO: Final = (0.49, 0.49, 0.02)
"""Stakes where two must agree, and the third decides between them."""

BACK: Final = 21
"""The epoch in which those switch back that do."""

_Moves = Sequence[Sequence[tuple[int, int]]]
"""By validator, from which epoch on it gives all its weight to which server."""


def switching(
    name: str,
    description: str,
    moves: _Moves,
    *,
    stakes: Sequence[float] = BIG,
    servers: int = 2,
    epochs: int = EPOCHS,
    **others: Any,
) -> Scenario:
    """Validators that give all their weight to one server, and switch from one to another.

    Args:
        moves: by validator, (epoch, server) pairs in ascending epochs, the first of epoch 0: from which on it weighs which.
        stakes, epochs, others: as for `Scenario.of`.
    """
    table = np.zeros((epochs, len(moves), servers))
    for i, turns in enumerate(moves):
        if not turns or turns[0][0] != 0:
            raise InputError("moves", "expected the first of epoch 0", i)
        at = [integer("moves", epoch, 0, 2**31, i) for epoch, _ in turns]
        if sorted(set(at)) != at:
            raise InputError("moves", f"expected ascending epochs, got {at}", i)
        for (epoch, server), end in zip(turns, [*at[1:], epochs], strict=True):
            table[epoch:end, i, integer("moves", server, 0, servers - 1, i)] = 1
    return Scenario.of(name, description, stakes=stakes, weights=table, epochs=epochs, **others)


def _moved(
    name: str,
    description: str,
    forth: Sequence[int],
    back: Sequence[int] | None = None,
    reset: BondReset | None = None,
    /,
    *,
    epochs: int = EPOCHS,
    **others: Any,
) -> Scenario:
    """All on server 1, each on server 2 from its epoch of `forth` on, and on server 1 again from that of `back` on."""
    backs = [None] * len(forth) if back is None else back
    moves = [[(0, 0), (e, 1), *([] if b is None else [(b, 0)])] for e, b in zip(forth, backs, strict=True)]
    events: tuple[Event, ...] = () if reset is None else (reset,)
    return switching(name, description, moves, epochs=epochs, **{"events": events, **others})


def kappa_first(*, first: int = 1, **others: Any) -> Scenario:
    """1: the big validator switches in the epoch `first`, the others one and two epochs later."""
    return _moved(
        "kappa first",
        "The validator that makes consensus is first to switch to the new server; the small ones follow one and two epochs"
        " later.",
        (first, first + 1, first + 2),
        **{"validators": ("big, first", "small, second", "small, third"), **others},
    )


def kappa_second(*, first: int = 1, **others: Any) -> Scenario:
    """2: a small validator switches in the epoch `first`, the big one an epoch later, the other one after that."""
    return _moved(
        "kappa second",
        "A small validator is first to switch, and for an epoch alone with it; then the big one follows, then the other.",
        (first + 1, first, first + 2),
        **{"validators": ("big, second", "small, first", "small, third"), "base": 1, **others},
    )


def kappa_third(*, first: int = 1, **others: Any) -> Scenario:
    """3: the two small validators switch in the epochs `first` and `first` + 1, the big one last."""
    return _moved(
        "kappa third",
        "Both small validators switch before the big one does, the first of them two epochs before.",
        (first + 2, first, first + 1),
        **{"validators": ("big, third", "small, first", "small, second"), "base": 1, **others},
    )


def all_switch(*, first: int = 1, **others: Any) -> Scenario:
    """4: all validators switch in the same epoch."""
    return _moved(
        "all switch",
        "All validators switch in the same epoch: what bonds do where nobody is ahead.",
        (first, first, first),
        **{"validators": ("big", "small", "small too"), **others},
    )


def kappa_second_then_third(*, first: int = 1, back: int = BACK, reset: bool = False, **others: Any) -> Scenario:
    """5: both small validators switch an epoch before the big one, and return one and two epochs before it.

    `reset`: in the epoch before they return, the bonds on server 2 are reset.
    """
    return _moved(
        "kappa second, then third",
        "Both small validators switch an epoch before the big one. Later all return, one after the other, the big one last.",
        (first + 1, first, first),
        (back + 2, back, back + 1),
        BondReset(back - 1, server=1) if reset else None,
        **{"validators": ("big, last", "small, first twice", "small, first, then second"), "base": 1, **others},
    )


def kappa_second_then_all(*, first: int = 1, back: int = BACK, reset: bool = False, **others: Any) -> Scenario:
    """6: as "kappa second", and later all return in the same epoch.

    `reset`: when they return, the bonds on server 1 are reset.
    """
    return _moved(
        "kappa second, then all",
        "A small validator switches first, then the big one, then the other; later all return in the same epoch.",
        (first + 1, first, first + 2),
        (back, back, back),
        BondReset(back, server=0) if reset else None,
        **{"validators": ("big, second", "small, first", "small, third"), "base": 1, **others},
    )


def late_then_one_first(*, first: int = 1, back: int = BACK, reset: bool = False, **others: Any) -> Scenario:
    """7: both small validators switch an epoch before the big one; later one of them returns an epoch before all others.

    `reset`: when it returns, the bonds on server 1 are reset.
    """
    return _moved(
        "late, then one first",
        "The big validator switches an epoch after the small ones; later one small validator returns before all others.",
        (first + 1, first, first),
        (back + 1, back + 1, back),
        BondReset(back, server=0) if reset else None,
        **{"validators": ("big, late twice", "small, first, then late", "small, first twice"), "base": 2, **others},
    )


def late_twice(*, first: int = 1, back: int = BACK, reset: bool = False, **others: Any) -> Scenario:
    """8: the big validator switches an epoch after both small ones, and returns an epoch after them.

    `reset`: in the epoch before they return, the bonds on server 2 are reset.
    """
    return _moved(
        "late twice",
        "The big validator does twice what the small ones did an epoch before, as one that copies weights would.",
        (first + 1, first, first),
        (back + 1, back, back),
        BondReset(back - 1, server=1) if reset else None,
        **{"validators": ("big, late twice", "small, first twice", "small, first too"), "base": 1, **others},
    )


def stakes_merge(
    *,
    at: int = 6,
    stakes: Sequence[float] = BIG,
    merged: Sequence[float] = (0.8, 0.2, 0.0),
    epochs: int = EPOCHS,
    **others: Any,
) -> Scenario:
    """9: all weigh server 2 all the time; from the epoch `at` on, the stakes are `merged`."""
    integer("at", at, 1, epochs)
    return switching(
        "stakes merge",
        "Nobody switches; from one epoch on all stake of one small validator is the other's. Whether its bonds follow.",
        [[(0, 1)]] * 3,
        stakes=np.concatenate([np.tile(stakes, (at, 1)), np.tile(merged, (epochs - at, 1))]),  # type: ignore[arg-type]
        epochs=epochs,
        **{"validators": ("big", "small, takes over", "small, gives up"), **others},
    )


def kappa_delayed(*, first: int = 1, delay: int = 9, **others: Any) -> Scenario:
    """10: a small validator switches in the epoch `first`, the big one `delay` epochs later, the other an epoch after."""
    return _moved(
        "kappa delayed",
        "A small validator is ahead of consensus for many epochs before the big one follows.",
        (first + delay, first, first + delay + 1),
        **{"validators": ("big, delayed", "small, first", "small, last"), "base": 1, **others},
    )


def clipping(*, at: int = 20, stakes: Sequence[float] = TWO, epochs: int = EPOCHS, **others: Any) -> Scenario:
    """11: two equal validators disagree, and a third with two hundredths of the stake decides for the one, and from the
    epoch `at` on for the other: what is clipped of whom."""
    before = [[0.3, 0.7], [0.6, 0.4], [0.61, 0.39]]
    after = [[0.3, 0.7], [0.6, 0.4], [0.3, 0.61]]
    return Scenario.of(
        "clipping",
        "Two equal validators disagree about the servers, and the third, with a fiftieth of the stake, decides whose weights"
        " are clipped; half-way it decides otherwise.",
        stakes=stakes,
        weights=lambda epoch: before if epoch < at else after,
        epochs=epochs,
        **{"validators": ("big", "big, of another opinion", "small, decides"), **others},
    )


def trace(
    *, first: int = 1, back: int = BACK, part: float = 0.001, reset: bool = False, epochs: int = EPOCHS, **others: Any
) -> Scenario:
    """12: all switch and later return together, but one keeps the weight `part` on the server that the others do not weigh.

    `reset`: in the epoch before they return, the bonds on server 2 are reset.
    """
    if not 0 <= part <= 0.5:
        raise InputError("part", f"expected a part from 0 to 0.5, got {part}")

    def weights(epoch: int) -> list[list[float]]:
        rows = [[1.0, 0.0], [1 - part, part], [1.0, 0.0]]
        return [row[::-1] for row in rows] if first <= epoch < back else rows

    return Scenario.of(
        "trace",
        "All switch and return together, but one small validator always leaves a trace of weight on the other server, so as"
        " to hold bonds there when it rises.",
        stakes=others.pop("stakes", BIG),
        weights=weights,
        epochs=epochs,
        events=others.pop("events", (BondReset(back - 1, server=1),) if reset else ()),
        **{"validators": ("big", "small, leaves a trace", "small"), **others},
    )


def minority(*, at: int = BACK, reset: bool = False, epochs: int = EPOCHS, **others: Any) -> Scenario:
    """13: the big validator weighs server 2; a small one both servers alike, and from the epoch `at` on the other one too.

    `reset`: in the epoch before `at`, the bonds on server 1 are reset.
    """
    return Scenario.of(
        "minority",
        "The big validator weighs server 2 alone. A small one gives half of its weight to server 1, and later both do: what"
        " a minority brings a server, and what that costs it.",
        stakes=others.pop("stakes", BIG),
        weights=lambda epoch: [[0, 1], [0.5, 0.5], [0, 1] if epoch < at else [0.5, 0.5]],
        epochs=epochs,
        events=others.pop("events", (BondReset(at - 1, server=0),) if reset else ()),
        **{"validators": ("big", "small, of both", "small, joins"), **others},
    )


def one_deviates(*, at: int = 20, stakes: Sequence[float] = (0.33, 0.33, 0.34), **others: Any) -> Scenario:
    """14: three nearly equal validators agree, but in the epoch `at` one of them weighs the other server."""
    return switching(
        "one deviates",
        "Three nearly equal validators agree, and for one epoch one of them weighs the other server: what a slip costs.",
        [[(0, 0)], [(0, 0)], [(0, 0), (at, 1), (at + 1, 0)]],
        **{"stakes": stakes, "validators": ("one", "two", "three, deviates"), **others},
    )


def stable_server(share: float = 0.25, *, first: int = 1, epochs: int = EPOCHS, **others: Any) -> Scenario:
    """15 to 18: as "kappa second", while all validators give the part `share` of their weight to a third server."""
    if not 0 <= share < 1:
        raise InputError("share", f"expected a part from 0 to below 1, got {share}")
    turns = (first + 1, first, first + 2)

    def weights(epoch: int) -> list[list[float]]:
        one, two = [1 - share, 0.0, share], [0.0, 1 - share, share]
        return [two if epoch >= turn else one for turn in turns]

    return Scenario.of(
        f"stable server {share:g}",
        f"A small validator switches first, then the big one, then the other, with what is left beside a third server to"
        f" which all give {share:.0%} all the time.",
        stakes=others.pop("stakes", BIG),
        weights=weights,
        epochs=epochs,
        **{"validators": ("big, second", "small, first", "small, third"), "base": 1, **others},
    )


def noise(
    *,
    servers: int = 2,
    winner: bool = False,
    worth: Sequence[float] | None = None,
    spread: Sequence[float] | None = None,
    seed: int = 42,
    stakes: Sequence[float] | None = None,
    epochs: int = EPOCHS,
    **others: Any,
) -> Scenario:
    """19 to 22: validators measure what servers are worth, each with its own normal noise, anew in every epoch.

    Args:
        servers: two: worth .6 and .55, noise .05 .15 .15, stakes .49 .49 .02. Three: worth .3 .35 .4, noise .05 .1 .1,
            stakes .34 .33 .33. Another number needs `worth`.
        winner: whether each validator gives all weight to the server that it finds best; else what it measures, from 0 to 1.
        worth: by server. spread: the standard deviation by validator.
        seed: of NumPy's noise; the simulators that have these scenarios draw other numbers.
    """
    two = integer("servers", servers, 1, 1024) == 2
    means = np.asarray(worth if worth is not None else (0.6, 0.55) if two else (0.3, 0.35, 0.4), np.float64)
    if means.shape != (servers,):
        raise InputError("worth", f"expected {servers} of them, one a server, got shape {list(means.shape)}")
    sigma = np.asarray(spread if spread is not None else (0.05, 0.15, 0.15) if two else (0.05, 0.1, 0.1), np.float64)
    if sigma.ndim != 1 or not (sigma >= 0).all():
        raise InputError("spread", f"expected a standard deviation a validator, got {shown(spread)}")
    random = np.random.default_rng(integer("seed", seed, 0, 2**63 - 1))
    count = integer("epochs", epochs, 1, 1000)
    measured: AnyArray = means + sigma[:, None] * random.standard_normal((count, sigma.size, servers))
    measured = np.clip(measured, 0, 1)
    if winner:
        measured = (np.arange(servers) == measured.argmax(axis=2)[:, :, None]).astype(np.float64)
    of = f"noise, {servers} servers" + (", winner" if winner else "")
    what = "gives all weight to the server that it finds best" if winner else "weighs the servers by what it measures"
    labels = ("low noise", "high noise", "high noise, small" if two else "high noise too")
    return Scenario.of(
        of,
        f"Servers of nearly equal worth, measured with noise anew in every epoch; each validator {what}.",
        stakes=stakes if stakes is not None else TWO if two else (0.34, 0.33, 0.33),
        weights=measured,
        epochs=count,
        **{"validators": labels if sigma.size == 3 else (), **others},
    )


SCENARIOS: Final[Mapping[str, Callable[..., Scenario]]] = MappingProxyType(
    {
        "kappa first": kappa_first,
        "kappa second": kappa_second,
        "kappa third": kappa_third,
        "all switch": all_switch,
        "kappa second, then third": kappa_second_then_third,
        "kappa second, then all": kappa_second_then_all,
        "late, then one first": late_then_one_first,
        "late twice": late_twice,
        "stakes merge": stakes_merge,
        "kappa delayed": kappa_delayed,
        "clipping": clipping,
        "trace": trace,
        "minority": minority,
        "one deviates": one_deviates,
        "stable server 0.25": partial(stable_server, share=0.25),
        "stable server 0.5": partial(stable_server, share=0.5),
        "stable server 0.75": partial(stable_server, share=0.75),
        "stable server 0.9": partial(stable_server, share=0.9),
        "noise, 2 servers, winner": partial(noise, winner=True),
        "noise, 2 servers": noise,
        "noise, 3 servers, winner": partial(noise, servers=3, winner=True),
        "noise, 3 servers": partial(noise, servers=3),
    }
)
"""The constructors by the names of what they make, in the order in which the field numbers them from 1."""


def scenario(which: str | int, **parameters: Any) -> Scenario:
    """A scenario of the library, by its name or its number from 1 to 22.

    Args:
        which: a name of `yuma_kernel.studies.SCENARIOS`, or a number.
        parameters: of its constructor: stakes, epochs, the epochs of its switches, `reset` where it has one.

    Raises:
        InputError: there is no such scenario, or it takes no such parameter.
    """
    names = list(SCENARIOS)
    if isinstance(which, str):
        if which not in SCENARIOS:
            raise InputError("which", f"expected one of {', '.join(names)}, got {shown(which)}")
        name = which
    else:
        name = names[integer("which", which, 1, len(names)) - 1]
    try:
        return SCENARIOS[name](**parameters)
    except TypeError as error:
        raise InputError("parameters", f"{name!r} does not take these: {error}") from None


def library(*, reset: bool = False) -> tuple[Scenario, ...]:
    """All scenarios of the library, in their order; with `reset`, those that have one with their reset of bonds."""
    made = []
    for name in SCENARIOS:
        resets = reset and name in WITH_RESET
        made.append(scenario(name, **({"reset": True} if resets else {})))
    return tuple(made)


WITH_RESET: Final = (
    "kappa second, then third", "kappa second, then all", "late, then one first", "late twice", "trace", "minority",
)  # fmt: skip
"""The scenarios that take `reset`."""
