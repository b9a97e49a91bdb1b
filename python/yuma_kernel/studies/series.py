"""Series: what a subnet brought to its epochs, one after the other. Recorded from a chain, or generated."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np
import numpy.typing as npt

from yuma_kernel.arrays import MAX_UIDS, U16_MAX, AnyArray, BoolArray, Integer, U64Array, array, freeze, integer
from yuma_kernel.errors import InputError, shown
from yuma_kernel.files import write
from yuma_kernel.rows import SparseRows, stored_rows
from yuma_kernel.simulation import Simulation, _stakes, simulate
from yuma_kernel.stake import stake_from_rao, total_stake_array
from yuma_kernel.types import Hyperparameters, SubnetState, plain, require_hyperparameters
from yuma_kernel.values import _unfrozen, _Value

FORMAT: Final = "yuma-kernel series 1"
"""What the member `format` of a file of `Series.save` says."""

MAX_EPOCHS: Final = 2**20
TOTAL_STAKE_RAO: Final = 10**15
"""Of all validators of a generated series."""


@dataclass(frozen=True, eq=False, repr=False)
class Series(_Value):
    """What consecutive epochs of a subnet find, all but what an epoch leaves to the next: bonds and consensus.

    A series begins as a subnet does of which no epoch has run: without bonds, and with no consensus stored.

    Attributes:
        weights: SparseRows of uint16 for each of the T epochs, as stored when it begins.
        total_stake: uint64[T, n, 2], the I64F64 bits of the stake in rao; uint64[n, 2] is taken for all epochs.
        last_update, block_at_registration: uint64[T, n], blocks.
        validator_permit: bool[T, n].
        blocks: uint64[T], in which the epochs run.
        hyperparameters: those of the subnet.
        last_mechanism_step_block: uint64[T], blocks; None: 0 for the first epoch, then the block of the epoch before.
        owner_uid: below n, or None.
        about: where it comes from, as JSON holds it.

    Raises:
        InputError: naming the field, the index and the rule.
    """

    weights: tuple[SparseRows, ...]
    total_stake: U64Array
    last_update: U64Array
    block_at_registration: U64Array
    validator_permit: BoolArray
    blocks: U64Array
    hyperparameters: Hyperparameters
    last_mechanism_step_block: U64Array = None  # type: ignore[assignment]
    owner_uid: int | None = None
    about: Mapping[str, Any] = field(default_factory=dict)

    if TYPE_CHECKING:  # the fields say what is held; this, what is taken

        def __init__(
            self,
            weights: Sequence[Any],
            total_stake: npt.ArrayLike,
            last_update: npt.ArrayLike,
            block_at_registration: npt.ArrayLike,
            validator_permit: npt.ArrayLike,
            blocks: npt.ArrayLike,
            hyperparameters: Hyperparameters,
            last_mechanism_step_block: npt.ArrayLike | None = None,
            owner_uid: Integer | None = None,
            about: Mapping[str, Any] = MappingProxyType({}),
        ) -> None: ...

    def __post_init__(self) -> None:
        require_hyperparameters(self.hyperparameters)
        weights = tuple(stored_rows(f"weights[{t}]", rows) for t, rows in enumerate(self.weights))
        if not 1 <= len(weights) <= MAX_EPOCHS:
            raise InputError("weights", f"expected those of 1 to {MAX_EPOCHS} epochs, got {len(weights)}")
        count, n = len(weights), weights[0].n
        for t, rows in enumerate(weights):
            if rows.n != n:
                raise InputError("weights", f"expected {n} rows, as the first epoch has, got {rows.n}", t)
        given = np.asarray(self.total_stake)
        if given.ndim == 2:
            stake: AnyArray = np.broadcast_to(total_stake_array(given, n), (count, n, 2))
        else:
            stake = _stakes(given, count, n)
        blocks = array("blocks", self.blocks, np.uint64, (count,))
        steps = self.last_mechanism_step_block
        if steps is None:
            steps = np.concatenate([np.zeros(1, np.uint64), blocks[:-1]])
        self._set(
            weights=weights,
            total_stake=freeze(stake),
            last_update=array("last_update", self.last_update, np.uint64, (count, n)),
            block_at_registration=array("block_at_registration", self.block_at_registration, np.uint64, (count, n)),
            validator_permit=array("validator_permit", self.validator_permit, np.bool_, (count, n)),
            blocks=blocks,
            last_mechanism_step_block=array("last_mechanism_step_block", steps, np.uint64, (count,)),
            owner_uid=None if self.owner_uid is None else integer("owner_uid", self.owner_uid, 0, n - 1),
            about=MappingProxyType(json.loads(json.dumps(dict(self.about)))),
        )

    def __reduce__(self) -> tuple[Any, ...]:
        plain = {f.name: _unfrozen(getattr(self, f.name)) for f in fields(self)}
        return type(self), tuple({**plain, "about": dict(self.about)}.values())

    def __len__(self) -> int:
        """The number of epochs."""
        return len(self.weights)

    def __repr__(self) -> str:
        about = ", ".join(f"{name}={value!r:.60}" for name, value in self.about.items())
        return f"Series({len(self)} epochs of {self.n} uids, blocks {self.blocks[0]} to {self.blocks[-1]}; {about})"

    @property
    def n(self) -> int:
        """The number of uids."""
        return self.weights[0].n

    def state(self) -> SubnetState:
        """The subnet as the first epoch finds it, without bonds and with no consensus stored."""
        return SubnetState(
            weights=self.weights[0],
            bonds=SparseRows.empty(self.n),
            total_stake=self.total_stake[0],
            last_update=self.last_update[0],
            block_at_registration=self.block_at_registration[0],
            validator_permit=self.validator_permit[0],
            current_block=self.blocks[0],
            last_mechanism_step_block=self.last_mechanism_step_block[0],
            owner_uid=self.owner_uid,
            previous_consensus=np.zeros(0, np.uint16),
        )

    def simulate(self, hyperparameters: Hyperparameters | None = None, *, emission: Any = 0, **options: Any) -> Simulation:
        """Its epochs, by `yuma_kernel.simulate`.

        Args:
            hyperparameters: in place of its own.
            emission, options: as there.
        """
        return simulate(
            self.state(),
            self.hyperparameters if hyperparameters is None else hyperparameters,
            epochs=len(self),
            weights=self.weights,
            total_stake=self.total_stake,
            last_update=self.last_update,
            block_at_registration=self.block_at_registration,
            validator_permit=self.validator_permit,
            current_block=self.blocks,
            last_mechanism_step_block=self.last_mechanism_step_block,
            emission=emission,
            **options,
        )

    def to_bytes(self) -> bytes:
        """What `save` writes."""
        rows = self.weights
        members: dict[str, AnyArray] = {
            "format": np.array(FORMAT),
            "hyperparameters": np.array(json.dumps(plain(self.hyperparameters))),
            "about": np.array(json.dumps(dict(self.about))),
            "owner_uid": np.array(-1 if self.owner_uid is None else self.owner_uid, np.int64),
            "weights_indptr": np.stack([r.indptr for r in rows]),
            "weights_uid": np.concatenate([r.uid for r in rows]),
            "weights_value": np.concatenate([r.value for r in rows]),
            "total_stake": self.total_stake,
            **{name: getattr(self, name) for name in _BY_EPOCH},
        }
        content = io.BytesIO()
        np.savez_compressed(content, **cast(Any, members))
        return content.getvalue()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes it to the file `path`, an `.npz` without pickle; `load` gives it back."""
        write(path, self.to_bytes())

    @classmethod
    def from_bytes(cls, content: bytes, name: str = "series") -> Series:
        """The series in the content of a file; `name` is what errors call it."""
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as file:
                members = {member: file[member] for member in file.files}
            made = _own(members) if "format" in members else _recorded(members)
        except (KeyError, TypeError, OSError, zipfile.BadZipFile, EOFError, json.JSONDecodeError) as error:
            raise InputError(name, f"expected a series ({error!r:.80})") from None
        except InputError as error:
            raise error.within(f"{name}: {error.field}") from None
        except ValueError as error:
            raise InputError(name, f"expected a series ({error!s:.80})") from None
        return made

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Series:
        """The series in the file `path`: one that `save` wrote, or one recorded in dense arrays.

        The latter is an `.npz` with `blocks` [T], `weights` uint16[T, n, n] (a row where `has_row` [T, n], of its entries
        that are not 0), `last_update`, `block_at_registration`, `validator_permit` [T, n], `stake_rao` uint64[n] for all
        epochs, and `meta`, JSON with `hyperparameters`: those of `Hyperparameters`, with `owner_uid` (-1 for none) and
        `last_mechanism_step_block`, which is held.

        Raises:
            InputError: the file holds none. OSError: it cannot be read.
        """
        with open(path, "rb") as file:
            return cls.from_bytes(file.read(), os.fsdecode(path))


