"""Threads that stay for the next call, and work that is spread over them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from queue import Empty, SimpleQueue
from typing import ClassVar, Final, TypeVar

from yuma_kernel.arrays import integer

_T = TypeVar("_T")

MAX_THREADS: Final = 1024


def thread_count(threads: object) -> int:
    """`threads` of a call: at most so many, 1 to 1024; None: as many as this process has cores."""
    return _available_cores() if threads is None else integer("threads", threads, 1, MAX_THREADS)


def _available_cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS has none
        return os.cpu_count() or 1


class _Worker:
    """A thread that computes what stands in its inbox, one thing after the other, and is idle otherwise.

    A call may come from a signal handler or a finalizer, in the midst of another one of the same thread. Hence no lock: a
    worker is taken by one operation of a list, and told by one of a queue that is made for this.
    """

    idle: ClassVar[list[_Worker]] = []

    def __init__(self) -> None:
        self.inbox: SimpleQueue[Callable[[], None]] = SimpleQueue()
        threading.Thread(target=self._serve, name="yuma-kernel", daemon=True).start()

    def _serve(self) -> None:
        while True:
            work = self.inbox.get()
            work()
            del work  # it holds inputs and results
            self.idle.append(self)


def _forget_workers() -> None:
    _Worker.idle = []


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_workers)  # a child has none of its parent's threads


def _start(work: Callable[[], None], threads: int) -> None:
    """`work` in so many threads, or in fewer where no more can be started. They stay for the next call: to start one, and to
    fill memory that is new to the process, takes as long as several epochs."""
    for _ in range(threads):
        try:
            worker = _Worker.idle.pop()
        except IndexError:
            try:
                worker = _Worker()
            except RuntimeError:  # no more threads in this process, or the interpreter is ending
                return
        worker.inbox.put(work)


def spread(
    batches: Iterable[_T], work: Callable[[_T], object], workers: int, finished: Callable[[_T], object] | None = None
) -> None:
    """`work` on every batch, in at most so many threads, of which this is one.

    `batches` is iterated in this thread alone, no more than two batches a thread ahead of what is computed, so that what it
    raises is raised whatever the others do. This thread computes too, where the others have enough to do. `finished` is
    called in this thread, with each batch that is done, as it finds time. Whatever raises ends the whole, after the batches
    that are just being computed: when this returns, or raises, no other thread works on any.
    """
    tasks: SimpleQueue[_T | None] = SimpleQueue()
    done: SimpleQueue[tuple[_T, BaseException | None]] = SimpleQueue()
    outstanding = 0

    def worker() -> None:
        while True:
            batch = tasks.get()
            if batch is None:
                return
            try:
                work(batch)
            except BaseException as error:
                done.put((batch, error))
            else:
                done.put((batch, None))

    def collect(wait: bool) -> bool:
        nonlocal outstanding
        try:
            batch, error = done.get(wait)
        except Empty:
            return False
        outstanding -= 1
        if error is not None:
            raise error
        if finished is not None:
            finished(batch)
        return True

    def compute(batch: _T) -> None:
        work(batch)
        if finished is not None:
            finished(batch)

    coming, more = iter(batches), True
    try:
        _start(worker, workers - 1)
        while more or outstanding:
            while outstanding and collect(wait=False):
                pass
            if more and outstanding < 2 * workers:
                try:
                    batch = next(coming)
                except StopIteration:
                    more = False
                    continue
                if workers == 1:
                    compute(batch)
                    continue
                tasks.put(batch)
                outstanding += 1
                continue
            try:
                mine = tasks.get_nowait()
            except Empty:
                if outstanding:
                    collect(wait=True)
                continue
            assert mine is not None  # which comes after all batches
            outstanding -= 1
            compute(mine)
    finally:
        try:
            while True:
                tasks.get_nowait()
                outstanding -= 1
        except Empty:
            pass
        for _ in range(workers - 1):
            tasks.put(None)
        for _ in range(outstanding):
            done.get()
