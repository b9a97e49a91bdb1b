"""One epoch's inputs in one `.npz` file, as docs/snapshot.md describes it.

A file comes from anywhere, so nothing in it is believed. No pickle and no `eval`: the `.npy` headers are matched by a
pattern. No member is inflated beyond what the fields read before it make plausible, and every value passes through the
constructors of `types`. What cannot be read is an `InputError` that names the file and the field.
"""

from __future__ import annotations

import io
import json
import math
import os
import re
import struct
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field, fields
from html import escape
from types import MappingProxyType
from typing import Any, Final, Literal, cast

import numpy as np

from yuma_kernel.arrays import MAX_UIDS, U16_MAX, U64_MAX, AnyArray, array, integer
from yuma_kernel.errors import InputError, UnsupportedProfile, cut, shown
from yuma_kernel.files import write
from yuma_kernel.profiles import MODES
from yuma_kernel.results import OUTPUT_TABLE, OUTPUTS, STACKED
from yuma_kernel.rows import SparseRows, stored_rows
from yuma_kernel.types import Hyperparameters, SubnetState, plain, require_subnet
from yuma_kernel.units import shown_alpha
from yuma_kernel.values import _unfrozen, _Value

SCHEMA: Final = 2
"""What `save` writes; `load` reads schema 1 too, which has no field of a profile later than 425."""

# Bounds on what a file may hold, so that a few kilobytes cannot inflate into all of the memory. A Snapshot keeps to them
# from its construction on: whatever could be constructed can be saved, and whatever was saved can be loaded.
MAX_ENTRIES: Final = 2**26
"""Entries of weights or bonds in a snapshot: 2048 full rows of 32767."""
MAX_HOTKEY: Final = 128
"""Characters of a hotkey; an SS58 address has 48."""
MAX_META: Final = 2**20
"""Characters of the JSON of `meta`."""

_SCALARS: Final[Mapping[str, str]] = {
    "schema": "<u2",
    "profile": "<u2",
    "current_block": "<u8",
    "last_mechanism_step_block": "<u8",
    "owner_uid": "<i4",
    "kappa": "<u2",
    "bonds_penalty": "<u2",
    "alpha_low": "<u2",
    "alpha_high": "<u2",
    "max_allowed_validators": "<u2",
    "alpha_sigmoid_steepness": "<i4",
    "liquid_alpha_consensus_mode": "|u1",
    "bonds_moving_average": "<u8",
    "tempo": "<u8",
    "activity_cutoff": "<u8",
    "stake_threshold": "<u8",
    "emission": "<u8",
    "yuma3": "|b1",
    "liquid_alpha": "|b1",
    "commit_reveal": "|b1",
}
_BY_UID: Final[Mapping[str, str]] = {
    "last_update": "<u8",
    "block_at_registration": "<u8",
    "validator_permit": "|b1",
}
_ROWS: Final[Mapping[str, str]] = {"indptr": "<u4", "uid": "<u2", "value": "<u2"}
_OUTPUTS: Final[Mapping[str, str]] = {name: OUTPUT_TABLE[name].dtype.newbyteorder("<").str for name in STACKED}
_SINCE_2: Final = frozenset({"liquid_alpha_consensus_mode", "previous_consensus", "last_yuma_step_block"})
_FIELDS: Final = frozenset(
    [*_SCALARS, *_BY_UID, *_SINCE_2, "total_stake", "commit_block", "hotkeys", "meta"]
    + [f"expect_{name}" for name in _OUTPUTS]
    + [f"{rows}_{part}" for rows in ("weights", "bonds", "expect_bonds") for part in _ROWS]
)


