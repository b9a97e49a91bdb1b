"""What the types take, what they refuse and with which words, and that what they hold cannot be changed."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st

import yuma_kernel as yk
from yuma_kernel.arrays import integer
from yuma_kernel.results import OUTPUTS, TRACES
from yuma_kernel.units import UNITS

N = 3
WEIGHTS = [[(1, 5), (0, 7)], [], [(2, 0), (1, 65535)]]


def state(**changes: Any) -> yk.SubnetState:
    fields: dict[str, Any] = {
        "weights": yk.SparseRows.from_rows(WEIGHTS),
        "bonds": yk.SparseRows.empty(N),
        "total_stake": yk.stake_from_rao([10, 20, 30]),
        "last_update": [5, 6, 7],
        "block_at_registration": [1, 2, 3],
        "validator_permit": [True, False, True],
        "current_block": 10,
    }
    return yk.SubnetState(**{**fields, **changes})


def refused(call: Callable[[], object], field: str, index: Any, *words: str) -> yk.InputError:
    with pytest.raises(yk.InputError) as caught:
        call()
    error = caught.value
    assert (error.field, error.index) == (field, index), str(error)
    for word in words:
        assert word in error.rule, str(error)
    assert str(error).startswith(field)
    return error


# -- rows -----------------------------------------------------------------------------------------------------------------


def test_rows_keep_order_and_zeros() -> None:
    rows = yk.SparseRows.from_rows(WEIGHTS)
    assert rows.to_rows() == WEIGHTS
    assert [str(part.dtype) for part in (rows.indptr, rows.uid, rows.value)] == ["uint32", "uint16", "uint16"]
    assert rows.indptr.tolist() == [0, 2, 2, 4]
    assert rows.to_dense().tolist() == [[7, 5, 0], [0, 0, 0], [0, 65535, 0]]
    assert len(rows) == rows.n == N


def test_rows_from_dense_drop_zeros_and_ascend() -> None:
    dense = np.array([[7, 5, 0], [0, 0, 0], [0, 65535, 0]])
    rows = yk.SparseRows.from_dense(dense)
    assert rows.to_rows() == [[(0, 7), (1, 5)], [], [(1, 65535)]]
    assert np.array_equal(rows.to_dense(), dense)


@pytest.mark.parametrize("kind", [scipy.sparse.csr_matrix, scipy.sparse.csr_array])
def test_rows_from_scipy(kind: Any) -> None:
    dense = np.array([[7, 5, 0], [0, 0, 0], [0, 65535, 0]], np.float64)
    expected = yk.SparseRows.from_dense(dense)
    assert yk.SparseRows.from_csr(kind(dense)) == expected
    assert state(weights=kind(dense)).weights == expected
    unsorted = kind((np.array([1, 2, 0]), np.array([2, 0, 1]), np.array([0, 2, 2, 3])), shape=(3, 3))
    assert yk.SparseRows.from_csr(unsorted).to_rows() == [[(2, 1), (0, 2)], [], [(1, 0)]]
    error = refused(lambda: state(bonds=kind(dense / 2)), "bonds.value", 0, "whole number")
    assert "3.5" in error.rule
    refused(lambda: yk.SparseRows.from_csr(kind(np.zeros((2, 3)))), "matrix", None, "square")
    refused(lambda: yk.SparseRows.from_csr(kind(dense).tocsc()), "matrix", None, "CSR", "csc")


@pytest.mark.parametrize(
    ("indptr", "uid", "value", "field", "index", "words"),
    [
        ([1, 2], [0, 0], [1, 1], "indptr", 0, "start at 0"),
        ([0, 2, 1, 2], [0, 1], [1, 1], "indptr", 2, "decrease"),
        ([0, 1, 1], [0, 1], [1, 1], "indptr", 2, "end at the number of entries"),
        ([0, 3, 3], [0, 1], [1, 1], "indptr", 2, "end at the number of entries"),
        ([], [], [], "indptr", None, "1 to 32767 rows"),
        ([0], [], [], "indptr", None, "1 to 32767 rows"),
        ([0] * 32769, [], [], "indptr", None, "1 to 32767 rows, got 32768"),
        ([[0, 0]], [], [], "indptr", None, "1 dimension"),
        ([0, 0.5], [], [], "indptr", 1, "whole number"),
        ([0, -1], [], [], "indptr", 1, "from 0 to"),
        ([0, 2, 2], [0, 2], [1, 1], "uid", 1, "below n = 2, got 2"),
        ([0, 2, 2], [1, 1], [1, 2], "uid", 1, "uid 1 stands more than once in row 0"),
        ([0, 0, 3, 3], [1, 0, 1], [1, 1, 2], "uid", 2, "uid 1 stands more than once in row 1"),
        ([0, 1, 1], [-1], [1], "uid", 0, "from 0 to 65535, got -1"),
        ([0, 1, 1], [65536], [1], "uid", 0, "from 0 to 65535, got 65536"),
        ([0, 2, 2], [0, 1], [1], "value", None, "length 2, got 1"),
        ([0, 2, 2], [0, 1], [1, 65536], "value", 1, "from 0 to 65535, got 65536"),
        ([0, 2, 2], [0, 1], [1, -1], "value", 1, "got -1"),
        ([0, 2, 2], [0, 1], [1, 0.5], "value", 1, "whole number, got 0.5"),
        ([0, 2, 2], [0, 1], [float("nan"), 0], "value", 0, "whole number, got nan"),
        ([0, 2, 2], [0, 1], np.array([1, np.inf]), "value", 1, "whole number, got inf"),
        ([0, 2, 2], [0, 1], ["1", "2"], "value", 0, "integer, got str"),
        ([0, 2, 2], [0, 1], np.array(["1", "2"]), "value", None, "dtype <U1"),
        ([0, 2, 2], [0, 1], [True, False], "value", 0, "boolean"),
        ([0, 2, 2], [0, 1], np.array([True, False]), "value", None, "dtype bool"),
        ([0, 2, 2], [0, 1], np.array([1, 2], "m8[s]"), "value", None, "dtype"),
        ([0, 2, 2], [0, 1], np.array([1, 2j]), "value", None, "dtype complex128"),
        ([0, 2, 2], [0, 1], np.ma.array([1, 2], mask=[False, True]), "value", None, "masked"),
        ([0, 2, 2], [0, 1], None, "value", None, "dimension"),
        ([0, 2, 2], [0, 1], [[1], [2, 3]], "value", 0, "integer, got list"),
        ([0, 2, 2], [0, 1], [[1], [2]], "value", None, "1 dimension, got 2"),
        ([0, 2, 2], [0, 1], [None, 1], "value", 0, "NoneType"),
    ],
)
def test_rows_refused(indptr: Any, uid: Any, value: Any, field: str, index: Any, words: str) -> None:
    refused(lambda: yk.SparseRows(indptr, uid, value), field, index, words)


def test_rows_refused_from_other_forms() -> None:
    refused(lambda: yk.SparseRows.from_rows([[(0, 1)], [(0, 1), (1,)]]), "rows", (1, 1), "pair")
    refused(lambda: yk.SparseRows.from_rows([]), "indptr", None, "1 to 32767 rows, got 0")
    refused(lambda: yk.SparseRows.from_dense(np.zeros((2, 3))), "matrix", None, "square")
    refused(lambda: yk.SparseRows.from_dense(np.zeros((0, 0))), "matrix", None, "1 to 32767 rows, got 0")
    refused(lambda: yk.SparseRows.from_dense([[0, 1], [2, -3]]), "matrix", (1, 1), "got -3")
    refused(lambda: yk.SparseRows.from_dense([1, 2]), "matrix", None, "2 dimensions")
    refused(lambda: yk.SparseRows([0, 0], [], [], np.float64), "dtype", None, "uint16 or int64")
    refused(lambda: yk.SparseRows.empty(0), "n", None, "from 1 to 32767")


def test_int64_rows_for_raw_bits() -> None:
    rows = yk.SparseRows.from_rows([[(0, -(2**63))], [(1, 2**63 - 1)]], np.int64)
    assert rows.value.dtype == np.int64
    assert rows.to_rows() == [[(0, -(2**63))], [(1, 2**63 - 1)]]
    refused(lambda: yk.SparseRows.from_rows([[(0, 2**63)]], np.int64), "value", 0, "9223372036854775808")
    refused(lambda: state(weights=yk.SparseRows.from_rows([[]] * N, np.int64)), "weights", None, "uint16", "int64")


@pytest.mark.parametrize("n", [1, 32767])
def test_smallest_and_largest_n(n: int, backend: str) -> None:
    rows = yk.SparseRows.from_rows([*([[]] * (n - 1)), [(n - 1, 1)]])
    subnet = yk.SubnetState(rows, yk.SparseRows.empty(n), yk.stake_from_rao([1] * n), [9] * n, [1] * n, [True] * n, 10)
    result = yk.epoch(subnet, yk.Hyperparameters(max_allowed_validators=1), emission=10**18, backend=backend)
    assert result.validator_permit.sum() == 1
    assert result.validator_permit[n - 1]


# -- arrays in every form -------------------------------------------------------------------------------------------------

VALUES = np.array([5, 0, 2**40, 2**53, 7], np.uint64)
FORMS: dict[str, Callable[[Any], Any]] = {
    "list": lambda a: a.tolist(),
    "tuple": lambda a: tuple(a.tolist()),
    "int64": lambda a: a.astype(np.int64),
    "float64": lambda a: a.astype(np.float64),
    "longdouble": lambda a: a.astype(np.longdouble),
    "object": lambda a: a.astype(object),
    "strided": lambda a: np.repeat(a, 3)[::3],
    "reversed": lambda a: a[::-1].copy()[::-1],
    "byte-swapped": lambda a: a.astype(a.dtype.newbyteorder()),
    "misaligned": lambda a: np.frombuffer(b"x" + a.tobytes(), np.uint8)[1:].view(a.dtype),
    "scalars": lambda a: [np.uint64(v) for v in a],
    "memoryview": memoryview,
    "range of one item each": lambda a: [int(v) if v % 2 else float(v) for v in a],
}


@pytest.mark.parametrize("form", FORMS)
def test_arrays_in_every_form(form: str) -> None:
    n = VALUES.size
    rows = yk.SparseRows.empty(n)
    given = FORMS[form](VALUES)
    held = yk.SubnetState(rows, rows, yk.stake_from_rao([1] * n), given, [0] * n, [True] * n, 0)
    assert held.last_update.dtype == np.dtype(np.uint64)
    assert held.last_update.dtype.isnative
    assert held.last_update.tolist() == VALUES.tolist()


@pytest.mark.parametrize("order", ["C", "F"])
def test_two_dimensional_arrays(order: Any) -> None:
    stake = np.array([[1, 2], [3, 4], [5, 6]], np.uint64, order=order)
    assert state(total_stake=stake).total_stake.tolist() == stake.tolist()


def test_integers_are_exact_where_numpy_would_make_floats() -> None:
    held = state(last_update=[2**64 - 1, 2**63, 0])
    assert held.last_update.tolist() == [2**64 - 1, 2**63, 0]
    refused(lambda: state(last_update=[2**64 - 1, -1, 0]), "last_update", 1, "got -1")
    refused(lambda: state(last_update=[2**64, 1, 0]), "last_update", 0, "got 18446744073709551616")
    refused(lambda: state(last_update=np.array([2.0**64, 1, 0])), "last_update", 0, "got 18446744073709551616")
    assert state(last_update=np.array([2.0**64 - 2048, 1, 0])).last_update[0] == 2**64 - 2048


@given(st.one_of(st.integers(), st.floats(), st.sampled_from([2.0**63, 2.0**64, -0.0])))
def test_integer_is_the_same_number_or_refused(value: float) -> None:
    try:
        got = integer("x", value, 0, 2**64 - 1)
    except yk.InputError:
        assert not 0 <= value <= 2**64 - 1 or value != value // 1
    else:
        assert type(got) is int
        assert got == value


# -- the state ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "field", "index", "words"),
    [
        ({"weights": WEIGHTS}, "weights", None, "SparseRows or a CSR matrix, got list"),
        ({"bonds": yk.SparseRows.empty(2)}, "bonds", None, "3 rows, as weights have, got 2"),
        ({"total_stake": [1, 2, 3]}, "total_stake", None, "got 1; total_stake_bits and stake_from_rao make it"),
        ({"total_stake": [[1, 2]] * 2}, "total_stake", None, "length of axis 0 3, got 2"),
        ({"total_stake": [[1, 2, 3]] * 3}, "total_stake", None, "length of axis 1 2, got 3"),
        ({"total_stake": [[0, 0], [0, 2**63], [0, 0]]}, "total_stake", 1, "negative"),
        ({"total_stake": [[0, 0], [0, -1], [0, 0]]}, "total_stake", (1, 1), "got -1"),
        ({"total_stake": [[0, 2**62], [0, 2**62], [0, 0]]}, "total_stake", None, "sum below 2^127"),
        ({"total_stake": [[2**64 - 1, 2**63 - 1], [1, 0], [0, 0]]}, "total_stake", None, "sum below 2^127"),
        ({"last_update": [1, 2]}, "last_update", None, "length 3, got 2"),
        ({"last_update": 5}, "last_update", None, "1 dimension, got 0"),
        ({"block_at_registration": [1, 2, 2.5]}, "block_at_registration", 2, "whole number"),
        ({"validator_permit": [0, 1, 2]}, "validator_permit", 2, "boolean"),
        ({"validator_permit": np.array([0, 1, 2])}, "validator_permit", 2, "boolean, got 2"),
        ({"validator_permit": [0.0, 1.0, 1.0]}, "validator_permit", 0, "boolean"),
        ({"validator_permit": np.array([0.0, 1.0, 1.0])}, "validator_permit", None, "dtype float64"),
        ({"current_block": -1}, "current_block", None, "from 0 to 18446744073709551615"),
        ({"current_block": True}, "current_block", None, "boolean"),
        ({"current_block": "10"}, "current_block", None, "str"),
        ({"current_block": float("nan")}, "current_block", None, "whole number"),
        ({"last_mechanism_step_block": 2**64}, "last_mechanism_step_block", None, "from 0 to"),
        ({"owner_uid": 3}, "owner_uid", None, "from 0 to 2, got 3"),
        ({"owner_uid": -1}, "owner_uid", None, "from 0 to 2, got -1"),
        ({"commit_block": [1, 2]}, "commit_block", None, "length 3, got 2"),
        ({"commit_block": [1, 2, 2**64]}, "commit_block", 2, "from 0 to"),
    ],
)
def test_state_refused(changes: dict[str, Any], field: str, index: Any, words: str) -> None:
    refused(lambda: state(**changes), field, index, words)


def test_the_largest_sum_of_stake_is_taken(backend: str) -> None:
    held = state(total_stake=[[2**64 - 1, 2**63 - 1], [0, 0], [0, 0]])
    got = yk.epoch(held, yk.Hyperparameters(), backend=backend, trace=True)
    assert got.trace is not None
    assert got.trace["stake"].tolist() == [2**32, 0, 0]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("kappa", 0, 65535),
        ("bonds_penalty", 0, 65535),
        ("bonds_moving_average", 0, 1_000_000),
        ("alpha_low", 0, 65535),
        ("alpha_high", 0, 65535),
        ("alpha_sigmoid_steepness", -32768, 32767),
        ("max_allowed_validators", 0, 65535),
        ("stake_threshold", 0, 2**64 - 1),
        ("tempo", 0, 2**64 - 1),
        ("activity_cutoff", 0, 2**64 - 1),
    ],
)
def test_hyperparameter_ranges(name: str, low: int, high: int) -> None:
    values: list[Any] = [low, high, np.int64(low), *([] if name in UNITS and name != "stake_threshold" else [float(low)])]
    for value in values:
        changes: dict[str, Any] = {name: value}
        held = getattr(yk.Hyperparameters(**changes), name)
        assert held == value
        assert type(held) is int
    for wrong in (low - 1, high + 1, low + 0.5, None, True):
        refused(lambda wrong=wrong: yk.Hyperparameters(**{name: wrong}), name, None)  # type: ignore[misc]


def test_hyperparameter_defaults_are_those_of_a_new_subnet() -> None:
    assert list(vars(yk.Hyperparameters()).values()) == [
        32767, 65535, 900000, True, False, 45875, 58982, 1000, "auto", 128, 0, 360, 5000, True, 475,
    ]  # fmt: skip


def test_booleans_of_other_bytes_than_0_and_1() -> None:
    """Any but 0 is true to NumPy; what is held is 1, by which C, and a comparison of raw bytes, may go."""
    odd = np.array([2, 0, 255], np.uint8).view(np.bool_)
    for source in (odd, np.stack([odd, odd], axis=1)[:, 0]):
        permits = state(validator_permit=source).validator_permit
        assert permits.dtype == np.bool_
        assert permits.view(np.uint8).tolist() == [1, 0, 1]


@pytest.mark.parametrize("name", ["yuma3", "liquid_alpha", "commit_reveal"])
def test_hyperparameter_switches(name: str) -> None:
    taken: list[tuple[Any, bool]] = [(np.bool_(True), True), (0, False)]
    for value, held in taken:
        changes: dict[str, Any] = {name: value}
        assert getattr(yk.Hyperparameters(**changes), name) is held
    for wrong in (2, "yes", None, 1.0):
        refused(lambda wrong=wrong: yk.Hyperparameters(**{name: wrong}), name, None, "boolean")  # type: ignore[misc]


def test_unknown_profile_is_refused_by_name() -> None:
    error = refused(lambda: yk.Hyperparameters(profile=426), "profile", None, "425", "426")
    assert isinstance(error, yk.UnsupportedProfile)


def test_the_call_refuses(backend: str) -> None:
    subnet, rules = state(), yk.Hyperparameters()
    refused(lambda: yk.epoch(subnet, rules, backend="fortran"), "backend", None, "c, ", "reference", "fortran")
    refused(lambda: yk.epoch(subnet, rules, backend=1), "backend", None)  # type: ignore[arg-type]
    refused(lambda: yk.epoch(subnet, rules, emission=-1, backend=backend), "emission", None)
    refused(lambda: yk.epoch(subnet, rules, emission=2**64, backend=backend), "emission", None)
    refused(lambda: yk.epoch(subnet, rules, emission=0.5, backend=backend), "emission", None)  # type: ignore[arg-type]
    refused(lambda: yk.epoch(subnet, rules, trace=2, backend=backend), "trace", None)  # type: ignore[arg-type]
    refused(lambda: yk.epoch(rules, rules, backend=backend), "state", None)  # type: ignore[arg-type]
    refused(lambda: yk.epoch(subnet, {}, backend=backend), "hyperparameters", None)  # type: ignore[arg-type]


def test_a_status_of_the_kernel_is_no_result() -> None:
    """Somebody has set, past all checks, what only the kernel looks at."""
    pytest.importorskip("yuma_kernel.kernel.native")
    rules = yk.Hyperparameters()
    object.__setattr__(rules, "bonds_moving_average", 1_000_001)
    with pytest.raises(RuntimeError, match="the C kernel refused its input: a scalar"):
        yk.epoch(state(), rules, backend="c")


# -- stake ----------------------------------------------------------------------------------------------------------------


def bits(stake: Any) -> list[int]:
    return [int(low) | int(high) << 64 for low, high in stake]


def test_total_stake_bits() -> None:
    """Section 2, in integers, at the ends of its ranges."""
    alpha = [0, 1, 2**63 - 1, 2**63, 2**64 - 1, 12345]
    tao = [0, 2**64 - 1, 0, 5, 2**64 - 1, 678]
    for tao_weight in (0, 1, 2**32, 2**63, 3320413933267719290, 2**64 - 1):
        w = (tao_weight << 32) // (2**64 - 1)
        expected = [min((a << 64) + t * (w << 32), 2**127 - 1) for a, t in zip(alpha, tao, strict=True)]
        assert bits(yk.total_stake_bits(alpha, tao, tao_weight)) == expected
    assert bits(yk.total_stake_bits([1], [1], 2**64 - 1)) == [2 << 64]
    refused(lambda: yk.total_stake_bits([1], [1, 2], 0), "tao_stake", None, "length 1")
    refused(lambda: yk.total_stake_bits([1], [-1], 0), "tao_stake", 0)
    refused(lambda: yk.total_stake_bits([1], [1], 2**64), "tao_weight", None)


def test_stake_from_rao() -> None:
    stake = yk.stake_from_rao([0, 1, 2**63 - 1])
    assert stake.dtype == np.uint64
    assert bits(stake) == [0, 1 << 64, (2**63 - 1) << 64]
    refused(lambda: yk.stake_from_rao([1, 2**63]), "stake", 1, "less than 2^63 rao, got 9223372036854775808")
    refused(lambda: yk.stake_from_rao([-1]), "stake", 0, "from 0 to")


# -- frozen ---------------------------------------------------------------------------------------------------------------


def test_inputs_are_copied_and_never_written(backend: str) -> None:
    indptr, uid, value = np.array([0, 2, 2, 3], np.uint32), np.array([1, 0, 1], np.uint16), np.array([9, 8, 7], np.uint16)
    update = np.array([5, 6, 7], np.uint64)
    rows = yk.SparseRows(indptr, uid, value)
    held = state(weights=rows, last_update=update, previous_consensus=[1, 2, 3])
    before = copy.deepcopy(held)
    yk.epoch(held, yk.Hyperparameters(liquid_alpha=True, max_allowed_validators=1), emission=5, backend=backend, trace=True)
    assert held == before
    uid[:] = 60000
    update[:] = 0
    assert held == before
    assert held.weights is rows


def arrays_of(value: Any) -> list[Any]:
    if isinstance(value, np.ndarray):
        return [value]
    if isinstance(value, yk.SparseRows):
        return [value.indptr, value.uid, value.value]
    return []


def test_outputs_stand_in_a_result_whatever_asks_for_them(backend: str) -> None:
    subnet, rules = state(), yk.Hyperparameters()

    def fresh(trace: bool = False) -> yk.EpochResult:
        return yk.epoch(subnet, rules, emission=5, backend=backend, trace=trace)

    whole = fresh()
    for name in OUTPUTS:
        alone = fresh()
        assert getattr(alone, name) is getattr(alone, name)
        assert vars(alone).keys() == {*OUTPUTS, "trace"}
        assert vars(alone)[name] is getattr(alone, name)
        assert alone == whole == fresh()
    assert vars(fresh(True)).keys() == {*OUTPUTS, "trace"}
    assert fresh(True).trace is not None
    assert fresh().trace is None
    assert replace(fresh(), trace=None) == copy.copy(fresh()) == pickle.loads(pickle.dumps(fresh())) == whole
    with pytest.raises(AttributeError, match="nothing"):
        _ = fresh().nothing  # type: ignore[attr-defined]


def test_nothing_can_be_made_writable(backend: str) -> None:
    subnet = state()
    result = yk.epoch(subnet, yk.Hyperparameters(), emission=5, backend=backend, trace=True)
    assert result.trace is not None
    held = [*vars(subnet).values(), *vars(result).values(), *result.trace.values()]
    arrays = [array for value in held for array in arrays_of(value)]
    assert len(arrays) > 40
    for array in arrays:
        assert array.flags.c_contiguous
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 1
        with pytest.raises(ValueError, match="WRITEABLE"):
            array.setflags(write=True)
    with pytest.raises(AttributeError):
        subnet.current_block = 5  # type: ignore[misc]
    with pytest.raises(AttributeError):
        result.emission = None  # type: ignore[misc, assignment]
    with pytest.raises(TypeError):
        result.trace["stake"] = result.trace["rank"]  # type: ignore[index]


def test_copies_are_equal_and_as_frozen() -> None:
    subnet = state(commit_block=[1, 2, 3], owner_uid=1)
    result = yk.epoch(subnet, yk.Hyperparameters(), emission=5, trace=True)
    assert result.trace is not None
    assert tuple(result.trace) != ()
    assert set(result.trace) == set(TRACES)
    for value in (subnet, subnet.weights, yk.Hyperparameters(), result):
        for twin in (pickle.loads(pickle.dumps(value)), copy.deepcopy(value)):
            assert twin == value
            assert all(not array.flags.writeable for held in vars(twin).values() for array in arrays_of(held))


def test_errors_survive_pickling() -> None:
    error = pickle.loads(pickle.dumps(yk.UnsupportedProfile("profile", "rule", 3)))
    assert isinstance(error, yk.UnsupportedProfile)
    assert (error.field, error.rule, error.index, str(error)) == ("profile", "rule", 3, "profile[3]: rule")
    assert isinstance(error, ValueError)


def test_equality_is_of_bits_dtypes_and_orders() -> None:
    rows = yk.SparseRows.from_rows([[(0, 1), (1, 2)], []])
    assert rows == yk.SparseRows.from_rows([[(0, 1), (1, 2)], []])
    assert rows != yk.SparseRows.from_rows([[(1, 2), (0, 1)], []])
    assert rows != yk.SparseRows.from_rows([[(0, 1), (1, 2)], []], np.int64)
    assert rows != [[(0, 1), (1, 2)], []]
    assert state() == state()
    assert state() != state(current_block=11)
    assert state() != state(commit_block=[0, 0, 0])


def test_first_difference_names_stage_and_uid() -> None:
    result = yk.epoch(state(), yk.Hyperparameters(), emission=100)
    expected = {name: getattr(result, name) for name in yk.OUTPUTS}
    assert result.first_difference(expected) is None
    assert result.first_difference({}) is None
    dividends, bonds = expected["dividends"].copy(), result.bonds.to_rows()
    dividends[2] ^= 1
    difference = result.first_difference({**expected, "dividends": dividends})
    assert difference == yk.Difference("dividends", 2, int(dividends[2]), int(result.dividends[2]))
    assert str(difference).startswith("dividends of uid 2: expected ")
    bonds[1] = [(0, 1)]
    difference = result.first_difference({"dividends": dividends, "bonds": yk.SparseRows.from_rows(bonds)})
    assert difference is not None
    assert (difference.stage, difference.uid) == ("bonds", 1)  # bonds come before dividends in the law
    assert (difference.expected, difference.got) == ((0, 1), None)
    for names in ({"dividend": dividends}, {**expected, "rank": dividends}):  # compared with nothing, they would seem equal
        refused(lambda names=names: result.first_difference(names), "expected", None, "names of outputs")  # type: ignore[misc]
    wrong_dtype = result.first_difference({"emission": result.emission.astype(np.int64)})
    assert wrong_dtype is not None
    assert wrong_dtype.uid is None


def test_reprs_are_short() -> None:
    result = yk.epoch(state(), yk.Hyperparameters())
    for value in (state(), state().weights, result):
        assert repr(value).startswith(type(value).__name__)
        assert len(repr(value)) < 300


def test_rows_of_several_lengths_are_said_to_be_so() -> None:
    refused(lambda: yk.SparseRows.from_dense([[0, 1], [2]]), "matrix", 1, "rows of one length, got 2 and 1")
    refused(lambda: yk.SparseRows.from_dense([0, 1]), "matrix", None, "2 dimensions, got 1")


def test_labels_of_pandas_that_are_uids_in_another_order_are_refused() -> None:
    """By place they would be others' values, by label they would be read as nothing else is; other labels are no uids."""
    pandas = pytest.importorskip("pandas", exc_type=ImportError)
    mixed, own = pandas.Series([7, 8, 9], index=[2, 0, 1]), pandas.Series([7, 8, 9], index=["a", "b", "c"])
    for name in ("last_update", "block_at_registration", "commit_block", "previous_consensus"):
        refused(lambda name=name: state(**{name: mixed}), name, 0, "ascending order, got label 2")  # type: ignore[misc]
        kept = [getattr(state(**{name: given}), name).tolist() for given in (own, mixed.sort_index(), own[::-1])]
        assert kept == [[7, 8, 9], [8, 9, 7], [9, 8, 7]]
    refused(lambda: state(validator_permit=mixed > 7), "validator_permit", 0)
    refused(lambda: yk.stake_from_rao(mixed), "stake", 0)
    refused(lambda: yk.stake_from_floats(mixed / 2), "stake", 0)
    refused(lambda: yk.total_stake_bits(mixed, mixed, 1), "alpha_stake", 0)
    square = pandas.DataFrame(np.arange(9).reshape(3, 3))
    for other in (square.loc[[0, 2, 1]], square[[0, 2, 1]]):
        refused(lambda other=other: yk.SparseRows.from_dense(other), "matrix", 1)  # type: ignore[misc]
    assert yk.SparseRows.from_dense(square.loc[[2, 0]], uids=[2, 0]).to_rows()[2] == [(0, 6), (1, 7), (2, 8)]
