"""The map of the consensus guarantee: the documented values, the cells one by one, and runs over workers and folders."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import yuma_kernel as yk
from chunks import Stopped, counted, stopping
from yuma_kernel.studies import Guarantee, engine, guarantee, guarantee_map, retention
from yuma_kernel.studies.guarantee_map import _sides, cells, upscaled

SMALL: dict[str, Any] = {"stakes": [0.6, 0.9], "steps": 10, "validators": 8, "servers": 24}


def test_documented_retention() -> None:
    """Within one grid step of what the chain's own study says of a major side of 0.6."""
    documented = {(0.0, 65534): 0.60, (0.2, 65534): 0.67, (0.4, 65534): 0.73, (0.4, 32768): 0.76, (0.4, 0): 0.78}
    ours = {(0.0, 65534): 0.62, (0.2, 65534): 0.68, (0.4, 65534): 0.74, (0.4, 32768): 0.78, (0.4, 0): 0.80}
    study = retention(stakes=[0.6], sigma=[0, 0.2, 0.4], bonds_penalty=[65534, 32768, 0])
    columns = (study.table[name].tolist() for name in ("sigma", "bonds_penalty", "retention"))
    found = {(sigma, penalty): value for sigma, penalty, value in zip(*columns, strict=True)}
    assert len(found) == 9
    for key, value in documented.items():
        assert abs(found[key] - value) <= 1 / 50 + 1e-9
        assert found[key] == ours[key]


def test_whole_map_has_the_documented_retention() -> None:
    assert guarantee(stakes=[0.6]).retention(0.6) == 0.74


SWEEP: dict[str, Any] = {
    "stakes": [0.51, 0.75], "sigma": [0, 0.5], "kappa": [20000, 60000], "bonds_penalty": [65535, 0], "ratio": [None, 0.5],
    "profile": [475, 425], "seed": [1, 2],
}  # fmt: skip


def test_sweep_is_what_the_maps_say() -> None:
    """Which compute every major weight, and not only those down to the first that does not keep its part."""
    small: dict[str, Any] = {"steps": 25, "validators": 8, "servers": 24}
    study = retention(**SWEEP, **small)
    assert len(study) == 2**7
    values = set()
    for row in (dict(zip(study.table, row, strict=True)) for row in zip(*study.to_dict().values(), strict=True)):
        stake, found, ratio = row.pop("stake"), row.pop("retention"), row.pop("ratio")
        whole = guarantee(stakes=[stake], ratio=None if np.isnan(ratio) else ratio, **row, **small).retention(stake)
        assert found == whole or (np.isnan(found) and whole is None)
        values.add(whole)
    assert None in values
    assert len(values) > 5


def test_ratio_is_how_many_uids_the_major_side_has() -> None:
    one = guarantee(**{**SMALL, "stakes": [0.6]}, ratio=0.6)
    assert one.table["major_emission"].tolist() == guarantee(**{**SMALL, "stakes": [0.6]}).table["major_emission"].tolist()
    two = guarantee(**{**SMALL, "stakes": [0.6]}, ratio=0.9)
    assert one.table["major_emission"].tolist() != two.table["major_emission"].tolist()
    sides = _sides({**SMALL, "stake": 0.6, "ratio": 0.9, "seed": 1, "sigma": 0.1})
    assert (sides.major_validators, sides.major_servers) == (7, 21)
    assert sides.stake[:7].sum() == pytest.approx(0.6)


def test_sweep_as_a_table_and_a_picture() -> None:
    study = retention(stakes=[0.6, 0.9], kappa=[0, 32767, 65535], steps=10, validators=8, servers=24)
    assert study.swept() == ["kappa", "stake"]
    table = study.brief()
    assert table.columns["kappa"] == [0, 32767, 65535] * 2
    assert table.people is not None
    assert sorted(set(table.people["kappa"])) == ["0", "0.5", "1"]
    assert [None if r != r else r for r in study.table["retention"].tolist()] == table.columns["retention"]
    assert "held: sigma 0.4" in str(study)
    Figure = pytest.importorskip("matplotlib.figure").Figure  # noqa: N806
    ax = Figure().subplots()
    assert study.plot(ax) is ax
    assert len(ax.lines) == 2
    of = study.table["stake"] == 0.9
    np.testing.assert_array_equal(ax.lines[1].get_ydata(), study.table["retention"][of])
    np.testing.assert_array_equal(ax.lines[1].get_xdata(), [0, 32767 / 65535, 1])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["stake 0.6", "stake 0.9"]
    assert len(study.plot(Figure().subplots(), x="stake").lines) == 3
    with pytest.raises(yk.InputError):
        study.plot(ax, x="n")