@dataclass(frozen=True, eq=False, repr=False)
class Snapshot(_Value):
    """Everything that one epoch needs, and what is known about it.

    Attributes:
        state: the subnet as stored when the epoch begins.
        hyperparameters: those of the subnet.
        emission: u64, rao, to be divided among the uids.
        expected: what the chain computes, under some of the names in `OUTPUTS`, in the dtypes of `EpochResult`; None when
            nothing is known. `EpochResult.first_difference` takes it.
        meta: anything that JSON can hold: netuid, network, source, what is real and what is not. Read-only all the way
            down, with lists as tuples.
        hotkeys: n strings of printable ASCII, or None.

    Raises:
        InputError: naming the field, the index and the rule.
    """

    state: SubnetState
    hyperparameters: Hyperparameters
    emission: int = 0
    expected: Mapping[str, AnyArray | SparseRows] | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)
    hotkeys: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        require_subnet(self.state, self.hyperparameters)
        for name in ("weights", "bonds"):
            _bounded(name, getattr(self.state, name))
        self._set(
            emission=integer("emission", self.emission, 0, U64_MAX),
            expected=_expected(self.expected, self.state.n),
            meta=_meta(self.meta),
            hotkeys=None if self.hotkeys is None else _hotkeys(self.hotkeys, self.state.n),
        )

    def __reduce__(self) -> tuple[Any, ...]:
        # a mapping proxy cannot be pickled, and unpickled arrays would be writable: plain copies, validated again
        expected = None if self.expected is None else {name: _unfrozen(value) for name, value in self.expected.items()}
        meta = json.loads(_json(self.meta))
        return type(self), (self.state, self.hyperparameters, self.emission, expected, meta, self.hotkeys)

    def __repr__(self) -> str:
        return f"Snapshot({self.state!r}, {self._known()})"

    def _known(self) -> str:
        """What it has beside the state."""
        emission = f"emission={shown_alpha(self.emission)} alpha" if self.emission else "no emission"
        expected = 0 if self.expected is None else len(self.expected)
        parts = [f"profile={self.hyperparameters.profile}", emission, f"expected={expected} outputs"]
        parts += ["hotkeys"] if self.hotkeys is not None else []
        return ", ".join([*parts, f"meta={cut(_json(self.meta), 80)}"])

    def _repr_html_(self) -> str:
        """The uids with the largest stakes, and what is known beside the state."""
        return f"{self.state._repr_html_()}<p>{escape(self._known())}</p>"


def _bounded(name: str, rows: SparseRows) -> SparseRows:
    if rows.uid.size > MAX_ENTRIES:
        raise InputError(name, f"expected at most {MAX_ENTRIES} entries, got {rows.uid.size}")
    return rows


def _expected(value: object, n: int) -> Mapping[str, AnyArray | SparseRows] | None:
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise InputError("expected", f"expected a mapping, got {type(value).__name__}")
    unknown = [name for name in value if name not in OUTPUTS]
    if unknown:
        raise InputError("expected", f"expected names of outputs ({', '.join(OUTPUTS)}), got {shown(unknown[0])}")
    outputs: dict[str, AnyArray | SparseRows] = {}
    for name in (output for output in OUTPUTS if output in value):
        where = f"expected.{name}"
        if name == "bonds":
            rows = _bounded(where, stored_rows(where, value[name]))
            if rows.n != n:
                raise InputError(where, f"expected {n} rows, as weights have, got {rows.n}")
            outputs[name] = rows
        else:
            outputs[name] = array(where, value[name], np.dtype(_OUTPUTS[name]), (n,))
    return MappingProxyType(outputs) if outputs else None


def _hotkeys(value: Iterable[str], n: int) -> tuple[str, ...]:
    try:
        hotkeys = None if isinstance(value, (str, Set, Mapping)) else tuple(value)  # a set has no order
    except TypeError:
        hotkeys = None
    if hotkeys is None:
        raise InputError("hotkeys", f"expected {n} strings, got {type(value).__name__}")
    if len(hotkeys) != n:
        raise InputError("hotkeys", f"expected length {n}, got {len(hotkeys)}")
    for uid, hotkey in enumerate(hotkeys):
        # printable ASCII: these are shown on terminals, and an npz loses trailing NULs
        if not isinstance(hotkey, str) or not hotkey.isascii() or not hotkey.isprintable() or len(hotkey) > MAX_HOTKEY:
            raise InputError("hotkeys", f"expected up to {MAX_HOTKEY} printable ASCII characters, got {shown(hotkey)}", uid)
    return tuple(map(str, hotkeys))  # a NumPy string is a str, but not a plain one


