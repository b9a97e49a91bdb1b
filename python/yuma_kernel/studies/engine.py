"""How a study runs: chunks that depend on their parameters alone, over any executor, kept in a folder as they come.

A chunk is a dict that JSON can hold. What computes it is a function of the package, so that another process finds it by
name; it makes its inputs where it runs, and its result is arrays. So results do not depend on how many workers there are,
and a chunk that was lost is computed again. `dask.distributed` has such an executor too: `Client(address).get_executor()`.
Without one, threads compute, one a core: the kernel runs without the GIL.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any, Final, Protocol, cast

import numpy as np

from yuma_kernel import __version__
from yuma_kernel.arrays import AnyArray
from yuma_kernel.errors import InputError
from yuma_kernel.extras import extra
from yuma_kernel.files import write
from yuma_kernel.pool import thread_count

AHEAD: Final = 64
"""The most chunks that are submitted and not yet finished: a stop loses no more."""
BYTES_AHEAD: Final = 256 * 2**20
"""The most bytes of chunks that are submitted and not finished, as a cluster holds each; `LEAST_AHEAD` chunks always are."""
LEAST_AHEAD: Final = 4

Chunk = Mapping[str, Any]
Arrays = dict[str, AnyArray]
Progress = bool | Callable[[int, int], object]
"""How far a study has come: True for a bar on standard error, or what is called with how much is done and of how much."""


class Compute(Protocol):
    """Computes a chunk; the same chunk gives the same bits wherever it runs."""

    __module__: str
    __qualname__: str

    def __call__(self, chunk: Chunk) -> Arrays: ...


def run(
    compute: Compute,
    chunks: Sequence[Chunk],
    *,
    executor: Executor | None = None,
    folder: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    label: str = "",
    threads: bool = True,
) -> list[Arrays]:
    """What `compute` gives for every chunk, in their order.

    Args:
        compute: a function of a module.
        chunks: what it is given; each is another.
        executor: of `concurrent.futures` or like it; None: threads of this process, one a core.
        folder: where finished chunks are kept, each at once or not at all. Those of the same study that stand there already
            are taken and not computed again, whatever was computed beside them.
        progress: True for a bar (extra `studies`), or called with the number of chunks that are there and of all; what it
            raises ends the run, and the folder keeps what was finished.
        label: what the bar says; else what the module of `compute` is called.
        threads: whether threads help without an executor; not where chunks are many small calls, which hold the GIL.

    Raises:
        InputError: `folder` is of another study; `executor` is none. ImportError: a bar without tqdm. What `compute` raises.
    """
    kept = None if folder is None else _Folder(Path(folder), compute, chunks)
    results: list[Arrays | None] = [None if kept is None else kept.load(k) for k in range(len(chunks))]
    left = [k for k, result in enumerate(results) if result is None]
    done = len(chunks) - len(left)

    with reporting(progress, len(chunks), label or compute.__module__.rpartition(".")[2].replace("_", " ")) as report:

        def finished(k: int, result: Arrays) -> None:
            nonlocal done
            if kept is not None:
                kept.save(k, result)
            results[k] = result
            done += 1
            report(done)

        if done:
            report(done)
        workers = min(thread_count(None) if threads else 1, len(left))
        if executor is not None:
            if not callable(getattr(executor, "submit", None)) or hasattr(executor, "get_executor"):
                client = "; a client of dask has one: client.get_executor()" if hasattr(executor, "get_executor") else ""
                rule = f"expected one of concurrent.futures, or like it, got {type(executor).__name__}{client}"
                raise InputError("executor", rule)
            _spread(compute, chunks, left, executor, finished)
        elif workers > 1:
            with ThreadPoolExecutor(workers, "yuma-kernel-study") as pool:
                _spread(compute, chunks, left, pool, finished)
        else:
            for k in left:
                finished(k, compute(chunks[k]))
    return cast("list[Arrays]", results)


@contextlib.contextmanager
def reporting(progress: Progress | None, total: int, label: str) -> Iterator[Callable[[int], object]]:
    """What a study calls with how much of `total` is done.

    Raises:
        InputError: `progress` is neither a boolean nor callable. ImportError: a bar without tqdm.
    """
    if progress is None or progress is False:
        yield lambda done: None
    elif progress is True:
        with extra("tqdm.auto", "studies").tqdm(total=total, desc=label, unit="part") as bar:
            yield lambda done: bar.update(done - bar.n)
    elif callable(progress):
        call = progress
        yield lambda done: call(done, total)
    else:
        raise InputError("progress", f"expected True, False or a callable, got {type(progress).__name__}")


def _spread(
    compute: Compute, chunks: Sequence[Chunk], left: list[int], executor: Executor, finished: Callable[[int, Arrays], None]
) -> None:
    waiting: dict[Future[Arrays], int] = {}
    ahead: Iterator[int] = iter(left)
    most = max(LEAST_AHEAD, min(AHEAD, BYTES_AHEAD // max((_size(chunks[k]) for k in left), default=1)))
    try:
        while True:
            while len(waiting) < most and (k := next(ahead, None)) is not None:
                waiting[executor.submit(compute, chunks[k])] = k
            if not waiting:
                return
            for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                finished(waiting.pop(future), future.result())
    finally:
        for future in waiting:
            future.cancel()


def _size(chunk: Chunk) -> int:
    """About as many bytes as it takes to another process: what is large in one is text."""
    return 1024 + sum(len(value) for value in chunk.values() if isinstance(value, str))


class _Folder:
    """The finished chunks of one study; a file each, and one that says of which study."""

    def __init__(self, path: Path, compute: Compute, chunks: Sequence[Chunk]) -> None:
        self._path = path
        name = f"{compute.__module__}.{compute.__qualname__}"
        texts: dict[int, str] = {}  # digests of what is long, and the same object in many chunks
        self._digests = [_digest([name, __version__, _shortened(chunk, texts)]) for chunk in chunks]
        about = {"study": name, "yuma_kernel": __version__, "chunks": len(chunks), "digest": _digest(self._digests)}
        path.mkdir(parents=True, exist_ok=True)
        said = path / "study.json"
        text = json.dumps(about, indent=1) + "\n"
        if said.exists():
            if said.read_text(encoding="utf-8") != text:
                raise InputError(
                    "folder", f"{path} holds chunks of another study or version, as {said} says: remove it or name another"
                )
        elif any(path.iterdir()):
            raise InputError("folder", f"{path} is neither empty nor of a study")
        else:
            write(said, text.encode())

    def _file(self, k: int) -> Path:
        return self._path / f"chunk-{k:05d}-{self._digests[k][:16]}.npz"

    def load(self, k: int) -> Arrays | None:
        """A finished chunk, or None."""
        try:
            with np.load(self._file(k), allow_pickle=False) as file:
                return {name: file[name] for name in file.files}
        except FileNotFoundError:
            return None

    def save(self, k: int, result: Arrays) -> None:
        content = io.BytesIO()
        np.savez(content, **cast(Any, result))
        write(self._file(k), content.getvalue())


def _shortened(chunk: Chunk, known: dict[int, str]) -> dict[str, Any]:
    """The chunk with digests in place of long texts."""
    out = dict(chunk)
    for name, value in chunk.items():
        if isinstance(value, str) and len(value) > 1024:
            out[name] = known[id(value)] if id(value) in known else known.setdefault(id(value), _digest(value))
    return out


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
