"""The weights that a validator sends: as the SDKs compute them, and by the exact quotient."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import yuma_kernel as yk

Door = Callable[..., Any]
DOORS = (yk.weights_to_u16, yk.weights_to_u16_exact)
both = pytest.mark.parametrize("door", DOORS)


def test_as_the_specification_shows_it() -> None:
    """The values that are sent, and the exact ones beside them."""
    for weights, sent, exact in (({0: 0.3, 1: 0.25}, 54612, 54613), ({0: 0.34, 1: 0.33}, 63608, 63607)):
        assert yk.weights_to_u16(weights, lists=True) == ([0, 1], [65535, sent])
        assert yk.weights_to_u16_exact(weights, lists=True) == ([0, 1], [65535, exact])


WEIGHTS = st.dictionaries(
    st.integers(0, 65535),
    st.one_of(
        st.floats(0, allow_infinity=False),
        st.floats(0, 1),
        st.integers(0, 2**53),
        st.integers(0, 200).map(lambda k: k / 100),
    ),
    max_size=8,
)


@given(WEIGHTS)
def test_by_its_definition_in_doubles(weights: dict[int, float]) -> None:
    """Each step rounded to a double, written out in fractions: `float` of a fraction is the nearest double."""
    largest = Fraction(float(max(weights.values(), default=0)))
    expected = {}
    for uid, weight in weights.items():
        quotient = float(Fraction(float(weight)) / largest) if largest else 0.0
        product = float(Fraction(quotient) * 65535)
        expected[uid] = round(Fraction(product))
    uids, values = yk.weights_to_u16(weights)
    assert list(zip(uids.tolist(), values.tolist(), strict=True)) == [(u, v) for u, v in expected.items() if v]


@given(WEIGHTS)
def test_by_its_definition_exactly(weights: dict[int, float]) -> None:
    largest = max(map(Fraction, weights.values()), default=Fraction(0))
    expected = {uid: round(Fraction(w) * 65535 / largest) if largest else 0 for uid, w in weights.items()}
    uids, values = yk.weights_to_u16_exact(weights)
    assert list(zip(uids.tolist(), values.tolist(), strict=True)) == [(u, v) for u, v in expected.items() if v]


@given(WEIGHTS)
def test_the_two_differ_by_one_at_most(weights: dict[int, float]) -> None:
    sent, exact = (dict(zip(*door(weights, lists=True), strict=True)) for door in DOORS)
    assert all(abs(sent.get(uid, 0) - exact.get(uid, 0)) <= 1 for uid in weights)


@both
def test_what_comes_out(door: Door) -> None:
    uids, values = door({5: 1.0, 3: 0.5, 9: 0.0, 4: 1e-12})
    assert (uids.tolist(), values.tolist()) == ([5, 3], [65535, 32768])  # 32767.5 to the even one
    assert str(uids.dtype) == str(values.dtype) == "uint16"
    for array in (uids, values):
        assert not array.flags.writeable
    assert door([0.0, 0.0])[0].tolist() == []
    assert door({})[1].tolist() == []
    assert door([5e-324, 5e-324])[1].tolist() == [65535, 65535]
    assert door([1.7e308, 8.5e307])[1].tolist() == [65535, 32768]
    assert door([2**70, 2**70 - 1])[1].tolist() == [65535, 65535]


@both
def test_the_order(door: Door) -> None:
    weights = {5: 2, 3: 1, 9: 0, 4: 2}
    assert door(weights, lists=True) == ([5, 3, 4], [65535, 32768, 65535])
    assert door(weights, order="given", lists=True) == door(weights, lists=True)
    assert door(weights, order="ascending", lists=True) == ([3, 4, 5], [32768, 65535, 65535])
    with pytest.raises(yk.InputError) as caught:
        door(weights, order="descending")
    assert caught.value.field == "order"


@both
def test_lists_of_python_integers(door: Door) -> None:
    uids, values = door({np.uint16(5): np.float32(1)}, lists=True)
    assert (uids, values) == ([5], [65535])
    assert [type(number) for number in (*uids, *values)] == [int, int]
    with pytest.raises(yk.InputError) as caught:
        door([1.0], lists="yes")
    assert caught.value.field == "lists"


@both
def test_pairs_and_columns_are_told_how_to_go(door: Door) -> None:
    for wrong in ([(3, 1.0), (1, 2.0)], ([3, 1], [1.0, 2.0]), (np.array([3, 1]), np.array([1.0, 2.0]))):
        with pytest.raises(yk.InputError, match=r"pairs go as dict\(pairs\), two columns as dict\(zip\(uids, weights\)\)"):
            door(wrong)


class Series:
    """What a pandas Series has: items by its index, in its order."""

    def __init__(self, pairs: Mapping[int, float]) -> None:
        self.pairs = pairs
        self.index = list(pairs)

    def items(self) -> Any:
        return iter(self.pairs.items())

    def __iter__(self) -> Any:
        return iter(self.pairs.values())


class Tensor:
    """What a tensor has: Python's numbers by `tolist`."""

    def __iter__(self) -> Any:
        raise AssertionError("its items are tensors")

    def tolist(self) -> list[float]:
        return [0.0, 3.0, 1.0]