def _meta(value: object) -> Mapping[str, Any]:
    if value is None:
        value = {}
    if not isinstance(value, Mapping):
        raise InputError("meta", f"expected a JSON object, got {type(value).__name__}")
    try:
        frozen: Mapping[str, Any] = _frozen_json(value)
        size = len(_json(frozen))
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError("meta", f"expected what JSON can hold: {error}") from None
    if size > MAX_META:
        raise InputError("meta", f"expected at most {MAX_META} characters of JSON, got {size}")
    return frozen


def _frozen_json(value: Any) -> Any:
    if isinstance(value, Mapping):
        strange = [key for key in value if type(key) is not str]
        if strange:
            raise TypeError(f"a name must be a string, not {shown(strange[0])}")
        return MappingProxyType({key: _frozen_json(item) for key, item in value.items()})
    if isinstance(value, (list, tuple)):
        return tuple(map(_frozen_json, value))
    if value is None or type(value) in (bool, int, float, str):
        return value
    raise TypeError(f"a {type(value).__name__} is none of object, array, string, number, boolean and null")


def _json(value: Mapping[str, Any]) -> str:
    """The JSON of a frozen `meta`, whose objects are mapping proxies; ASCII, in one order of names."""
    return json.dumps(value, default=dict, sort_keys=True, allow_nan=False)


# -- reading --------------------------------------------------------------------------------------------------------------

_MAX_HEADER: Final = 1024  # bytes; those of this format take 118
_ITEM: Final = r"\s*'(\w+)'\s*:\s*('[^']*'|True|False|\([\d,\s]*\))\s*"
_HEADER: Final = re.compile(rf"\{{(?:{_ITEM},)*(?:{_ITEM}|\s*)\}}\s*", re.ASCII)
_DESCR: Final = re.compile(r"[<>=|]?(?:b1|[iu][1248]|U\d{1,7})", re.ASCII)

_ZIP_ERRORS: Final = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError, RuntimeError, IndexError, OverflowError,
)  # fmt: skip
"""What zipfile lets through when it reads a damaged archive from memory."""


def load(path: str | os.PathLike[str]) -> Snapshot:
    """The snapshot in the file `path`.

    Numbers may be stored in any integer dtype, in either byte order, as long as they fit the documented one. Fields that
    the file's schema does not know are refused: what they would change in the epoch is unknown.

    Raises:
        InputError: the file is no snapshot of schema 1 or 2, or one that breaks a rule; `field` is the path, and where it is
            about one field the path, a colon and the field's name; "path" where that is no path.
        UnsupportedProfile: the same, for a runtime whose arithmetic is not computed here.
        OSError: the file cannot be read; FileNotFoundError where there is none.
    """
    name = _name(path)
    return unpacked(name, _content(name))


def unpacked(name: str, content: bytes) -> Snapshot:
    """The snapshot in the content of a file, which errors call `name`."""
    members = _Members(name, content)
    try:
        return _snapshot(members)
    except InputError as error:
        raise error.within(f"{name}: {error.field}") from None


def _name(path: object) -> str:
    """The name of the file `path`, one that can be asked of the system."""
    try:
        name = os.fsdecode(cast(Any, path))
        encoded = os.fsencode(name)
    except (TypeError, ValueError) as error:
        raise InputError("path", f"expected a path, got {type(path).__name__} ({error})") from None
    if b"\0" in encoded:
        raise InputError("path", f"expected a path, got {shown(name)} with a NUL in it")
    return name


