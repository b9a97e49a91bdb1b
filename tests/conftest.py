"""What every test may ask for: the backends, and the real subnets beside the project."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import yuma_kernel as yk
from variants import VARIANTS, using
from yuma_kernel.epoch import load_backend


def _available(name: str) -> str:
    try:
        load_backend(name)
    except yk.BackendUnavailable as error:
        if os.environ.get("CI"):  # where a backend may be missing is decided by whoever asks, never by accident
            raise
        pytest.skip(str(error))
    return name


@pytest.fixture(params=list(yk.BACKENDS))
def backend(request: pytest.FixtureRequest) -> str:
    """Each backend of the registry in turn."""
    return _available(request.param)


@pytest.fixture(params=[name for name in yk.BACKENDS if name != "reference"])
def compiled(request: pytest.FixtureRequest) -> str:
    """Each backend that is held to the reference."""
    return _available(request.param)


@pytest.fixture(scope="session")
def backends() -> list[str]:
    """Every backend that is here."""
    available = []
    for name in yk.BACKENDS:
        with contextlib.suppress(yk.BackendUnavailable):
            load_backend(name)
            available.append(name)
    return available


@pytest.fixture(params=VARIANTS)
def variant(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each backend, and of the C backend each instruction set in turn; selected while the test runs."""
    _available(request.param.partition("/")[0])
    with using(request.param):
        yield request.param


@pytest.fixture(scope="session")
def variants() -> list[str]:
    """Every variant whose backend is here."""
    available = []
    for name in VARIANTS:
        try:
            load_backend(name.partition("/")[0])
        except yk.BackendUnavailable:
            continue
        available.append(name)
    return available


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real subnets, which is never part of the project."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"the real subnets are not here: {folder}")
    return folder
