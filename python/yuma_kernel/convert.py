"""A snapshot from matrices and columns as people keep them: JSON, CSV and NPZ files, as docs/convert.md describes them.

Fields come under the names of docs/snapshot.md, and under a few that are easier to have: a dense matrix, stake in rao. What
is missing is refused, or filled with what `ASSUMED` says where the caller asks for that; the snapshot's meta then names it.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import fields
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from yuma_kernel.arrays import U16_MAX, U64_MAX, U64Array, integer, ordered, proportion
from yuma_kernel.errors import InputError, shown
from yuma_kernel.profiles import MODES
from yuma_kernel.rows import SparseRows
from yuma_kernel.snapshot import _ZIP_ERRORS, Snapshot, _json, load
from yuma_kernel.stake import stake_from_rao, total_stake_bits
from yuma_kernel.types import Hyperparameters, SubnetState
from yuma_kernel.weights import weights_to_u16

Units = Literal["chain", "float"]

_HYPERPARAMETERS: Final = frozenset(f.name for f in fields(Hyperparameters))
_STATE: Final = frozenset(f.name for f in fields(SubnetState))
_STAKES: Final = ("total_stake", "stake", "alpha_stake")
_BY_UID: Final = frozenset(
    (
        "stake",
        "alpha_stake",
        "tao_stake",
        "last_update",
        "block_at_registration",
        "validator_permit",
        "commit_block",
        "previous_consensus",
        "hotkeys",
    )
)
FIELDS: Final = (
    _HYPERPARAMETERS | _STATE | frozenset(_STAKES) | _BY_UID | {"tao_weight", "emission", "meta", "netuid", "expected"}
)
"""Every name that a field may have."""

ASSUMED: Final[Mapping[str, str]] = {
    "current_block": "tempo + 1, so that no bond is outdated",
    "last_update": "current_block, so that everybody is active and no weight is older than a registration",
    "block_at_registration": "0",
    "validator_permit": "true for every uid with weights",
    "bonds": "none",
}
"""What stands in for a field that is missing, where that is asked for."""


# -- from fields ----------------------------------------------------------------------------------------------------------


def snapshot_of(given: Mapping[str, Any], *, units: Units = "chain", assume: bool = False) -> Snapshot:
    """The snapshot that the fields `given` make.

    Args:
        given: by the names in `FIELDS`; "hyperparameters" may hold a mapping of those that are hyperparameters. A matrix
            (`weights`, `bonds`) is SparseRows; a dense n x n matrix; or one row a uid, of [uid, value] pairs or of a mapping
            {uid: value}. Stake is one of `total_stake` (I64F64 words), `stake` (rao), or `alpha_stake` with `tao_stake` and
            `tao_weight`. Hyperparameters that are missing are those of a new subnet; without `emission` nothing is divided.
        units: "chain": integers as stored. "float": weights of any scale, of which each row is scaled as a validator sends
            it (the largest becomes 65535); bonds and previous_consensus as proportions from 0 to 1, to the nearest stored
            one; stake and emission in alpha (of 10^9 rao). Hyperparameters are as stored in both.
        assume: whether what is missing is filled as `ASSUMED` has it, named in meta["assumed"], instead of refused.

    Raises:
        InputError: a field that is missing, unknown, or breaks a rule.
    """
    given = _flat(given)
    reading: Mapping[str, Callable[[str, object], Any]] = _AS_STORED if units == "chain" else _AS_FLOATS
    if units not in ("chain", "float"):
        raise InputError("units", f"expected chain or float, got {shown(units)}")
    hyperparameters = Hyperparameters(**{name: _plain(value) for name, value in given.items() if name in _HYPERPARAMETERS})
    if "weights" not in given:
        raise InputError("weights", "missing")
    weights = reading["weights"]("weights", given["weights"])
    state: dict[str, Any] = {name: value for name, value in given.items() if name in _STATE}
    state["weights"], state["total_stake"] = weights, _stake(given, reading["stake"], weights.n)
    if "bonds" in given:
        state["bonds"] = reading["bonds"]("bonds", given["bonds"])
    if "previous_consensus" in given:
        state["previous_consensus"] = reading["proportions"]("previous_consensus", given["previous_consensus"])

    missing = [name for name in ASSUMED if name not in given]
    if missing and not assume:
        more = f", and so are {', '.join(missing[1:])}" if missing[1:] else ""
        raise InputError(missing[0], f"missing{more}; to fill what is missing is asked for by assume (--assume)")
    n = weights.n
    state.setdefault("current_block", min(hyperparameters.tempo + 1, U64_MAX))
    block = integer("current_block", state["current_block"], 0, U64_MAX)
    state.setdefault("last_update", np.full(n, block, np.uint64))
    state.setdefault("block_at_registration", np.zeros(n, np.uint64))
    state.setdefault("validator_permit", weights.indptr[1:] > weights.indptr[:-1])
    state.setdefault("bonds", SparseRows.empty(n))

    meta = given.get("meta", {})
    if not isinstance(meta, Mapping):
        raise InputError("meta", f"expected a JSON object, got {type(meta).__name__}")
    meta = dict(meta)
    if "netuid" in given:
        meta["netuid"] = integer("netuid", given["netuid"], 0, U16_MAX)
    if missing:
        meta["assumed"] = {name: ASSUMED[name] for name in missing}
    return Snapshot(
        SubnetState(**state),
        hyperparameters,
        reading["amount"]("emission", given.get("emission", 0)),
        given.get("expected"),
        meta,
        given.get("hotkeys"),
    )


def of_a_new_subnet(given: Mapping[str, Any]) -> list[str]:
    """The hyperparameters that the fields `given` do not have, which `snapshot_of` takes as those of a new subnet."""
    there = _flat(given)
    return [f.name for f in fields(Hyperparameters) if f.name not in there]


def _flat(given: Mapping[str, Any]) -> dict[str, Any]:
    out = dict(given)
    inner = out.pop("hyperparameters", None)
    if inner is not None:
        if not isinstance(inner, Mapping):
            raise InputError("hyperparameters", f"expected a mapping, got {type(inner).__name__}")
        for name, value in inner.items():
            if name not in _HYPERPARAMETERS:
                raise InputError(f"hyperparameters.{name}", "expected the name of a hyperparameter")
            _add(out, name, value, "hyperparameters")
    unknown = [name for name in out if name not in FIELDS]
    if unknown:
        raise InputError(str(unknown[0]), "no such field: docs/convert.md lists them")
    # what JSON has for a value that is not there
    return {name: value for name, value in out.items() if value is not None}


def _add(out: dict[str, Any], name: str, value: Any, source: str) -> None:
    if name in out:
        raise InputError(name, f"expected once, but it stands in {source} too")
    out[name] = value


def _plain(value: Any) -> Any:
    return value[()] if isinstance(value, np.ndarray) and value.ndim == 0 else value


def _stake(given: Mapping[str, Any], amounts: Callable[[str, object], Any], n: int) -> Any:
    """total_stake of n uids, from the one of the three forms that is given."""
    forms = [name for name in _STAKES if name in given]
    if len(forms) != 1:
        raise InputError(
            "stake",
            f"expected one of {', '.join(_STAKES)} (with tao_stake and tao_weight), got {' and '.join(forms) or 'none'}",
        )
    if forms == ["total_stake"]:
        return given["total_stake"]
    try:
        if forms == ["stake"]:
            return _of(n, "stake", stake_from_rao(amounts("stake", given["stake"])))
        for name in ("tao_stake", "tao_weight"):
            if name not in given:
                raise InputError(name, "missing, and alpha_stake alone is not what the chain weighs")
        alpha, tao = amounts("alpha_stake", given["alpha_stake"]), amounts("tao_stake", given["tao_stake"])
        return _of(n, "alpha_stake", total_stake_bits(alpha, tao, _plain(given["tao_weight"])))
    except InputError as error:
        hint = "; --units float takes alpha" if "alpha are" in error.rule or "in rao" in error.rule else ""
        raise InputError(error.field, error.rule + hint, error.index) from None


def _of(n: int, name: str, words: U64Array) -> U64Array:
    if len(words) != n:  # by the name that was given
        raise InputError(name, f"expected length {n}, as weights have rows, got {len(words)}")
    return words


# -- matrices and numbers -------------------------------------------------------------------------------------------------


def _pairs(name: str, value: object) -> list[list[tuple[Any, Any]]] | None:
    """Rows of (uid, value) from rows of pairs or of mappings; None for a dense matrix."""
    if not isinstance(value, (list, tuple)) or not any(isinstance(row, Mapping) or _is_pairs(row) for row in value):
        return None
    out: list[list[tuple[Any, Any]]] = []
    for i, row in enumerate(value):
        if isinstance(row, Mapping):
            out.append([(_key(name, uid, i), item) for uid, item in row.items()])
        elif isinstance(row, (list, tuple)) and all(isinstance(p, (list, tuple)) and len(p) == 2 for p in row):
            out.append([(uid, item) for uid, item in row])
        else:
            raise InputError(name, "expected a row of [uid, value] pairs or a mapping, as other rows are", i)
    return out


def _is_pairs(row: object) -> bool:
    # a row without anything is one of pairs: a dense one has n values
    return isinstance(row, (list, tuple)) and (not row or isinstance(row[0], (list, tuple)))


def _key(name: str, uid: object, row: int) -> object:
    """A key of a JSON object, which is text, as the uid that it says."""
    if isinstance(uid, str) and uid.isascii() and uid.isdigit() and len(uid) < 9:
        return int(uid)
    if isinstance(uid, str):
        raise InputError(name, f"expected uids as keys, got {shown(uid)}", row)
    return uid


def _stored_matrix(name: str, value: object) -> SparseRows:
    if isinstance(value, SparseRows):
        return value
    rows = _pairs(name, value)
    try:
        return SparseRows.from_dense(value) if rows is None else SparseRows.from_rows(rows)
    except InputError as error:
        hint = "; --units float takes proportions" if "whole number" in error.rule else ""
        raise InputError(name, error.rule + hint, error.index) from None


def _float_rows(name: str, value: object) -> list[list[tuple[Any, Any]]]:
    rows = _pairs(name, value)
    if rows is not None:
        return rows
    if hasattr(value, "iloc"):
        ordered(name, value)
    try:
        dense = np.asarray(value)
    except (TypeError, ValueError) as error:  # rows of several lengths
        raise InputError(name, f"expected a square matrix of numbers ({error})") from None
    if dense.ndim != 2 or dense.shape[0] != dense.shape[1] or dense.dtype.kind not in "iuf":
        raise InputError(name, f"expected a square matrix of numbers, got {dense.dtype} of shape {list(dense.shape)}")
    return [[(uid, item) for uid, item in enumerate(row) if item != 0] for row in dense.tolist()]


def _sent_matrix(name: str, value: object) -> SparseRows:
    if isinstance(value, SparseRows):
        raise InputError(name, "expected floats: these rows are as stored already")
    rows = []
    for i, row in enumerate(_float_rows(name, value)):
        strange = [uid for uid, _ in row if not isinstance(uid, (int, float, str, np.number))]
        if strange:
            raise InputError(name, f"expected a uid, got {shown(strange[0])}", i)
        try:
            uids, values = weights_to_u16(dict(row))
        except InputError as error:
            raise InputError(name, error.rule, (i, error.index) if isinstance(error.index, int) else i) from None
        if len(dict(row)) != len(row):
            raise InputError(name, "expected every uid once in a row", i)
        rows.append(list(zip(uids.tolist(), values.tolist(), strict=True)))
    return _stored_matrix(name, rows)


def _proportional_matrix(name: str, value: object) -> SparseRows:
    if isinstance(value, SparseRows):
        raise InputError(name, "expected floats: these rows are as stored already")
    rows = [
        [(uid, _proportion(name, item, (i, k))) for k, (uid, item) in enumerate(row)]
        for i, row in enumerate(_float_rows(name, value))
    ]
    return _stored_matrix(name, rows)


def _proportion(name: str, value: object, at: Any) -> int:
    """0 to 1 as the nearest integer of 65535, ties to even, of the exact quotient."""
    given = proportion(name, value, at)
    exact = Fraction(*given.as_integer_ratio()) if isinstance(given, (float, np.floating)) else Fraction(int(given))
    return round(exact * U16_MAX)


def _proportions(name: str, value: object) -> list[int]:
    items = value.tolist() if isinstance(value, np.ndarray) else value
    if not isinstance(items, (list, tuple)):
        raise InputError(name, f"expected a list, got {type(value).__name__}")
    return [_proportion(name, item, k) for k, item in enumerate(items)]


def _rao(name: str, value: object, at: Any = None) -> int:
    """An amount of alpha as rao: a decimal number exactly, a float as its shortest decimal."""
    try:
        amount = Decimal(str(_plain(value)))
    except InvalidOperation:
        raise InputError(name, f"expected an amount of alpha, got {shown(value)}", at) from None
    # of any size and number of digits, which arithmetic of decimals would round or refuse
    bounded = not isinstance(value, bool) and amount.is_finite() and (not amount or -10 < amount.adjusted() < 12)
    exact = Fraction(amount or 0) * 10**9 if bounded else Fraction(-1)
    if exact.denominator != 1 or not 0 <= exact <= U64_MAX:
        raise InputError(name, f"expected an amount of alpha to the rao (9 decimals), got {shown(value)}", at)
    return int(exact)


def _raos(name: str, value: object) -> list[int]:
    items = value.tolist() if isinstance(value, np.ndarray) else value
    if not isinstance(items, (list, tuple)):
        raise InputError(name, f"expected a list, got {type(value).__name__}")
    return [_rao(name, item, uid) for uid, item in enumerate(items)]


def _as_is(name: str, value: object) -> Any:
    return _plain(value)


_AS_STORED: Final[Mapping[str, Callable[[str, object], Any]]] = {
    "weights": _stored_matrix, "bonds": _stored_matrix, "proportions": _as_is, "stake": _as_is, "amount": _as_is,
}  # fmt: skip
_AS_FLOATS: Final[Mapping[str, Callable[[str, object], Any]]] = {
    "weights": _sent_matrix, "bonds": _proportional_matrix, "proportions": _proportions, "stake": _raos, "amount": _rao,
}  # fmt: skip


# -- from files -----------------------------------------------------------------------------------------------------------


def read_fields(paths: list[str]) -> dict[str, Any]:
    """The fields of the files, whose endings say what they are (docs/convert.md): .json, .npz, .csv.

    A CSV file holds the matrix `weights` or `bonds` where it is named so, or given as NAME=PATH; any other has a header of
    fields and a line a uid.

    Raises:
        InputError: naming the file. OSError: it cannot be read.
    """
    out: dict[str, Any] = {}
    for named in paths:
        name, _, path = named.partition("=") if "=" in named and not os.path.exists(named) else ("", "", named)
        ending = Path(path).suffix.lower()
        if ending not in _READERS:
            raise InputError(path, f"expected a file whose name ends in {', '.join(_READERS)}")
        if name and ending != ".csv":
            raise InputError(path, f"expected a CSV file after {name}=")
        with open(path, "rb") as file:
            content = file.read()
        try:
            found = _READERS[ending](path, content, name or Path(path).stem.lower())
        except InputError as error:
            raise error if error.field == path else InputError(f"{path}: {error.field}", error.rule, error.index) from None
        for field, value in found.items():
            _add(out, field, value, path)
    return out


def _from_json(path: str, content: bytes, _: str) -> dict[str, Any]:
    try:
        document = json.loads(content, object_pairs_hook=_each_once)
    except (ValueError, RecursionError) as error:
        raise InputError(path, f"expected JSON: {error}") from None
    if not isinstance(document, dict):
        raise InputError(path, f"expected a JSON object, got {type(document).__name__}")
    return document


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of a name that stands twice, JSON's reader would keep the last and say nothing."""
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{shown(next(name for name in names if names.count(name) > 1))} stands twice")
    return found