_BY_EPOCH: Final = (
    "last_update", "block_at_registration", "validator_permit", "blocks", "last_mechanism_step_block",
)  # fmt: skip


def _own(members: Mapping[str, AnyArray]) -> Series:
    if str(members["format"]) != FORMAT:
        raise InputError("format", f"expected {FORMAT!r}, got {shown(str(members['format']))}")
    indptr = array("weights_indptr", members["weights_indptr"], np.uint32, (None, None))
    ends = np.cumsum([0, *indptr[:, -1].tolist()])
    if len({members["weights_uid"].size, members["weights_value"].size, int(ends[-1])}) != 1:
        raise InputError("weights_uid", f"expected {ends[-1]} entries and as many values")
    parts = [slice(a, b) for a, b in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True)]
    owner = int(members["owner_uid"])
    return Series(
        weights=[
            SparseRows(indptr[t], members["weights_uid"][part], members["weights_value"][part])
            for t, part in enumerate(parts)
        ],
        total_stake=members["total_stake"],
        hyperparameters=Hyperparameters(**json.loads(str(members["hyperparameters"]))),
        owner_uid=None if owner == -1 else owner,
        about=json.loads(str(members["about"])),
        **{name: members[name] for name in _BY_EPOCH},
    )


def _recorded(members: Mapping[str, AnyArray]) -> Series:
    meta = json.loads(str(members["meta"]))
    rules = {name: value for name, value in meta.pop("hyperparameters").items() if name not in ("current_block", "emission")}
    owner, step = int(rules.pop("owner_uid", -1)), rules.pop("last_mechanism_step_block", None)
    blocks, weights = members["blocks"], members["weights"]
    if weights.ndim != 3 or members["has_row"].shape != weights.shape[:2]:
        raise InputError("weights", f"expected [T, n, n] and has_row [T, n], got {list(weights.shape)}")
    dense = np.where(members["has_row"][:, :, None], weights, weights.dtype.type(0))
    return Series(
        weights=[SparseRows.from_dense(rows) for rows in dense],
        total_stake=stake_from_rao(members["stake_rao"]),
        last_update=members["last_update"],
        block_at_registration=members["block_at_registration"],
        validator_permit=members["validator_permit"],
        blocks=blocks,
        hyperparameters=Hyperparameters(**rules),
        last_mechanism_step_block=None if step is None else np.full(blocks.size, step, np.uint64),
        owner_uid=None if owner == -1 else owner,
        about=meta,
    )