def _content(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            start = file.peek(2)[:2]
            if start == b"PK":  # a foreign file is not read to its end
                return file.read()
    except IsADirectoryError:
        raise InputError(path, "expected a snapshot, got a directory") from None
    what = {b"": "an empty file", b"\x93N": "a single array (.npy)"}.get(start, "another kind of file")
    raise InputError(path, f"expected a snapshot, which is an .npz archive, got {what}")


def _snapshot(members: _Members) -> Snapshot:
    # The schema says what the fields mean, the profile what they compute. These come first, so that a later file is refused
    # for being later and not for a field that only it has.
    schema = integer("schema", members.scalar("schema"), 0, U64_MAX)
    if not 1 <= schema <= SCHEMA:
        raise InputError("schema", f"expected 1 to {SCHEMA}, which this version reads, got {schema}")
    profile = Hyperparameters(profile=members.scalar("profile")).profile
    if schema == 1 and profile != 425:
        raise UnsupportedProfile("profile", f"expected 425, of which alone schema 1 has all fields, got {profile}")
    members.refuse_others(_FIELDS if schema > 1 else _FIELDS - _SINCE_2, schema)

    weights = members.rows("weights", None)
    n = weights.n
    owner = members.scalar("owner_uid")
    state = SubnetState(
        weights=weights,
        bonds=members.rows("bonds", n),
        total_stake=members.array("total_stake", "<u8", (n, 2)),
        owner_uid=None if owner == -1 else owner,
        current_block=members.scalar("current_block"),
        last_mechanism_step_block=members.scalar("last_mechanism_step_block"),
        **{name: members.array(name, dtype, (n,)) for name, dtype in _BY_UID.items()},
        commit_block=members.array("commit_block", "<u8", (n,)) if "commit_block" in members else None,
        previous_consensus=members.array("previous_consensus", "<u2", (None,), U16_MAX + 1)
        if "previous_consensus" in members
        else None,
        last_yuma_step_block=members.scalar("last_yuma_step_block") if "last_yuma_step_block" in members else None,
    )
    # what schema 1 lacks, no profile reads that it has
    stored = (f.name for f in fields(Hyperparameters) if schema > 1 or f.name not in _SINCE_2)
    hyperparameters = Hyperparameters(**{name: members.scalar(name) for name in stored})

    expected: dict[str, AnyArray | SparseRows] = {
        name: members.array(f"expect_{name}", dtype, (n,)) for name, dtype in _OUTPUTS.items() if f"expect_{name}" in members
    }
    if any(f"expect_bonds_{part}" in members for part in _ROWS):
        expected["bonds"] = members.rows("expect_bonds", n)

    text = members.text("meta", (), MAX_META)[0]
    try:
        meta = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError("meta", f"expected JSON: {error}") from None
    if meta is None:
        raise InputError("meta", "expected a JSON object, got null")
    hotkeys = members.text("hotkeys", (n,), MAX_HOTKEY) if "hotkeys" in members else None
    return Snapshot(state, hyperparameters, members.scalar("emission"), expected, meta, hotkeys)


class _Members:
    """The arrays in an `.npz` archive, each inflated when it is asked for and no further than the caller expects."""

    def __init__(self, path: str, content: bytes) -> None:
        self._members: dict[str, zipfile.ZipInfo] = {}
        places: set[int] = set()
        try:
            # from memory, so that an OSError is a damaged archive and not a failing disk
            self._archive = zipfile.ZipFile(io.BytesIO(content))
        except _ZIP_ERRORS as error:
            raise InputError(path, f"expected a snapshot, got a damaged or truncated archive ({error})") from None
        for member in self._archive.infolist():
            name = member.filename.removesuffix(".npy")
            # the directory has no checksum: one changed length makes an entry swallow the next, which would just be absent
            if b"PK\1\2" in member.comment + member.extra:
                raise InputError(path, f"expected a snapshot, got a damaged archive (the entry of {name!a:.60} is too long)")
            if name in self._members:
                raise InputError(path, f"expected every field once, got {name!a:.60} twice")
            if member.header_offset in places:  # of which some Pythons only warn
                raise InputError(path, f"expected a snapshot, got a damaged archive ({name!a:.60} lies where another does)")
            places.add(member.header_offset)
            self._members[name] = member

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def refuse_others(self, known: frozenset[str], schema: int) -> None:
        """InputError for the first member that is not `known`."""
        for name in self._members:
            if name not in known:
                raise InputError(f"{name!a:.60}", f"expected only fields of schema {schema}")

    def scalar(self, name: str) -> Any:
        """A 0-d array as its NumPy scalar; the constructors of `types` check what it is."""
        return self._numbers(name, 1, ())[()]

    def array(self, name: str, dtype: str, shape: tuple[int | None, ...], longest: int = MAX_UIDS + 1) -> AnyArray:
        """An array of integers or booleans, as `dtype`; None in `shape` stands for any length up to about `longest`."""
        most = math.prod(longest if length is None else length for length in shape)
        return array(name, self._numbers(name, most, shape), np.dtype(dtype).newbyteorder("="), shape)

    def rows(self, name: str, n: int | None) -> SparseRows:
        """The three arrays of rows, n of them where that is known."""
        indptr = self.array(f"{name}_indptr", _ROWS["indptr"], (None if n is None else n + 1,))
        entries = int(indptr[-1]) if indptr.size else 0
        if entries > MAX_ENTRIES:
            raise InputError(f"{name}_indptr", f"expected at most {MAX_ENTRIES} entries, got {entries}", indptr.size - 1)
        uid, value = (self.array(f"{name}_{part}", _ROWS[part], (None,), entries) for part in ("uid", "value"))
        try:
            return SparseRows(indptr, uid, value)
        except InputError as error:
            raise error.within(f"{name}_{error.field}") from None

    def text(self, name: str, shape: tuple[int, ...], most: int) -> tuple[str, ...]:
        """The strings, of up to `most` characters each, of an array of `shape`."""
        dtype, stored, body, _ = self._npy(name, 4 * most * math.prod(shape))
        if dtype.kind != "U" or stored != shape:
            raise InputError(name, f"expected strings of shape {shape}, got dtype {dtype} of shape {stored}")
        step, count = dtype.itemsize, math.prod(shape)
        encoding = "utf-32-be" if dtype.str[0] == ">" else "utf-32-le"
        try:
            return tuple(body[k * step : (k + 1) * step].decode(encoding).rstrip("\0") for k in range(count))
        except UnicodeDecodeError as error:
            raise InputError(name, f"expected text: {error.reason}") from None

    def _numbers(self, name: str, most: int, shape: tuple[int | None, ...]) -> AnyArray:
        dtype, stored, body, order = self._npy(name, 8 * most)
        if len(stored) != len(shape) or any(want not in (None, got) for want, got in zip(shape, stored, strict=True)):
            want = ", ".join("any" if length is None else str(length) for length in shape)
            raise InputError(name, f"expected shape [{want}], got {list(stored)}")
        numbers: AnyArray = np.ndarray(stored, dtype, body, order=order)
        return numbers

    def _npy(self, name: str, most: int) -> tuple[np.dtype[Any], tuple[int, ...], bytes, Literal["C", "F"]]:
        """dtype, shape, memory and order of an `.npy` file whose data take at most `most` bytes."""
        data = self._inflated(name, most + _MAX_HEADER)
        length = "<H" if data[6:7] == b"\1" else "<I"
        start = 8 + struct.calcsize(length)
        if data[:6] != b"\x93NUMPY" or data[6:7] not in (b"\1", b"\2", b"\3") or len(data) < start:
            raise InputError(name, "expected an array in .npy format")
        end = start + struct.unpack_from(length, data, 8)[0]
        header = data[start : min(end, start + _MAX_HEADER)].decode("latin-1")
        items = dict(re.findall(_ITEM, header)) if _HEADER.fullmatch(header) else {}
        if items.keys() != {"descr", "fortran_order", "shape"} or items["shape"][0] != "(":
            raise InputError(name, f"expected the header of a plain array, got {header!a:.80}")
        descr = items["descr"].strip("'")
        if not _DESCR.fullmatch(descr):  # "O", an array of objects, is a pickle
            raise InputError(name, f"expected integers, booleans or strings, got dtype {descr!a:.20}")
        dtype = np.dtype(descr)
        shape = tuple(map(int, re.findall(r"\d+", items["shape"])))
        body = data[end:]
        size = math.prod(shape) * dtype.itemsize
        if len(body) != size:
            raise InputError(name, f"expected {size} bytes for shape {shape} of {dtype}, got {len(body)}")
        return dtype, shape, body, "F" if items["fortran_order"] == "True" else "C"

    def _inflated(self, name: str, most: int) -> bytes:
        if name not in self._members:
            raise InputError(name, "missing")
        member = self._members[name]
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise InputError(name, f"expected a stored or deflated array, got compression {member.compress_type}")
        if member.file_size > most:
            raise InputError(name, f"expected at most {most} bytes, got {member.file_size}")
        try:
            with self._archive.open(member) as file:
                # the size makes zipfile inflate that much at most, whatever the stream holds; without one it inflates it all
                data = file.read(member.file_size)
        except _ZIP_ERRORS as error:
            raise InputError(name, f"damaged or truncated ({error})") from None
        if len(data) != member.file_size:
            raise InputError(name, f"expected {member.file_size} bytes, got {len(data)}")
        return data


# -- writing --------------------------------------------------------------------------------------------------------------


def save(path: str | os.PathLike[str], snapshot: Snapshot) -> None:
    """Writes `snapshot` to the file `path`, exactly that name; `load` gives it back to the last bit.

    The bytes depend on the snapshot alone (and on the zlib of this Python: libraries compress differently). An existing
    file is replaced at once or not at all.

    Raises:
        InputError: `snapshot` is not a Snapshot, or `path` is no path.
        OSError: the file cannot be written; nothing is left behind.
    """
    if not isinstance(snapshot, Snapshot):
        raise InputError("snapshot", f"expected a Snapshot, got {type(snapshot).__name__}")
    write(_name(path), packed(snapshot))


def packed(snapshot: Snapshot) -> bytes:
    """The content of the file that `save` writes."""
    return _archive(_fields(snapshot))


def _fields(snapshot: Snapshot) -> dict[str, AnyArray]:
    """The fields of the format in the order of its table, each in its documented dtype."""
    state = snapshot.state
    scalars = {
        **plain(snapshot.hyperparameters),
        "liquid_alpha_consensus_mode": MODES.index(snapshot.hyperparameters.liquid_alpha_consensus_mode),
        "schema": SCHEMA,
        "current_block": state.current_block,
        "last_mechanism_step_block": state.last_mechanism_step_block,
        "owner_uid": -1 if state.owner_uid is None else state.owner_uid,
        "emission": snapshot.emission,
    }
    out = {name: np.array(scalars[name], dtype) for name, dtype in _SCALARS.items()}
    for name in ("weights", "bonds"):
        out.update(_row_fields(name, getattr(state, name)))
    out["total_stake"] = state.total_stake
    out.update((name, getattr(state, name)) for name in _BY_UID)
    if state.commit_block is not None:
        out["commit_block"] = state.commit_block
    if state.previous_consensus is not None:
        out["previous_consensus"] = state.previous_consensus
    if state.last_yuma_step_block is not None:
        out["last_yuma_step_block"] = np.array(state.last_yuma_step_block, "<u8")
    if snapshot.hotkeys is not None:
        out["hotkeys"] = np.array(snapshot.hotkeys, np.str_)
    for name, value in (snapshot.expected or {}).items():
        out.update(_row_fields("expect_bonds", value) if isinstance(value, SparseRows) else {f"expect_{name}": value})
    out["meta"] = np.array(_json(snapshot.meta), np.str_)
    return out


def _row_fields(name: str, rows: SparseRows) -> dict[str, AnyArray]:
    return {f"{name}_{part}": getattr(rows, part) for part in _ROWS}


def _archive(arrays: Mapping[str, AnyArray]) -> bytes:
    # Not np.savez: it appends .npz to the name, and its headers and the system in its members depend on where it runs.
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, value in arrays.items():
            little = value.astype(value.dtype.newbyteorder("<"))
            header = f"{{'descr': '{little.dtype.str}', 'fortran_order': False, 'shape': {little.shape}, }}"
            header = header.ljust(-(len(header) + 11) % 64 + len(header)) + "\n"  # data start at a multiple of 64 bytes
            member = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            member.create_system = 3
            member.external_attr = 0o644 << 16
            data = b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header.encode("ascii") + little.tobytes()
            archive.writestr(member, data, zipfile.ZIP_DEFLATED, compresslevel=9)
    return out.getvalue()