def _from_npz(path: str, content: bytes, _: str) -> dict[str, Any]:
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise InputError(path, "expected an .npz archive")
            if "schema" in archive:
                return _of_snapshot(path)
            out: dict[str, Any] = {name: archive[name] for name in archive.files}
    except (*_ZIP_ERRORS, MemoryError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(path, f"expected an .npz archive of plain arrays: {error}") from None
    for name in ("weights", "bonds"):
        parts = [f"{name}_{part}" for part in ("indptr", "uid", "value")]
        if all(part in out for part in parts):
            _add(out, name, SparseRows(*(out.pop(part) for part in parts)), path)
    if "hotkeys" in out:
        out["hotkeys"] = out["hotkeys"].tolist()
    if "meta" in out:
        try:
            out["meta"] = json.loads(str(out["meta"]))
        except (ValueError, RecursionError) as error:
            raise InputError("meta", f"expected JSON: {error}") from None
    return {name: None if name == "owner_uid" and value == -1 else _plain(value) for name, value in out.items()}


def _of_snapshot(path: str) -> dict[str, Any]:
    """The fields of a snapshot, to be changed; what it expects is of the epoch as it was and stays behind."""
    snapshot = load(path)
    out = {name: getattr(snapshot.state, name) for name in _STATE}
    out |= {name: getattr(snapshot.hyperparameters, name) for name in _HYPERPARAMETERS}
    return {**out, "emission": snapshot.emission, "hotkeys": snapshot.hotkeys, "meta": json.loads(_json(snapshot.meta))}


def _from_csv(path: str, content: bytes, name: str) -> dict[str, Any]:
    try:
        lines = [line for line in csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")) if line]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(path, f"expected CSV: {error}") from None
    if not lines:
        raise InputError(path, "expected CSV, got an empty file")
    header = [cell.strip() for cell in lines[0]]
    if name in ("weights", "bonds") and header != ["row", "uid", "value"]:
        return {name: [[_number(path, cell, (i, j)) for j, cell in enumerate(line)] for i, line in enumerate(lines)]}
    body = lines[1:]
    for i, line in enumerate(body):
        if len(line) != len(header):
            raise InputError(path, f"expected {len(header)} cells, as in the header, got {len(line)}", i)
    columns = {key: [line[k].strip() for line in body] for k, key in enumerate(header)}
    if name in ("weights", "bonds"):
        return {name: _entries(path, columns)}
    if len(columns) != len(header):
        raise InputError(path, "expected a header with every column once; a matrix without one is named, weights=PATH")
    strange = [key for key in columns if key not in _BY_UID | {"uid"}]
    if strange:
        raise InputError(
            path,
            f"expected columns out of uid, {', '.join(sorted(_BY_UID))}, or a matrix as NAME=PATH, got {shown(strange[0])}",
        )
    if "uid" in columns and columns.pop("uid") != [str(uid) for uid in range(len(body))]:
        raise InputError(path, "expected uids 0, 1, 2 and so on in column uid")
    return {
        key: cells if key == "hotkeys" else [_number(path, cell, uid) for uid, cell in enumerate(cells)]
        for key, cells in columns.items()
    }


def _entries(path: str, columns: Mapping[str, list[str]]) -> list[list[tuple[Any, Any]]]:
    """Rows from lines of row, uid, value; n is one more than the largest of them."""
    numbers = {key: [_number(path, cell, k) for k, cell in enumerate(cells)] for key, cells in columns.items()}
    places = numbers["row"] + numbers["uid"]
    wrong = [place for place in places if type(place) is not int or not 0 <= place < 2**15]
    if wrong or not places:
        raise InputError(path, f"expected rows and uids from 0 to 32766, got {shown(wrong[0]) if wrong else 'none'}")
    rows: list[list[tuple[Any, Any]]] = [[] for _ in range(max(places) + 1)]
    for row, uid, value in zip(numbers["row"], numbers["uid"], numbers["value"], strict=True):
        rows[row].append((uid, value))
    return rows


def _number(path: str, cell: str, at: Any) -> Any:
    """What stands in a cell: an integer, a boolean, or a number with decimals."""
    text = cell.strip().lower()
    if text in ("true", "false"):
        return text == "true"
    try:
        return int(text) if text.lstrip("-").isdigit() and len(text) < 50 else float(text)
    except ValueError:
        raise InputError(path, f"expected a number, got {shown(cell)}", at) from None


_READERS: Final[Mapping[str, Callable[[str, bytes, str], dict[str, Any]]]] = {
    ".json": _from_json, ".npz": _from_npz, ".csv": _from_csv,
}  # fmt: skip


def setting(text: str) -> tuple[str, Any]:
    """NAME=VALUE as a field of one value."""
    name, equals, value = text.partition("=")
    single = FIELDS - _BY_UID - {"weights", "bonds", "total_stake", "expected", "meta"}
    if not equals or name not in single:
        raise InputError(
            name or "setting",
            f"expected NAME=VALUE of a hyperparameter or another single value: {', '.join(sorted(single))}",
        )
    return name, value if value in MODES else None if value == "none" else _number(name, value, None)