def test_upscaled_rows_are_the_chains() -> None:
    random = np.random.default_rng(3)
    largest = np.array([0, 1, 2, 3, 255, 32767, 32768, 32769, 40000, 65534, 65535])
    rows = np.stack([random.integers(0, top + 1, 40) for top in largest for _ in range(5)])
    rows[:, 0] = np.repeat(largest, 5)
    got = upscaled(rows)
    for row, stored in zip(rows, got, strict=True):
        assert stored.tolist() == yk.stages.upscale_to_u16(row.astype(np.uint16), backend="reference").tolist()
    # every value below every largest one of a few
    for top in (1, 7, 300, 32768, 32769, 65535):
        every = np.arange(top + 1)
        assert upscaled(every).tolist() == yk.stages.upscale_to_u16(every.astype(np.uint16)).tolist()


def test_cells_one_by_one() -> None:
    """Each cell from its definition, with the reference."""
    chunk = {
        "stake": 0.6, "first": 0, "end": 4, "steps": 3, "validators": 6, "servers": 10, "sigma": 0.4, "kappa": 32767,
        "bonds_penalty": 65534, "ratio": None, "profile": 475, "seed": 9,
    }  # fmt: skip
    got = cells(chunk)
    random = np.random.default_rng([9, 600_000])
    stake = np.maximum(0, 1 + 0.3 * random.standard_normal(6))
    stake[:3] *= 0.6 / stake[:3].sum()
    stake[3:] *= 0.4 / stake[3:].sum()
    base = np.maximum(0, 1 + 0.4 * random.standard_normal((6, 10)))
    base[:, :6] /= base[:, :6].sum(axis=1, keepdims=True)
    base[:, 6:] /= base[:, 6:].sum(axis=1, keepdims=True)
    rao = [*(int(s * 21 * 10**15) for s in stake), *[0] * 10]
    rules = yk.Hyperparameters(yuma3=False, bonds_penalty=65534, max_allowed_validators=6, commit_reveal=False)
    at = 0
    for h in (0, 1 / 3, 2 / 3, 1.0):
        for c in (0, 1 / 3, 2 / 3, 1.0):
            weights = np.zeros((16, 16), np.uint16)
            for i in range(6):
                own, other = (h, 1 - h) if i < 3 else (1 - c, c)
                row = np.concatenate((base[i, :6] * own, base[i, 6:] * other)) * 65535
                weights[i, 6:] = yk.stages.upscale_to_u16(row.astype(np.uint16), backend="reference")
            state = yk.SubnetState(
                yk.SparseRows.from_dense(weights), yk.SparseRows.empty(16), yk.stake_from_rao(rao), [1] * 16, [0] * 16,
                [True] * 6 + [False] * 10, 1,
            )  # fmt: skip
            emission = yk.epoch(state, rules, emission=10**18, backend="reference").emission.astype(float)
            majors = emission[:3].sum() + emission[6:12].sum()
            assert (got["major_weight"][at], got["minor_weight"][at]) == (h, c)
            assert got["major_emission"][at] == pytest.approx(majors / emission.sum(), abs=1e-12)
            w = weights[:6, 6:] / np.maximum(weights[:6, 6:].sum(axis=1, keepdims=True), 1)
            mean = stake @ w
            assert got["weight_deviation"][at] == pytest.approx((stake @ np.abs(mean - w)).sum() / mean.sum(), rel=1e-12)
            at += 1
    assert at == 16


def same(a: Guarantee, b: Guarantee) -> bool:
    return list(a.table) == list(b.table) and all(a.table[name].tobytes() == b.table[name].tobytes() for name in a.table)