def generated_series(
    *,
    epochs: int = 140,
    validators: int = 16,
    servers: int = 64,
    drift: float = 0.01,
    noise: float = 0.3,
    hyperparameters: Hyperparameters | None = None,
    seed: int = 425,
) -> Series:
    """A subnet in which servers get better and worse, and every validator measures them anew before every epoch.

    The quality of server j in epoch t is x², with x normal in the first epoch and then √(1 - drift) x + √drift z: it forgets
    a part `drift` of itself from one epoch to the next. Validator i sees quality · max(0, 1 + noise z) and sends that of the
    largest, times 65535, floored; what is 0 it does not send. All z are normal and independent. The i-th validator's stake,
    from 1 on, is 1/i of the first one's, of 10^15 rao in all. The uids of the validators come before those of the servers;
    nobody registers anew. An epoch runs every tempo, with all weights set in the block before it.

    Args:
        epochs: how many.
        validators, servers: how many uids there are of each.
        drift: from 0, servers that stay as they are, to 1, new ones before every epoch.
        noise: how much validators differ, 0 for not at all.
        hyperparameters: None for those that the runtime gives a new subnet (Yuma 3), with a permit for every validator.
        seed: of NumPy's default generator.

    Raises:
        InputError: naming the argument.
    """
    count = integer("epochs", epochs, 1, MAX_EPOCHS)
    v, m = integer("validators", validators, 1, 4096), integer("servers", servers, 1, 16384)
    for name, value, high in (("drift", drift, 1.0), ("noise", noise, float("inf"))):
        if not (isinstance(value, (int, float, np.floating)) and np.isfinite(value) and 0 <= value <= high):
            raise InputError(name, f"expected a number from 0 {'to 1' if high == 1 else 'on'}, got {shown(value)}")
    rules = Hyperparameters(max_allowed_validators=v, commit_reveal=False) if hyperparameters is None else hyperparameters
    require_hyperparameters(rules)
    if rules.tempo == 0:
        raise InputError("hyperparameters", "expected a tempo of more than 0: with 0 no epoch is ever due")
    random = np.random.default_rng(integer("seed", seed, 0, 2**63 - 1))
    n = v + m
    if n > MAX_UIDS:
        raise InputError("servers", f"expected at most {MAX_UIDS} uids, got {n}")
    kept, renewed = np.sqrt(1 - drift), np.sqrt(drift)
    x = random.standard_normal(m)
    weights = []
    dense = np.zeros((n, n), np.uint16)
    for t in range(count):
        if t:
            x = kept * x + renewed * random.standard_normal(m)
        # products, quotients and square roots alone, which are the same on every machine
        seen = (x * x) * np.maximum(0, 1 + noise * random.standard_normal((v, m)))
        most = seen.max(axis=1, keepdims=True)
        dense[:v, v:] = seen / np.where(most > 0, most, 1) * U16_MAX
        weights.append(SparseRows.from_dense(dense))
    parts = [1 / (i + 1) for i in range(v)]
    rao = [int(TOTAL_STAKE_RAO * part / sum(parts)) for part in parts] + [0] * m
    blocks = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(rules.tempo)
    return Series(
        weights=weights,
        total_stake=stake_from_rao(rao),
        last_update=np.broadcast_to((blocks - np.uint64(1))[:, None], (count, n)),
        block_at_registration=np.zeros((count, n), np.uint64),
        validator_permit=np.broadcast_to(np.arange(n) < v, (count, n)),
        blocks=blocks,
        hyperparameters=rules,
        about={
            "generator": "drifting quality",
            "epochs": count,
            "validators": v,
            "servers": m,
            "drift": float(drift),
            "noise": float(noise),
            "seed": int(seed),
        },
    )