@both
def test_forms(door: Door) -> None:
    expected = ([1, 2], [65535, 21845])
    forms: tuple[Any, ...] = (
        [0, 3, 1], (0.0, 3.0, 1.0), np.array([0, 3, 1], np.int64), np.array([0, 3, 1], np.float16),
        np.array([0, 3.0, 1], object), (float(k) for k in (0, 3, 1)), iter([0, 3, 1]), {0: 0, 1: 3, 2: 1}.values(), Tensor(),
        {"0": 0, "1": 3, "2": 1}, json.loads(json.dumps({1: 3, 2: 1})), Series({1: 3.0, 2: 1.0}), map(int, "031"),
    )  # fmt: skip
    for form in forms:
        assert door(form, lists=True) == expected, form
    assert door(range(0), lists=True) == ([], [])
    assert door(range(1, 4), lists=True) == ([0, 1, 2], [21845, 43690, 65535])
    assert door(Series({9: 1.0, 2: 2.0}), lists=True) == ([9, 2], [32768, 65535])


@both
def test_a_real_series(door: Door) -> None:
    pandas = pytest.importorskip("pandas")
    assert door(pandas.Series([1.0, 2.0], index=[9, 2]), lists=True) == ([9, 2], [32768, 65535])
    assert door(pandas.Series([1, 2]), lists=True) == ([0, 1], [32768, 65535])
    with pytest.raises(yk.InputError):
        door(pandas.Series([1.0, None]))


def test_float32_as_a_list_of_bittensor_9_and_10() -> None:
    """They round a list to float32 first: the same weights as an array of it."""
    weights = [0.7, 0.1]
    assert yk.weights_to_u16(np.array(weights, np.float32), lists=True) == yk.weights_to_u16(
        [float(np.float32(w)) for w in weights], lists=True
    )


REFUSED: list[tuple[Any, str, int | None, str]] = [
    ({0: 1.0, 7: float("nan")}, "weights", 7, "finite"),
    ({0: 1.0, 7: float("inf")}, "weights", 7, "finite"),
    ([1.0, -0.5], "weights", 1, "negative"),
    ({65536: 1.0}, "uid", None, "65536"),
    ({-1: 1.0}, "uid", None, "-1"),
    ({"01": 1.0}, "uid", None, "integer"),
    ({" 1": 1.0}, "uid", None, "integer"),
    ({"1.0": 1.0}, "uid", None, "integer"),
    ({"²": 1.0}, "uid", None, "integer"),
    ({"65536": 1.0}, "uid", None, "65536"),
    ({"1" * 5000: 1.0}, "uid", None, "integer"),
    ({1: 1.0, "1": 1.0}, "uid", None, "once"),
    ({1: 1.0, np.uint8(2): "x"}, "weights", 2, "str"),
    ([True], "weights", 0, "bool"),
    ([[1.0]], "weights", 0, "list"),
    ([1j], "weights", 0, "complex"),
    (np.array([[1.0]]), "weights", 0, "list"),
    (np.array([1j]), "weights", None, "dtype"),
    (np.ma.array([1.0]), "weights", None, "masked"),
    (5, "weights", None, "mapping"),
    ("12", "weights", None, "mapping"),
    ({1.0, 2.0}, "weights", None, "mapping"),
    (np.array(1.0), "weights", None, "mapping"),
    (itertools.repeat(1.0), "weights", None, "65536"),
]


@both
@pytest.mark.parametrize(("weights", "field", "index", "words"), REFUSED, ids=[str(k) for k in range(len(REFUSED))])
def test_refused(door: Door, weights: Any, field: str, index: int | None, words: str) -> None:
    if weights is REFUSED[-1][0]:
        weights = itertools.repeat(1.0)
    with pytest.raises(yk.InputError) as caught:
        door(weights)
    assert (caught.value.field, caught.value.index) == (field, index)
    assert words in caught.value.rule


def test_what_no_double_holds() -> None:
    """The exact quotient takes it."""
    for weight in (10**400, -(10**400)):
        with pytest.raises(yk.InputError) as caught:
            yk.weights_to_u16({3: weight})
        assert (caught.value.field, caught.value.index) == ("weights", 3)
    assert yk.weights_to_u16_exact({3: 10**400, 4: 5 * 10**399}, lists=True) == ([3, 4], [65535, 32768])
    if np.finfo(np.longdouble).max > np.finfo(np.float64).max:
        wide = np.longdouble(2) ** 2000
        with pytest.raises(yk.InputError), np.errstate(over="ignore"):
            yk.weights_to_u16([wide])
        assert yk.weights_to_u16_exact([wide, wide / 2], lists=True) == ([0, 1], [65535, 32768])