def test_results_do_not_depend_on_the_workers() -> None:
    alone = guarantee(**SMALL)
    with ThreadPoolExecutor(3) as threads:
        assert same(guarantee(**SMALL, executor=threads), alone)
    with ProcessPoolExecutor(2) as processes:
        assert same(guarantee(**SMALL, executor=processes), alone)
    with pytest.raises(yk.InputError, match=r"executor: expected one of concurrent.futures, or like it, got int"):
        guarantee(**SMALL, executor=2)  # type: ignore[arg-type]

    class Client:  # of dask.distributed: what its submit gives is no future of concurrent.futures
        submit = get_executor = print

    with pytest.raises(yk.InputError, match=r"got Client; a client of dask has one: client.get_executor\(\)"):
        guarantee(**SMALL, executor=Client())  # type: ignore[arg-type]


def test_folder_keeps_what_was_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = guarantee(**SMALL)
    with pytest.raises(Stopped):
        guarantee(**SMALL, folder=tmp_path / "a", progress=stopping(1, 2))
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert len(files) == 2  # the study and one chunk
    computed = counted(monkeypatch, guarantee_map)
    assert same(guarantee(**SMALL, folder=tmp_path / "a"), alone)
    assert len(computed) == 1
    assert same(guarantee(**SMALL, folder=tmp_path / "a"), alone)
    assert len(computed) == 1
    with pytest.raises(yk.InputError) as caught:
        guarantee(**{**SMALL, "seed": 1}, folder=tmp_path / "a")
    assert caught.value.field == "folder"


def test_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("kept")
    with pytest.raises(yk.InputError) as caught:
        guarantee(**SMALL, folder=tmp_path)
    assert caught.value.field == "folder"
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def _killer(chunk: Any) -> Any:
    """Kills its process at the first chunk that a marker does not stop it for."""
    marker = Path(chunk["marker"])
    if chunk["k"] == 1 and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return {"x": np.full(3, chunk["k"])}


def test_killed_process_loses_its_chunk_alone(tmp_path: Path) -> None:
    chunks = [{"k": k, "marker": str(tmp_path / "marker")} for k in range(6)]
    with ProcessPoolExecutor(1) as pool, pytest.raises(Exception, match="terminated abruptly"):
        engine.run(_killer, chunks, executor=pool, folder=tmp_path / "kept")
    kept = list((tmp_path / "kept").glob("chunk-*.npz"))
    assert [path.name[:11] for path in kept] == ["chunk-00000"]
    with ProcessPoolExecutor(1) as pool:
        results = engine.run(_killer, chunks, executor=pool, folder=tmp_path / "kept")
    assert [result["x"].tolist() for result in results] == [[k] * 3 for k in range(6)]


@pytest.fixture
def cluster() -> Iterator[Any]:
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.mark.filterwarnings("ignore")  # what distributed says of a worker that was killed
def test_dask_workers_of_which_one_is_killed(cluster: Any, tmp_path: Path) -> None:
    alone = guarantee(**SMALL, sigma=0.3)
    killed: list[int] = []

    def kill(done: int, _: int) -> None:
        if done == 1 and not killed:
            killed.append(next(iter(cluster.run(os.getpid).values())))
            os.kill(killed[0], signal.SIGKILL)

    got = guarantee(**SMALL, sigma=0.3, executor=cluster.get_executor(), progress=kill)
    assert killed
    assert same(got, alone)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"stakes": [0.5, 1.0]}, "stakes"), ({"stakes": [0]}, "stakes"), ({"steps": 0}, "steps"), ({"sigma": -1}, "sigma"),
        ({"sigma": float("nan")}, "sigma"), ({"validators": 1}, "validators"), ({"kappa": 65536}, "kappa"),
        ({"profile": 446}, "profile"), ({"seed": -1}, "seed"), ({"ratio": 1}, "ratio"), ({"ratio": float("nan")}, "ratio"),
        ({"progress": 3}, "progress"), ({"kappa": 1.0}, "kappa"), ({"bonds_penalty": 0.5}, "bonds_penalty"),
        ({"sigma": 50.0}, "sigma"), ({"sigma": "x"}, "sigma"), ({"ratio": "S"}, "ratio"), ({"stakes": 0.6}, "stakes"),
        ({"stakes": "0.6"}, "stakes"), ({"stakes": ["0.6"]}, "stakes"), ({"stakes": []}, "stakes"),
        ({"stakes": None}, "stakes"),
    ],
)  # fmt: skip
def test_what_is_refused(given: dict[str, Any], field: str) -> None:
    with pytest.raises(yk.InputError) as caught:
        guarantee(**{**SMALL, **given})
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"stakes": "0.6"}, "stakes"), ({"stakes": None}, "stakes"), ({"sigma": [[0.1]]}, "sigma"),
        ({"kappa": [{}]}, "kappa"),
        ({"ratio": "S"}, "ratio"), ({"stakes": []}, "stakes"), ({"sigma": [0.1, 0.1]}, "sigma"),
    ],
)  # fmt: skip
def test_what_a_retention_refuses(given: dict[str, Any], field: str) -> None:
    with pytest.raises(yk.InputError) as caught:
        retention(**{"steps": 2, **given})
    assert caught.value.field == field


