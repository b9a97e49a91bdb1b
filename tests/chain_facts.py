"""The facts of the main network beside the project: real metadata, layouts, a recorded answer."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "shared" / "chain"
METADATA = {"343 V14": "metadata_343_v14", "343 V15": "metadata_343_v15", "424 V16": "metadata_424_v16"}


def _path(name: str) -> Path:
    if not (FOLDER / name).exists():
        pytest.skip(f"the facts of the main network are not here: {FOLDER / name}")
    return FOLDER / name


def unpacked(name: str) -> bytes:
    """A recorded file; skips where it is missing."""
    return gzip.decompress(_path(f"{name}.scale.gz").read_bytes())


def storage_facts() -> dict[str, Any]:
    """By item: hashers, key, value, modifier, default, runtimes."""
    facts: dict[str, Any] = json.loads(_path("storage.json").read_text())
    return facts
