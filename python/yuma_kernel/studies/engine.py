"""How a study runs: chunks that depend on their parameters alone, over any executor, kept in a folder as they come.

A chunk is a dict that JSON can hold. What computes it is a function of the package, so that another process finds it by
name; it makes its inputs where it runs, and its result is arrays. So results do not depend on how many workers there are,
and a chunk that was lost is computed again. `dask.distributed` has such an executor too: `Client(address).get_executor()`.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from pathlib import Path
from typing import Any, Final, Protocol, cast

import numpy as np

from yuma_kernel import __version__
from yuma_kernel.arrays import AnyArray
from yuma_kernel.errors import InputError

AHEAD: Final = 64
"""The most chunks that are submitted and not yet finished: a stop loses no more."""

Chunk = Mapping[str, Any]
Arrays = dict[str, AnyArray]
Progress = Callable[[int, int], object]


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
) -> list[Arrays]:
    """What `compute` gives for every chunk, in their order.

    Args:
        compute: a function of a module.
        chunks: what it is given; each is another.
        executor: of `concurrent.futures` or like it; None computes here, one after the other.
        folder: where finished chunks are kept, each at once or not at all. Those of the same study that stand there already
            are taken and not computed again, whatever was computed beside them.
        progress: called with the number of chunks that are there and of all; what it raises ends the run, and the folder
            keeps what was finished.

    Raises:
        InputError: `folder` is of another study. What `compute` raises.
    """
    kept = None if folder is None else _Folder(Path(folder), compute, chunks)
    results: list[Arrays | None] = [None if kept is None else kept.load(k) for k in range(len(chunks))]
    left = [k for k, result in enumerate(results) if result is None]
    done = len(chunks) - len(left)

    def finished(k: int, result: Arrays) -> None:
        nonlocal done
        if kept is not None:
            kept.save(k, result)
        results[k] = result
        done += 1
        if progress is not None:
            progress(done, len(chunks))

    if progress is not None and done:
        progress(done, len(chunks))
    if executor is None:
        for k in left:
            finished(k, compute(chunks[k]))
    else:
        _spread(compute, chunks, left, executor, finished)
    return cast("list[Arrays]", results)


def _spread(
    compute: Compute, chunks: Sequence[Chunk], left: list[int], executor: Executor, finished: Callable[[int, Arrays], None]
) -> None:
    waiting: dict[Future[Arrays], int] = {}
    ahead: Iterator[int] = iter(left)
    try:
        while True:
            while len(waiting) < AHEAD and (k := next(ahead, None)) is not None:
                waiting[executor.submit(compute, chunks[k])] = k
            if not waiting:
                return
            for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                finished(waiting.pop(future), future.result())
    finally:
        for future in waiting:
            future.cancel()


class _Folder:
    """The finished chunks of one study; a file each, and one that says of which study."""

    def __init__(self, path: Path, compute: Compute, chunks: Sequence[Chunk]) -> None:
        self._path = path
        name = f"{compute.__module__}.{compute.__qualname__}"
        self._digests = [_digest([name, __version__, dict(chunk)]) for chunk in chunks]
        about = {"study": name, "yuma_kernel": __version__, "chunks": len(chunks), "digest": _digest(self._digests)}
        path.mkdir(parents=True, exist_ok=True)
        said = path / "study.json"
        text = json.dumps(about, indent=1) + "\n"
        if said.exists():
            if said.read_text(encoding="utf-8") != text:
                raise InputError("folder", f"{path} holds chunks of another study, or of another version: {said}")
        elif any(path.iterdir()):
            raise InputError("folder", f"{path} is neither empty nor of a study")
        else:
            _write(said, text.encode())

    def _file(self, k: int) -> Path:
        return self._path / f"chunk-{k:05d}-{self._digests[k][:16]}.npz"

    def load(self, k: int) -> Arrays | None:
        """A finished chunk, or None; a file that cannot be read is one that was not finished."""
        try:
            with np.load(self._file(k), allow_pickle=False) as file:
                return {name: file[name] for name in file.files}
        except FileNotFoundError:
            return None

    def save(self, k: int, result: Arrays) -> None:
        import io

        content = io.BytesIO()
        np.savez(content, **cast(Any, result))
        _write(self._file(k), content.getvalue())


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _write(path: Path, content: bytes) -> None:
    """At once or not at all."""
    temporary = path.with_name(f".{path.name}-{secrets.token_hex(8)}.tmp")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
