"""What every test may ask for: the backends, and the real subnets beside the project."""

from __future__ import annotations

from pathlib import Path

import pytest

import yuma_kernel as yk


@pytest.fixture(params=list(yk.BACKENDS))
def backend(request: pytest.FixtureRequest) -> str:
    """Each backend of the registry in turn."""
    name: str = request.param
    return name


@pytest.fixture(params=[name for name in yk.BACKENDS if name != "reference"])
def compiled(request: pytest.FixtureRequest) -> str:
    """Each backend that is held to the reference."""
    name: str = request.param
    return name


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real subnets, which is never part of the project."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"the real subnets are not here: {folder}")
    return folder
