"""Whatever form an input comes in: the same result as for a plain copy or an InputError, and the input as it was."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import re
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
import scipy.sparse

import yuma_kernel as yk
from calls import Argument, Call, calls, subnet
from yuma_kernel.results import OUTPUTS

MALFORMED: Final = int(os.environ.get("YUMA_MALFORMED", "6000"))
"""How many malformed inputs `test_malformed_inputs` makes."""


def print_of(value: Any) -> Any:
    """What may not change about an input: memory, dtype, strides, flags, and for containers the objects in them."""
    if isinstance(value, np.ndarray) and value is not np.ma.masked:
        base = None if not isinstance(value.base, np.ndarray) else value.base.tobytes()
        held = [id(item) for item in value.flat] if value.dtype.hasobject else value.tobytes()
        return value.dtype.str, value.shape, value.strides, held, base, value.flags.writeable, type(value)
    if isinstance(value, (list, tuple)):
        return type(value), len(value), [id(item) for item in value], [print_of(v) for v in value if v is not value][:99]
    if isinstance(value, Mapping):
        return list(value), [print_of(item) for item in value.values()]
    if isinstance(value, yk.SparseRows):
        return [print_of(part) for part in (value.indptr, value.uid, value.value)]
    if scipy.sparse.issparse(value) and hasattr(value, "indptr"):
        return [print_of(np.asarray(part)) for part in (value.indptr, value.indices, value.data)] + [value.shape]
    return id(value)


def same(a: Any, b: Any) -> bool:
    """Equal bits, dtypes and shapes."""
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and bool(a == b)


# -- forms of arrays ------------------------------------------------------------------------------------------------------


def misaligned(a: Any) -> Any:
    raw = np.zeros(a.nbytes + 1, np.uint8)
    raw[1:] = np.frombuffer(a.tobytes(), np.uint8)
    out = raw[1:].view(a.dtype).reshape(a.shape)
    assert not out.flags.aligned or a.itemsize == 1
    return out


def in_records(a: Any) -> Any:
    """One field of an array of packed records, at an odd offset."""
    records = np.zeros(a.shape, [("before", "u1"), ("it", a.dtype), ("after", "f4")])
    records["it"] = a
    return records["it"]


def every_other(a: Any) -> Any:
    wide = np.full([2 * length for length in a.shape], 1, a.dtype)
    view = wide[tuple(slice(1, None, 2) for _ in a.shape)]
    view[...] = a
    return view


def reversed_view(a: Any) -> Any:
    back = tuple(slice(None, None, -1) for _ in a.shape)
    return a[back].copy()[back]


def read_only(a: Any) -> Any:
    out = a.copy()
    out.flags.writeable = False
    return out


class Subclass(np.ndarray[Any, Any]):
    """One that would lie if anyone computed with it."""

    def __array_ufunc__(self, *_: Any, **__: Any) -> Any:
        raise AssertionError("a subclass was computed with")

    def __array_function__(self, *_: Any, **__: Any) -> Any:
        raise AssertionError("a subclass was computed with")


class Converts:
    """No array, but what NumPy makes one of."""

    def __init__(self, a: Any) -> None:
        self.a = a

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return self.a if dtype is None else self.a.astype(dtype)


FORMS: dict[str, Callable[[Any], Any]] = {
    "Fortran order": lambda a: np.asfortranarray(a.copy()),
    "transposed twice": lambda a: a.T.copy().T,
    "every other": every_other,
    "reversed": reversed_view,
    "byte-swapped": lambda a: a.astype(a.dtype.newbyteorder()),
    "misaligned": misaligned,
    "a field of records": in_records,
    "a byte-swapped field": lambda a: in_records(a.astype(a.dtype.newbyteorder())),
    "read-only": read_only,
    "from bytes": lambda a: np.frombuffer(a.tobytes(), a.dtype).reshape(a.shape),
    "objects": lambda a: a.astype(object),
    "objects, every other": lambda a: every_other(a.astype(object)),
    "subclass": lambda a: a.copy().view(Subclass),
    "recarray": lambda a: a.copy().view(np.recarray),
    "converts itself": lambda a: Converts(a.copy()),
    "a list of arrays": lambda a: [np.array(item) for item in a],
}


def array_arguments() -> Iterator[Any]:
    for call in calls():
        for name, argument in call.arguments.items():
            if isinstance(argument.value, np.ndarray):
                yield pytest.param(call, name, id=f"{call.name}, {name}")


@pytest.mark.parametrize(("call", "name"), list(array_arguments()))
def test_every_form_of_every_array(call: Call, name: str, tmp_path: Path) -> None:
    plain = call.arguments[name].value
    expected = call()

    def check(form: str, given: Any, *, refused: bool = False) -> None:
        before = print_of(given)
        if refused:
            with pytest.raises(yk.InputError) as caught:
                call(**{name: given})
            assert caught.value.field.split(".")[0] == name, form
        else:
            assert same(call(**{name: given}), expected), form
        assert print_of(given) == before, form

    # floats are converted by NumPy, not item by item, and weights_to_u16 takes arrays and lists of numbers alone
    without = {"to_fixed": "objects", "from_fixed": "objects", "weights_to_u16": "converts itself, a list of arrays"}
    for form, make in FORMS.items():
        check(form, make(plain), refused=form.split(", every")[0] in without.get(call.name, "").split(", "))
    file = tmp_path / "mapped"
    plain.tofile(file)
    for mode in ("r", "r+", "c"):
        check("memory-mapped", np.memmap(file, plain.dtype, mode, shape=plain.shape))
    assert file.read_bytes() == plain.tobytes()
    check("masked", np.ma.array(plain), refused=True)
    check("masked somewhere", np.ma.array(plain, mask=[True] + [False] * (plain.size - 1)), refused=True)
    check("a list of masked arrays", list(np.ma.array(plain, mask=True)), refused=True)
    check("0-d", np.array(plain.flat[0]), refused=True) if call.arguments[name].shaped else None
    check("0-d object", np.array(None), refused=True)
    check("records", in_records(plain).base, refused=True)
    check("durations", plain.astype(np.int64).view("m8[s]"), refused=True)


@pytest.mark.parametrize("call", calls(), ids=lambda call: str(call.name))
def test_results_share_no_memory_with_inputs(call: Call) -> None:
    arrays = [argument.value for argument in call.arguments.values() if isinstance(argument.value, np.ndarray)]
    got = call()
    for part in got if isinstance(got, tuple) else [got]:
        held = vars(part).values() if isinstance(part, (yk.SparseRows, yk.SubnetState)) else [part]
        for result in held:
            if isinstance(result, np.ndarray):
                assert not result.flags.writeable
                assert not any(np.shares_memory(result, array) for array in arrays)


# -- malformed inputs -----------------------------------------------------------------------------------------------------


class Unshowable:
    """An object of which not even an error message may ask anything."""

    def __repr__(self) -> str:
        raise RuntimeError("nothing to show")

    __str__ = __repr__


def endless(inner: int) -> list[Any]:
    out: list[Any] = []
    out += [out] * inner
    return out


SNAN: Final = np.array([0x7F800001, 0x7F800001, 0], np.uint32).view(np.float32)

# what is no integer, no float and no boolean, so that it is wrong wherever a number stands
NO_NUMBERS: Final[tuple[Callable[[], Any], ...]] = (
    lambda: "5",
    lambda: b"5",
    lambda: "",
    lambda: "nan",
    object,
    Unshowable,
    lambda: 1j,
    lambda: Decimal(5),
    lambda: Fraction(1, 2),
    lambda: np.timedelta64(5, "s"),
    lambda: np.timedelta64("NaT", "s"),
    lambda: np.datetime64("2024-01-01"),
    lambda: np.ma.masked,
    lambda: np.str_("5"),
    lambda: np.void(b"12345678"),
    lambda: np.complex128(1),
    dict,
    lambda: {1, 2},
    lambda: {"a": 1},
    lambda: int,
    lambda: print,
    lambda: ...,
    lambda: NotImplemented,
    lambda: (k for k in range(3)),
    lambda: endless(1),
    lambda: endless(2),
    lambda: [[[[[[[[[[[[5]]]]]]]]]]]],
    lambda: [[1], [2, 3]],
    lambda: subnet(),
)
# numbers, or nothing, that are wrong where an integer from some span is asked for, unless a rule takes them
NO_INTEGERS: Final[tuple[Any, ...]] = (
    float("nan"), float("inf"), -float("inf"), 0.5, -0.5, 1e300, 2.0**64, np.float32("nan"), np.float16("inf"),
    np.longdouble("1e4900"), np.float64(5e-324), 2**64, -(2**63) - 1, 10**30, -(10**30), 10**5000, -(10**5000),
    SNAN[0],
)  # fmt: skip
SOME_NUMBERS: Final[tuple[Any, ...]] = (
    0, 1, -1, 2, 5, 255, 256, 32767, 32768, 65535, 65536, 2**31 - 1, 2**31, 2**32, 2**32 + 1, 2**62, 2**63 - 1, 2**63,
    2**64 - 1, -(2**63), 1.0, -1.0, -0.0, 2.0**63, np.uint8(3), np.int8(-3), np.uint64(2**64 - 1), np.float32(3.0),
    np.longdouble(7), np.array(4), np.array(-4), True, False, np.True_, None,
)  # fmt: skip
NO_ARRAYS: Final[tuple[Callable[[], Any], ...]] = (
    lambda: np.array(None),
    lambda: np.zeros((0, 0)),
    lambda: np.zeros((2, 3, 4), np.int64),
    lambda: np.ma.array([1, 2, 3], mask=[False, True, False]),
    lambda: np.array(["1", "2"]),
    lambda: np.array([b"1", b"2"]),
    lambda: np.zeros(3, "V8"),
    lambda: np.zeros(3, [("a", "i4"), ("b", "f8")]),
    lambda: np.array([1, 2], "m8[ns]"),
    lambda: np.array(["2024-01-01"], "M8[D]"),
    lambda: np.array([1j, 2]),
    lambda: SNAN,
    lambda: np.zeros((1,) * 32),
)
DTYPES: Final = (
    "i1",
    "u1",
    "i2",
    ">u2",
    "i4",
    "u4",
    ">i8",
    "u8",
    "f2",
    "f4",
    ">f8",
    "g",
    "c16",
    "?",
    "U9",
    "S9",
    "O",
    "m8[s]",
    "V3",
)


def break_scalar(random: random.Random, argument: Argument) -> tuple[Any, bool]:
    """Something else for a scalar, and whether it is wrong for sure."""
    kind = random.randrange(5)
    if kind == 0:
        return random.choice(NO_NUMBERS)(), True
    if kind == 1:
        return random.choice(NO_ARRAYS)(), True
    if kind == 2:
        return random.choice(NO_INTEGERS), True
    edges = (argument.span[0] - 1, argument.span[1] + 1)
    value = random.choice(edges if random.randrange(2) else SOME_NUMBERS)
    return value, not valid_item(argument, value)


def valid_item(argument: Argument, value: Any) -> bool:
    """Whether `value` may stand where an item of `argument` is asked for; the rule in plain Python."""
    if value is None:
        return argument.optional and not isinstance(argument.value, np.ndarray)
    if isinstance(value, np.ndarray):
        value = value[()]
    if argument.kind == "booleans":
        return isinstance(value, (bool, np.bool_)) or (isinstance(value, (int, np.integer)) and value in (0, 1))
    if isinstance(value, (bool, np.bool_)):
        return False
    if argument.kind == "floats":  # the tests of both functions say which; here nothing is sure
        return True
    return bool(value == int(value)) and argument.span[0] <= int(value) <= argument.span[1]


def break_array(random: random.Random, argument: Argument) -> tuple[Any, bool]:
    array = argument.value
    kind = random.randrange(7)
    if kind == 0:
        sort = random.choice((NO_NUMBERS, NO_ARRAYS))
        value = random.choice(sort)()
        if isinstance(value, Iterator) and (argument.kind == "floats" or not argument.shaped):
            value = object()  # iterators are taken: of what each variant has, and of weights
        return value, argument.kind != "floats" and (argument.shaped or sort is NO_NUMBERS)
    if kind in (1, 2):  # one item
        items = array.astype(object)
        at = tuple(random.randrange(length) for length in array.shape)
        sure = argument.kind != "floats"
        if random.randrange(2):
            items[at], sure = random.choice(NO_INTEGERS), sure
        elif random.randrange(2):
            wrong = random.choice(NO_NUMBERS)()
            items[at] = wrong
        else:
            value = random.choice((*SOME_NUMBERS, argument.span[0] - 1, argument.span[1] + 1))
            items[at], sure = value, not valid_item(argument, value)
        return random.choice((items, items.tolist())), sure
    if kind == 3:  # another dtype
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            dtype = np.dtype(random.choice(DTYPES))
            changed = array.astype(dtype) if dtype.kind not in "mV" else np.zeros(array.shape, dtype)
        return changed, dtype.kind in "cUSmV" or dtype.kind == {"booleans": "f", "integers": "b"}.get(argument.kind)
    if kind == 4:  # another shape
        shapes: list[Callable[[], Any]] = [
            lambda: array[:, None],
            lambda: array[None],
            lambda: np.stack([array, array]),
            lambda: array[0, ...].tolist() if array.ndim > 1 else array[0],
            lambda: [array.tolist(), array.tolist()],
        ]
        return random.choice(shapes)(), argument.shaped and argument.kind != "floats"
    if kind == 5:  # another length, which may be right for a while
        lengths: list[Callable[[], Any]] = [
            lambda: array[:-1],
            lambda: array[1:].tolist(),
            lambda: np.concatenate([array, array]),
            lambda: np.concatenate([array, array[:1]]),
            lambda: array[:0],
            list,
        ]
        return random.choice(lengths)(), False
    shuffled = array.copy().reshape(-1)  # another order, or some item twice
    source, target = random.randrange(array.size), random.randrange(array.size)
    shuffled[target] = shuffled[source]
    if random.randrange(2):
        random.shuffle(shuffled)
    return shuffled.reshape(array.shape), False


def break_rows(random: random.Random, argument: Argument) -> tuple[Any, bool]:
    rows, raw = argument.value, argument.kind == "raw"
    kind = random.randrange(4)
    if kind == 0:
        return random.choice((*NO_NUMBERS, *NO_ARRAYS, rows.to_rows, rows.to_dense, lambda: None))(), True
    if kind == 1:  # the other values
        other = yk.SparseRows(rows.indptr, rows.uid, np.minimum(rows.value, 65535), np.uint16 if raw else np.int64)
        return other, True
    if kind == 2:
        return yk.SparseRows.from_rows(rows.to_rows()[:2] and [[]] * random.choice((1, 4, 6, 100)), rows.value.dtype), False
    if not raw:
        forms: list[Callable[[], Any]] = [
            lambda: scipy.sparse.csc_array(rows.to_dense()),
            lambda: scipy.sparse.coo_array(rows.to_dense()),
            lambda: scipy.sparse.csr_array(rows.to_dense() + 0.5),
            lambda: scipy.sparse.csr_array(-rows.to_dense().astype(np.int64)),
            lambda: scipy.sparse.csr_array(rows.to_dense().astype(complex)),
        ]
        return random.choice(forms)(), True
    values = np.array(rows.value)
    value = random.choice((-1, -(2**63), 2**63 - 1, 2**62, 2**32 + 1))
    values[random.randrange(values.size)] = value
    return yk.SparseRows(rows.indptr, rows.uid, values, np.int64), value < 0


def break_other(random: random.Random, call: Call, name: str) -> tuple[Any, bool]:
    junk = random.choice((*NO_NUMBERS, *NO_ARRAYS, *(lambda v=v: v for v in (*SOME_NUMBERS, *NO_INTEGERS))))
    number = random.choice((*NO_INTEGERS, -1, 65536, None, "5", True, endless(2), Unshowable()))
    value = call.arguments[name].value
    if name == "rows" and random.randrange(3):
        rows: list[Any] = [list(row) for row in value]
        pair: Any = random.choice(
            ((number, 1), (1, number), (1,), (1, 2, 3), number, {1: 2, 3: 4}, {1, 2}, "12", (5, 1), (3, 1))
        )
        rows[0].append(pair)
        return rows, pair != "12"
    if name == "matrix" and random.randrange(3):
        broken = scipy.sparse.csr_array(value)
        part = random.choice(("indptr", "indices", "data"))
        values = np.array(getattr(broken, part)).astype(np.int64)
        values[random.randrange(values.size)] += random.choice((-1, 1, 7, 65536, 2**40, -(2**40)))
        setattr(broken, part, values)
        return broken, False
    if name == "expected" and random.randrange(3):
        output = random.choice(("dividends", "bonds", "active"))
        wrong: Any = random.choice((number, list, junk))
        return {**value, output: wrong() if callable(wrong) else wrong}, False
    if name == "meta" and random.randrange(3):
        meta: Any = random.choice(
            ({1: 2}, {"a": object()}, {"a": float("nan")}, {"a": endless(2)}, {"a": {1}}, {"a": 10**5000})
        )
        return {**value, **meta}, True
    if name == "hotkeys" and random.randrange(3):
        return [*value[:-1], random.choice((5, None, "\0", "é", "a" * 129, b"a", "\x1b[0m", Unshowable(), 10**5000))], True
    if name == "weights" and isinstance(value, dict) and random.randrange(3):  # of weights_to_u16, by uid
        key = random.choice((-1, 65536, 0.5, "01", "x", None, True, 10**5000, (1, 2)))
        item = random.choice(
            (float("nan"), float("inf"), -1, -1e-300, "1", None, True, 1j, Decimal(1), np.timedelta64(1, "s"))
        )
        return random.choice(({**value, key: 1.0}, {**value, 9: item}, [1, item], np.array([1, item], object))), True
    if name == "path" and random.randrange(3):
        return random.choice(("a\0b", "\ud800", b"\0", "", "/", "/nowhere/at/all", 0, 1, 10**6, None, b"")), True
    if name == "backend" and random.randrange(3):
        return random.choice(("C", "c ", "", "native", b"c", ["c"], {"c": 1}, 0, True, 10**5000, Unshowable())), True
    return junk(), False


def broken(random: random.Random, call: Call) -> tuple[str, Any, bool]:
    """The name of an argument, a value for it, and whether that is wrong for sure."""
    name = random.choice(list(call.arguments))
    argument = call.arguments[name]
    if argument.kind == "other":
        value, sure = break_other(random, call, name)
    elif argument.kind in ("stored", "raw"):
        value, sure = break_rows(random, argument)
    elif isinstance(argument.value, np.ndarray):
        value, sure = break_array(random, argument)
    else:
        value, sure = break_scalar(random, argument)
    return name, value, sure


def exact(value: Any) -> Any:
    """The integers in `value`, in lists as deep; of an array, its exact values. TypeError for anything else."""
    if isinstance(value, (list, tuple)):
        return [exact(item) for item in value]
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in "biufO" or isinstance(value, np.ma.MaskedArray):
            raise TypeError(f"{value.dtype}")
        return exact(value.tolist())
    if isinstance(value, np.timedelta64) or not isinstance(value, (bool, int, float, np.number, np.bool_)):
        raise TypeError(type(value).__name__)
    whole = int(value)
    # NumPy 1.26 would make a double of an integer beside a longdouble
    if value != (np.floor(value) if isinstance(value, np.floating) else whole):
        raise TypeError("a fraction")
    return whole


def flat(value: Any) -> Iterator[int]:
    if isinstance(value, list):
        for item in value:
            yield from flat(item)
    else:
        yield value


def hold(call: Call, name: str, value: Any, result: Any) -> None:
    """That a call which took `value` was right to: what it says is in range, and the same said plainly gives the same."""
    argument = call.arguments[name]
    if value is None:
        assert argument.optional, "None was taken"
        return
    if argument.kind == "floats":  # NumPy's own conversions are the plain form
        if not isinstance(value, Mapping):
            floats = np.asarray(value)
            assert floats.dtype.kind in "iufO"
            again = np.array(floats.tolist()).reshape(floats.shape)
            assert same(result, call(**{name: again})), "not what the same floats give"
        return
    if argument.kind in ("integers", "booleans"):
        plain = exact(value)
        low, high = (0, 1) if argument.kind == "booleans" else argument.span
        assert all(low <= item <= high for item in flat(plain)), "out of range"
        dimensions = np.ndim(value if isinstance(value, np.ndarray) else plain)  # [] says nothing of a second
        assert not argument.shaped or dimensions == np.ndim(argument.value), "another number of dimensions"
        if isinstance(argument.value, np.ndarray):
            plain = np.array(plain, np.bool_ if argument.kind == "booleans" else np.int64 if low < 0 else np.uint64)
            if argument.shaped:
                plain = plain.reshape(-1, *argument.value.shape[1:])  # that of an empty list is (0,)
        assert same(result, call(**{name: plain})), "not what the same numbers give"
    if isinstance(result, yk.SparseRows):  # whatever made them, they keep the rules of the format
        ends, uids = result.indptr.tolist(), result.uid.tolist()
        assert ends[0] == 0
        assert ends == sorted(ends)
        assert ends[-1] == len(uids) == result.value.size
        assert all(uid < result.n for uid in uids)
        assert all(len(set(row)) == len(row) for row in (uids[a:b] for a, b in itertools.pairwise(ends)))


def names(call: Call, error: yk.InputError) -> bool:
    """Whether the error names an argument of the call, or a part of one."""
    of_rows = {
        "rows": ("indptr", "uid", "value"),
        "matrix": ("indptr", "uid", "value"),
        "weights": ("uid",),
        "n": ("indptr",),
        "rao": ("total_stake",),
    }
    known = {*call.arguments, *(part for name in call.arguments for part in of_rows.get(name, ()))}
    return re.sub(r"^length of |\[\d+\](?=$|\.)", "", error.field).split(".")[0] in known


def attempt(call: Call, name: str, value: Any, sure: bool) -> bool:
    """Whether the call refused `value`, which it has to where that is wrong for `sure`; AssertionError for all else."""
    before = {key: print_of(argument.value) for key, argument in call.arguments.items()}, print_of(value)
    result, refusal = None, None
    try:
        result = call(**{name: value})
    except yk.InputError as error:
        refusal = error
    except OSError as error:
        if name != "path":
            raise
        refusal = yk.InputError(name, str(error))
    if refusal is not None:
        assert names(call, refusal), f"{refusal.field} is no argument"
        assert refusal.rule
        assert refusal.index is None or isinstance(refusal.index, (int, tuple))
        assert str(refusal)
    else:
        assert not sure, f"was taken, and gave {result!r:.200}"
        hold(call, name, value, result)
    after = {key: print_of(argument.value) for key, argument in call.arguments.items()}, print_of(value)
    assert after == before, "changed an input"
    return refusal is not None


def test_malformed_inputs(backends: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """YUMA_MALFORMED of them, from one seed; each case can be made again from its number alone."""
    monkeypatch.chdir(tmp_path)  # "5" is a path like any other
    table = calls()
    refused = dict.fromkeys((call.name for call in table), 0)
    for number in range(MALFORMED):
        choice = random.Random(number)
        call = choice.choice(table)
        name, value, sure = broken(choice, call)
        on = choice.choices(backends, [8 if backend == "c" else 1 for backend in backends])[0]
        if "backend" in call.arguments and name != "backend":
            arguments = {**call.arguments, "backend": Argument("other", on)}
            call = Call(call.name, call.function, arguments)
        try:
            refused[call.name] += attempt(call, name, value, sure)
        except Exception as error:
            raise AssertionError(f"case {number}: {call.name}({name}={_shown(value)}) on {on}: {error}") from error
    assert min(refused.values()) > MALFORMED // 1000, refused  # no call is broken in vain
    assert sum(refused.values()) > MALFORMED * 7 // 10, refused
    print(f"{MALFORMED} malformed inputs: {sum(refused.values())} refused, the others shown to be valid")


def _shown(value: Any) -> str:
    try:
        return f"{value!r:.300}"
    except Exception:
        return f"<{type(value).__name__}>"


def test_malformed_files(tmp_path: Path) -> None:
    """Files with one thing broken: refused with InputError, or loaded as a snapshot that holds up."""
    path = tmp_path / "snapshot.npz"
    result = yk.epoch(subnet(), yk.Hyperparameters(), emission=10**9)
    expected = {name: getattr(result, name) for name in OUTPUTS}
    snapshot = yk.Snapshot(subnet(), yk.Hyperparameters(), 10**9, expected, {"netuid": 1}, tuple("abcde"))
    yk.save(path, snapshot)
    sound = path.read_bytes()
    taken = 0
    count = MALFORMED // 4
    for number in range(count):
        choice = random.Random(number)
        content = bytearray(sound)
        for _ in range(choice.choice((1, 1, 1, 2, 8))):
            at = choice.randrange(len(content))
            kind = choice.randrange(4)
            if kind == 0:
                content[at] ^= 1 << choice.randrange(8)
            elif kind == 1:
                content[at] = choice.choice((0, 1, 0x7F, 0xFF))
            elif kind == 2:
                del content[at : at + choice.choice((1, 2, 64, len(content)))]
                content = content or bytearray(b"P")
            else:
                content[at:at] = content[choice.randrange(len(content)) :][: choice.choice((1, 30, 500))]
        path.write_bytes(content)
        loaded = None
        with contextlib.suppress(yk.InputError):
            loaded = yk.load(path)
        if loaded is not None:  # what is broken says nothing about the fields: a date, a comment, what lies between members
            assert loaded == snapshot, number
            taken += 1
        assert path.read_bytes() == content, number
    assert taken < count // 2


def test_malformed_members(tmp_path: Path) -> None:
    """The same within an array of the archive, whose checksum is right again: what it then says may be another snapshot."""
    path = tmp_path / "snapshot.npz"
    yk.save(
        path,
        yk.Snapshot(subnet(), yk.Hyperparameters(), 10**9, {"dividends": np.zeros(5, np.uint16)}, {"a": 1}, tuple("abcde")),
    )
    with zipfile.ZipFile(path) as archive:
        sound = {name: archive.read(name) for name in archive.namelist()}
    taken = 0
    count = MALFORMED // 8
    for number in range(count):
        choice = random.Random(number)
        members = dict(sound)
        name = choice.choice(list(sound))
        content = bytearray(sound[name])
        at = choice.choice((choice.randrange(len(content)), choice.randrange(118, len(content)), choice.randrange(10, 80)))
        kind = choice.randrange(6)
        if kind < 2:
            content[at] ^= 1 << choice.randrange(8)
        elif kind == 2:
            del content[at : at + choice.choice((1, 2, 8))]
        elif kind == 3:
            content += bytes(choice.choice((1, 8)))
        elif kind == 4:
            content[at:at] = choice.choice((b"9", b"00", b"-", b"\0"))
        members[name] = bytes(content)
        if kind == 5:
            del members[name]
            members[choice.choice((name.replace("_", "-"), "x.npy", choice.choice(list(sound))))] = bytes(content)
        with zipfile.ZipFile(path, "w") as archive:
            for member, data in members.items():
                archive.writestr(member, data)
        loaded = None
        with contextlib.suppress(yk.InputError):
            loaded = yk.load(path)
        if loaded is None:
            continue
        taken += 1
        yk.epoch(loaded.state, loaded.hyperparameters, emission=loaded.emission)
        yk.save(path, loaded)
        assert yk.load(path) == loaded, number
    assert count // 30 < taken < count // 2
