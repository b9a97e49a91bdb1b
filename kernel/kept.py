"""The memory that a thread keeps from one call of the C kernel to the next, which saves it the filling of new pages.

It lies on a desk. A call takes the desk of its thread away for as long as it lasts: another call of the same thread, from a
signal handler or a finalizer that comes in between, finds none and has one of its own. No lock is held anywhere, so that
nothing waits for what was interrupted; each step is one operation of a list.
"""

from __future__ import annotations

import contextlib
import mmap
import threading
import weakref
from typing import Any, Final

from yuma_kernel.kernel._yuma import ffi

WORKSPACE_BYTES: Final = 192 * 2**20
OUTPUTS_BYTES: Final = 32 * 2**20
BATCH_BYTES: Final = 32 * 2**20
"""The most of each that a thread keeps, 256 MiB together; what is larger goes with the call that asked for it."""

_MAPPED_BYTES: Final = 2**20

_malloc = ffi.new_allocator(should_clear_after_alloc=False)


def allocate(size: int) -> Any:
    """`unsigned char[]`, of any content. A large one is mapped for itself: it is the system's again as soon as nothing holds
    it, and may have large pages."""
    if size < _MAPPED_BYTES:
        return _malloc("unsigned char[]", size)
    mapped = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)  # shared ones would be a child's too
    if hasattr(mmap, "MADV_HUGEPAGE"):
        with contextlib.suppress(OSError):  # a system without them
            mapped.madvise(mmap.MADV_HUGEPAGE)
    return ffi.from_buffer("unsigned char[]", mapped)


class Desk:
    """The memory of one call at a time: a workspace, the outputs of one epoch, and those of a batch."""

    __slots__ = ("batch", "outputs", "size", "workspace")

    def __init__(self) -> None:
        self.workspace, self.size = None, 0
        self.outputs: Any = None
        self.batch: list[Any] = []

    def spread(self, size: int) -> Any:
        """The workspace, of `size` bytes at least; `self.size` says of how many."""
        if self.size < size:
            self.workspace, self.size = None, 0  # before there is another one, which there may be no memory for
            self.workspace, self.size = allocate(size), size
        return self.workspace


class Place(list[Desk]):
    """Where the desk of a thread stands while no call has it. Another thread may clear it at any time."""

    __slots__ = ("__weakref__",)


of_thread: Final = threading.local()
_places: Final[dict[int, weakref.ref[Place]]] = {}


def new_place() -> Place:
    """Of this thread, which has none yet; from then on it is `of_thread.place`."""
    place = of_thread.place = Place()
    key = id(place)
    _places[key] = weakref.ref(place, lambda _, forget=_places.pop: forget(key, None))  # type: ignore[misc]
    return place


def take() -> Desk:
    """The desk of this thread, which then has none, or a new one."""
    try:
        return of_thread.place.pop()  # type: ignore[no-any-return]
    except (AttributeError, IndexError):
        return Desk()


def put(desk: Desk) -> None:
    """Back after use, unless that of a call which came in between stands there."""
    if desk.size > WORKSPACE_BYTES:
        desk.workspace, desk.size = None, 0
    if desk.outputs is not None and desk.outputs.size > OUTPUTS_BYTES:
        desk.outputs = None
    try:
        place = of_thread.place
    except AttributeError:
        place = new_place()
    if not place:
        place.append(desk)


def put_batch(desk: Desk) -> None:
    """The same after a batch."""
    if sum(outputs.size for outputs in desk.batch) > BATCH_BYTES:
        desk.batch = []
    put(desk)


def release() -> None:
    """Gives back what all threads keep and do not use at this moment."""
    for reference in list(_places.values()):
        place = reference()
        if place is not None:
            place.clear()