def test_a_noise_that_leaves_a_side_without_weights() -> None:
    """Its parts would be parts of nothing: neither a number that nobody asked for, nor a warning of NumPy."""
    with pytest.raises(yk.InputError, match=r"sigma: .*some weight.* got 9.0 with 4 and 4 uids"):
        guarantee(steps=2, validators=4, servers=4, sigma=9.0)
    with pytest.raises(yk.InputError, match="sigma"):
        retention(steps=2, validators=4, servers=4, sigma=9.0)
    assert len(guarantee(steps=2, validators=4, servers=400, sigma=9.0)) == 11 * 9


def test_who_gets_just_its_part_keeps_it() -> None:
    table = {
        "stake": [0.6] * 4, "major_weight": [0.5, 0.5, 1, 1], "minor_weight": [0, 1, 0, 1], "weight_deviation": [0] * 4,
        "major_emission": [0.7, 0.59, 0.6, 0.7],
    }  # fmt: skip
    study = Guarantee({name: np.array(column) for name, column in table.items()}, {})
    assert study.retention(0.6) == 1


def test_a_study_of_another_schema_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = guarantee(**SMALL)
    with monkeypatch.context() as patch:
        patch.setattr("yuma_kernel.studies.result.SCHEMA", 2)
        study.save(tmp_path / "later.npz")
    with pytest.raises(yk.InputError, match=r"expected Guarantee of schema 1, got .*of schema 2"):
        Guarantee.load(tmp_path / "later.npz")


def test_a_stop_takes_back_what_waits(tmp_path: Path) -> None:
    """Chunks that nobody has begun are not computed for nobody."""
    futures = [Future[Any]() for _ in range(3)]
    futures[0].set_result({"x": np.zeros(1)})
    given = iter(futures)

    class Slow(Executor):
        def submit(self, *_: Any, **__: Any) -> Future[Any]:
            return next(given)

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        engine.run(_killer, [{"marker": str(tmp_path), "k": k} for k in range(3)], executor=Slow(), progress=stop)
    assert [future.cancelled() for future in futures] == [False, True, True]


def test_a_map_says_what_it_held() -> None:
    assert "; sigma 0.4, kappa 0.5, bonds penalty 1, ratio S, profile 475, seed 425" in str(guarantee(**SMALL))
    said = str(guarantee(**{**SMALL, "bonds_penalty": 1, "ratio": 0.5}))
    assert "bonds penalty 1.526e-05, ratio 0.5" in said


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"stakes": 1.5}, "stakes"), ({"stakes": []}, "stakes"), ({"kappa": []}, "kappa"), ({"kappa": [5, 5]}, "kappa"),
        ({"kappa": [5, 70000]}, "kappa"), ({"sigma": [0.1, -1]}, "sigma"), ({"ratio": [0.5, 0]}, "ratio"),
        ({"profile": [425, 446]}, "profile"),
    ],
)  # fmt: skip
def test_what_a_sweep_refuses(given: dict[str, Any], field: str) -> None:
    with pytest.raises(yk.InputError) as caught:
        retention(**given)
    assert caught.value.field == field


