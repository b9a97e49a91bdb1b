"""What tests of a study's folder share: a run that is stopped, and the chunks that are computed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


class Stopped(Exception):
    """What a progress callback ends a run with."""


def stopping(after: int, of: int) -> Callable[[int, int], None]:
    """A progress callback that ends the run when `after` of its `of` chunks are there."""

    def stop(done: int, total: int) -> None:
        assert total == of
        if done == after:
            raise Stopped

    return stop


def counted(monkeypatch: pytest.MonkeyPatch, module: Any) -> list[Any]:
    """The chunks that `module.cells` computes from now on; a folder takes it for what it was."""
    computed: list[Any] = []
    original = module.cells

    def cells(chunk: Any) -> Any:
        computed.append(chunk)
        return original(chunk)

    cells.__module__, cells.__qualname__ = original.__module__, original.__qualname__
    monkeypatch.setattr(module, "cells", cells)
    return computed
