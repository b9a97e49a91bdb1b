"""The fast ways in: each is held to the slow one, entry by entry, and refuses with the same words."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import yuma_kernel as yk
from test_types import refused
from yuma_kernel import rows as rows_module

N = 6
RANDOM = random.Random(13)


def some_rows(n: int, fill: float) -> list[list[tuple[int, int]]]:
    """Rows out of order, with zeros and with nothing."""
    rows = []
    for _ in range(n):
        uids = [uid for uid in range(n) if RANDOM.random() < fill]
        RANDOM.shuffle(uids)
        rows.append([(uid, RANDOM.choice((0, 1, 255, 32768, 65535))) for uid in uids])
    return rows


def slowly(rows: Any, dtype: Any = np.uint16) -> yk.SparseRows:
    """Entry by entry, as objects, so that no fast path sees them."""
    pairs = [(i, uid, value) for i, row in enumerate(rows) for uid, value in row]
    indptr = [sum(i < k for i, _, _ in pairs) for k in range(len(rows) + 1)]
    uids = np.array([uid for _, uid, _ in pairs] or [None], object)[: len(pairs)]
    values = np.array([value for _, _, value in pairs] or [None], object)[: len(pairs)]
    return yk.SparseRows(np.array(indptr, object), uids, values, dtype)


def arrays(row: Any, *dtypes: Any) -> tuple[Any, Any]:
    return tuple(np.array([pair[k] for pair in row], dtypes[k % len(dtypes)]) for k in (0, 1))  # type: ignore[return-value]


FORMS: dict[str, Callable[[Any], Any]] = {
    "tuples": lambda rows: rows,
    "lists": lambda rows: [[list(pair) for pair in row] for row in rows],
    "tuples and lists": lambda rows: [[RANDOM.choice((list, tuple))(pair) for pair in row] for row in rows],
    "generators": lambda rows: (iter(row) for row in rows),
    "tuples of pairs": lambda rows: tuple(tuple(row) for row in rows),
    "dicts": lambda rows: [dict(row) for row in rows],
    "scalars of NumPy": lambda rows: [[(np.int64(uid), np.uint16(value)) for uid, value in row] for row in rows],
    "whole floats": lambda rows: [[(uid, float(value)) for uid, value in row] for row in rows],
    "an array of pairs each": lambda rows: [np.array(row, np.int64).reshape(-1, 2) for row in rows],
    "arrays": lambda rows: [arrays(row, np.uint16) for row in rows],
    "arrays of int64": lambda rows: [arrays(row, np.int64) for row in rows],
    "arrays of floats": lambda rows: [arrays(row, np.int64, np.float64) for row in rows],
    "arrays of objects": lambda rows: [arrays(row, object) for row in rows],
    "arrays of many dtypes": lambda rows: [
        arrays(row, RANDOM.choice((np.uint16, ">i4", np.uint64, np.int64)), RANDOM.choice((np.int64, np.uint64)))
        for row in rows
    ],
    "arrays, nothing for none": lambda rows: [arrays(row, np.uint16) if row else RANDOM.choice(([], ())) for row in rows],
    "any of these": lambda rows: [
        RANDOM.choice((list, tuple, dict, iter, lambda row: arrays(row, np.int64)))(row) for row in rows
    ],
    "themselves": lambda rows: slowly(rows),
    "a mapping by uid": lambda rows: {i: row for i, row in reversed(list(enumerate(rows))) if row},
}


@pytest.mark.parametrize("form", FORMS)
def test_from_rows_in_every_form(form: str) -> None:
    for n, fill in itertools.product((1, 2, 3, N, 70), (0, 0.3, 1)):
        rows = some_rows(n, fill)
        got = yk.SparseRows.from_rows(FORMS[form](rows), n=n)
        assert got == slowly(rows)
        assert got == yk.SparseRows.from_rows(rows)


@pytest.mark.parametrize(
    "form", ["tuples", "lists", "generators", "dicts", "arrays of int64", "arrays of objects", "any of these"]
)
def test_from_rows_of_raw_bits(form: str) -> None:
    raw = [[(uid, value - RANDOM.choice((2**40, 2**63 - 1))) for uid, value in row] for row in some_rows(N, 0.5)]
    assert yk.SparseRows.from_rows(FORMS[form](raw), np.int64) == slowly(raw, np.int64)


WRONG: list[Any] = [
    True, False, np.True_, 0.5, float("nan"), "1", None, -1, 65536, 2**63, 2**64, -(2**63) - 1, 10**30, 1j, b"1",
    np.timedelta64(1, "s"), np.datetime64("2026-01-01"), np.float32(0.5), np.array([1]), [1], (1,), {1: 1}, object(),
]  # fmt: skip


@pytest.mark.parametrize("place", ["uid", "value"])
@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: f"{type(wrong).__name__} {wrong!r:.12}")
def test_what_is_wrong_in_one_entry_is_refused_as_it_is_slowly(place: str, wrong: Any) -> None:
    rows: list[list[tuple[Any, Any]]] = [list(row) for row in some_rows(N, 1)]
    uid, value = rows[3][2]
    rows[3][2] = (wrong, value) if place == "uid" else (uid, wrong)
    with pytest.raises(yk.InputError) as expected:
        slowly(rows)
    errors = []
    for form in ("tuples", "lists", "generators", "any of these"):
        with pytest.raises(yk.InputError) as caught:
            yk.SparseRows.from_rows(FORMS[form](rows) if form != "any of these" else [dict(rows[0]), *rows[1:]])
        errors.append(caught.value)
    for error in errors:
        assert (error.field, error.index) == (place, 3 * N + 2), str(error)
        assert str(error) == str(expected.value)


class Number:
    """What adds up to an int, and is none."""

    def __radd__(self, other: int) -> int:
        return other

    __add__ = __radd__

    def __index__(self) -> int:
        return 1

    __int__ = __index__


def test_what_only_looks_like_an_integer_is_refused() -> None:
    refused(lambda: yk.SparseRows.from_rows([[(0, Number())]]), "value", 0, "expected an integer, got Number")
    refused(lambda: yk.SparseRows.from_rows([{Number(): 1}]), "uid", 0, "expected an integer, got Number")


def test_from_rows_refused() -> None:
    a, b = np.array([0, 1]), np.array([5, 6, 7])
    refused(lambda: yk.SparseRows.from_rows([[], (a, b), []]), "rows", 1, "as many uids as values, got [2] and [3]")
    refused(lambda: yk.SparseRows.from_rows([[(0, 1)], (a, b), []]), "rows", 1, "as many uids as values")
    refused(lambda: yk.SparseRows.from_rows([(b[None], b[None]), [], []]), "rows", 0, "as many uids as values")
    refused(lambda: yk.SparseRows.from_rows([(np.array(1), np.array(1)), []]), "rows", 0, "as many uids as values")
    masked = np.ma.array([0, 1], mask=[True, False])
    refused(lambda: yk.SparseRows.from_rows([(masked, a), []]), "rows", 0, "masked")
    refused(lambda: yk.SparseRows.from_rows([(a, a), (a, np.array([1, -1]))]), "value", 3, "got -1")
    refused(lambda: yk.SparseRows.from_rows([(a, a + 0.5), []]), "value", 0, "whole number")
    refused(lambda: yk.SparseRows.from_rows([(a > 0, a), []]), "uid", 0, "boolean")
    refused(lambda: yk.SparseRows.from_rows([{0: 1, 2: 3}, []]), "uid", 1, "below n = 2, got 2")
    refused(lambda: yk.SparseRows.from_rows([[(0, 1), (0, 2)], []]), "uid", 1, "more than once in row 0")
    refused(lambda: yk.SparseRows.from_rows([[(0, 1), {1, 2}], []]), "rows", (0, 1), "pair")
    refused(lambda: yk.SparseRows.from_rows([[{0: 1, 2: 3}], []]), "rows", (0, 0), "pair")
    refused(lambda: yk.SparseRows.from_rows([[[], []], []]), "rows", (0, 0), "pair")
    refused(lambda: yk.SparseRows.from_rows({0: []}), "rows", None, "expected n")
    refused(lambda: yk.SparseRows.from_rows({0: [], 5: []}, n=5), "n", None, "from 6 to")
    refused(lambda: yk.SparseRows.from_rows({"0": []}, n=5), "rows", None, "got str")
    refused(lambda: yk.SparseRows.from_rows([[], []], n=3), "rows", None, "one for each of 3 uids, got 2")


def test_a_list_of_two_arrays_is_two_pairs() -> None:
    two = [np.array([0, 5]), np.array([1, 7])]
    assert yk.SparseRows.from_rows([two, []]).to_rows() == [[(0, 5), (1, 7)], []]
    assert yk.SparseRows.from_rows([tuple(two)] + [[]] * 5).to_rows()[0] == [(0, 1), (5, 7)]


def without_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows_module, "_kernel", lambda: None)


@pytest.mark.parametrize("kernel", [True, False])
def test_from_dense(kernel: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not kernel:
        without_the_kernel(monkeypatch)
    numbers = np.random.default_rng(13)
    for n, density in itertools.product((1, 2, 31, 32, 33, 70, 130), (0, 0.02, 0.5, 1)):
        dense = (numbers.integers(1, 65536, (n, n)) * (numbers.random((n, n)) < density)).astype(np.uint16)
        expected = slowly([[(j, int(v)) for j, v in enumerate(row) if v] for row in dense])
        for form in (dense, dense.astype(np.int64), dense.astype(float), dense.tolist(), np.asfortranarray(dense), expected):
            if form is not expected:
                assert yk.SparseRows.from_dense(form) == expected
        raw = dense.astype(np.int64) - (dense > 40000) * 2**40
        assert np.array_equal(yk.SparseRows.from_dense(raw, np.int64).to_dense(), raw)
        uids = numbers.permutation(n)[: numbers.integers(0, n + 1)]
        only = np.where(np.isin(np.arange(n), uids)[:, None], dense, 0)
        assert yk.SparseRows.from_dense(dense[uids], uids=uids) == yk.SparseRows.from_dense(only)
        assert yk.SparseRows.from_dense(raw[uids], np.int64, uids=uids).to_dense().tolist() == (
            np.where(np.isin(np.arange(n), uids)[:, None], raw, 0).tolist()
        )


def test_from_dense_refused() -> None:
    dense = np.ones((2, 3), np.uint16)
    refused(lambda: yk.SparseRows.from_dense(dense), "matrix", None, "square", "uids")
    refused(lambda: yk.SparseRows.from_dense(dense, uids=[0]), "uids", None, "length 2, got 1")
    refused(lambda: yk.SparseRows.from_dense(dense, uids=[0, 3]), "uids", 1, "below n = 3, got 3")
    refused(lambda: yk.SparseRows.from_dense(dense, uids=[2, 2]), "uids", 1, "every uid once, got 2 again")
    refused(lambda: yk.SparseRows.from_dense(dense, uids=[2, 0.5]), "uids", 1, "whole number")
    refused(lambda: yk.SparseRows.from_dense(np.ones((0, 0)), uids=[]), "matrix", None, "1 to 32767")
    refused(lambda: yk.SparseRows.from_dense([[0, 0.5], [1, 0]]), "matrix", (0, 1), "of 65535", "weights_to_u16")
    refused(lambda: yk.SparseRows.from_dense([[0, 12.5], [100.0, 0]]), "matrix", (0, 1), "percent", "with_weights")
    rows = yk.SparseRows.from_rows([[(1, 0)], []])
    refused(lambda: yk.SparseRows.from_dense(rows), "matrix", None, "SparseRows")


@pytest.mark.parametrize("kernel", [True, False])
def test_every_way_to_repeat_a_uid(kernel: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not kernel:
        without_the_kernel(monkeypatch)
    for uids in itertools.product(range(3), repeat=3):
        for cut in range(4):
            rows = [uids[:cut], uids[cut:], ()]
            ends = [0, cut, 3, 3]
            if all(len(set(row)) == len(row) for row in rows):
                held = yk.SparseRows(ends, uids, [1, 2, 3])
                assert [own.tolist() for own, _ in held] == [list(row) for row in rows]
            else:
                at = next(k for k in range(3) if uids[k] in (uids[:cut] if k < cut else uids[cut:])[: k - cut * (k >= cut)])
                refused(lambda e=ends, u=uids: yk.SparseRows(e, u, [1, 2, 3]), "uid", at, "more than once")  # type: ignore[misc]


def test_with_values() -> None:
    rows = yk.SparseRows.from_rows(some_rows(N, 0.5))
    values = np.arange(rows.uid.size)
    other = rows.with_values(values)
    assert other == yk.SparseRows(rows.indptr, rows.uid, values)
    assert other.uid is rows.uid
    refused(lambda: rows.with_values(values[1:]), "values", None, "length")
    refused(lambda: rows.with_values(values - 1), "values", 0, "got -1")
    refused(lambda: rows.with_values(values / 2), "values", 1, "whole number")
    raw = yk.SparseRows(rows.indptr, rows.uid, values - 5, np.int64)
    assert raw.with_values(values - 7).value.dtype == np.int64


# -- a collection ---------------------------------------------------------------------------------------------------------


def test_rows_are_a_collection() -> None:
    plain = some_rows(N, 0.5)
    rows = yk.SparseRows.from_rows(plain)
    assert len(rows) == N
    for uid, (uids, values) in enumerate(rows):
        assert list(zip(uids.tolist(), values.tolist(), strict=True)) == plain[uid]
        own, their = rows[uid]
        assert own.tolist() == uids.tolist()
        assert their.tolist() == values.tolist()
        for part in (own, their, uids, values):
            assert not part.flags.writeable
            with pytest.raises(ValueError, match="WRITEABLE"):
                part.setflags(write=True)
    assert yk.SparseRows.from_rows(list(rows)) == rows
    assert rows[np.int64(2)][0].tolist() == rows[2][0].tolist()  # type: ignore[index]
    for wrong in (N, -1, "0", 0.5, slice(2), None):
        refused(lambda wrong=wrong: rows[wrong], "uid", None)  # type: ignore[misc]
    with pytest.raises(TypeError):
        assert plain[0] in rows  # type: ignore[operator]


def test_numpy_sees_the_matrix() -> None:
    rows = yk.SparseRows.from_rows(some_rows(N, 0.5))
    assert np.array_equal(np.asarray(rows), rows.to_dense())
    assert np.asarray(rows).dtype == np.uint16
    assert np.asarray(rows, np.float64).dtype == np.float64
    assert np.array(rows).sum() == rows.value.sum()
    with pytest.raises(ValueError, match="always made"):
        rows.__array__(copy=False)
    two = yk.SparseRows.from_rows([[(0, 1)], [(1, 2)]])
    refused(lambda: yk.SubnetState(two, two, two, [0, 0], [0, 0], [True, True], 1), "total_stake", None, "SparseRows")


# -- stake ----------------------------------------------------------------------------------------------------------------


def edges() -> Iterator[int]:
    for power in (0, 1, 31, 32, 33, 62, 63, 64):
        yield from (number for number in (2**power - 1, 2**power, 2**power + 1) if number < 2**64)


def test_total_stake_bits_at_every_edge() -> None:
    pairs = list(itertools.product(sorted(set(edges())), repeat=2))
    alpha, tao = ([pair[k] for pair in pairs] for k in (0, 1))
    for tao_weight in sorted({*edges(), 3320413933267719290, 2**64 - 2**32, 2**64 - 2**32 - 1}):
        w = (tao_weight << 32) // (2**64 - 1)
        exact = [min((a << 64) + t * (w << 32), 2**127 - 1) for a, t in pairs]
        got = yk.total_stake_bits(alpha, tao, tao_weight)
        assert [low | high << 64 for low, high in got.tolist()] == exact


def test_the_sum_of_stake_at_its_edge() -> None:
    rows = yk.SparseRows.empty(4)

    def taken(stake: list[int]) -> bool:
        words = [(bits & (2**64 - 1), bits >> 64) for bits in stake]
        try:
            yk.SubnetState(rows, rows, words, [0] * 4, [0] * 4, [False] * 4, 0)
        except yk.InputError as error:
            return "expected a sum below 2^127, the range of I64F64" not in str(error)
        return True

    quarter = 2**125
    for stake in (
        [quarter] * 4, [quarter] * 3 + [quarter - 1], [quarter - 1] * 4, [2**127 - 1, 0, 0, 0], [2**127 - 1, 1, 0, 0],
        [2**127 - 1, 0, 0, 1], [2**126, 2**126 - 2**64, 2**64 - 1, 1], [2**126, 2**126 - 2**64, 2**64 - 1, 0],
        [2**126 - 2**32, 2**126, 2**32 - 1, 0], [2**126 - 2**32, 2**126, 2**32 - 1, 1],
    ):  # fmt: skip
        assert taken(stake) == (sum(stake) < 2**127), stake