def test_progress(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, int]] = []
    guarantee(**SMALL, progress=lambda done, of: seen.append((done, of)))
    assert seen == [(1, 2), (2, 2)]
    assert capsys.readouterr().err == ""
    pytest.importorskip("tqdm")
    guarantee(**SMALL, progress=True)
    assert "guarantee: 100%" in capsys.readouterr().err
    retention(steps=4, validators=4, servers=4, progress=True)
    assert "retention: 100%" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    with pytest.raises(ImportError, match=r"pip install 'yuma-kernel\[studies\]'"):
        guarantee(**SMALL, progress=True)


def test_one_core_computes_without_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    names: set[str] = set()

    def compute(chunk: Any) -> Any:
        names.add(threading.current_thread().name)
        return {"x": np.array([chunk["k"]])}

    chunks = [{"k": k} for k in range(5)]
    for cores, expected in ((1, {"MainThread"}), (3, {f"yuma-kernel-study_{k}" for k in range(3)})):
        names.clear()
        monkeypatch.setattr(engine, "thread_count", lambda _, cores=cores: cores)
        assert [result["x"][0] for result in engine.run(compute, chunks)] == [0, 1, 2, 3, 4]
        assert names <= expected


class _Later(Executor):
    """Computes nothing until its results are waited for, and counts what is submitted by then."""

    def __init__(self) -> None:
        self.most = 0
        self._open: list[tuple[Future[Any], Any, Any]] = []

    def submit(self, fn: Any, /, *args: Any, **more: Any) -> Future[Any]:
        self._open.append((Future(), fn, args))
        return self._open[-1][0]

    def wait(self, *args: Any, **more: Any) -> Any:
        self.most = max(self.most, len(self._open))
        while self._open:
            future, fn, given = self._open.pop()
            future.set_result(fn(*given))
        return wait(*args, **more)


def test_chunks_that_are_large_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def compute(chunk: Any) -> Any:
        return {"x": np.array([chunk["k"]])}

    monkeypatch.setattr(engine, "BYTES_AHEAD", 60_000)
    for length, expected in ((0, 58), (9_000, 5), (100_000, engine.LEAST_AHEAD)):
        executor, text = _Later(), "x" * length
        monkeypatch.setattr(engine, "wait", executor.wait)
        chunks = [{"k": k, "text": text} for k in range(70)]
        assert [result["x"][0] for result in engine.run(compute, chunks, executor=executor)] == list(range(70))
        assert executor.most == expected


def test_a_folder_knows_long_texts_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are digested once, however many chunks have them."""
    hashed: list[Any] = []
    digest = engine._digest

    def digested(value: Any) -> str:
        hashed.append(value)
        return digest(value)

    monkeypatch.setattr(engine, "_digest", digested)
    texts = ["a" * 2000 + end for end in "xy"]
    chunks = [{"marker": str(tmp_path), "k": k, "text": text} for text in texts for k in (0, 2)]
    engine.run(_killer, chunks, folder=tmp_path / "kept", threads=False)
    assert [value for value in hashed if isinstance(value, str)] == texts
    assert max(len(repr(value)) for value in hashed if not isinstance(value, str)) < 1000
    assert len(list((tmp_path / "kept").glob("chunk-*"))) == 4
    with pytest.raises(yk.InputError, match="another study"):
        engine.run(_killer, [{**chunk, "text": texts[0]} for chunk in chunks], folder=tmp_path / "kept")


def test_picture_has_a_line_for_each_stake() -> None:
    matplotlib: Any = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    study = guarantee(**SMALL)
    _, ax = pyplot.subplots()
    assert study.plot(ax) is ax
    levels = [float(level) for lines in ax.collections for level in lines.levels]
    assert levels == [0.6, 0.9]
    assert "W_H" in ax.get_xlabel()
    with pytest.raises(yk.InputError):
        study.retention(0.7)
    pyplot.close("all")
