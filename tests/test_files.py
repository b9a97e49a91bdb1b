"""Whatever is saved replaces a file at once or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from yuma_kernel.files import write
from yuma_kernel.studies import Guarantee, generated_series

STUDY = Guarantee({"stake": np.array([0.6])}, {"parameters": {}})
SERIES = generated_series(epochs=2, validators=2, servers=3)


@pytest.mark.parametrize(
    "save", [lambda path: write(path, b"new"), STUDY.save, SERIES.save], ids=["bytes", "study", "series"]
)
@pytest.mark.parametrize("broken", ["fsync", "replace"])
def test_a_save_that_fails_changes_nothing(
    save: Callable[[Any], None], broken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, broken, fail)
        with pytest.raises(OSError, match="No space"):
            save(path)
    assert (path.read_bytes(), os.listdir(tmp_path)) == (b"old", ["a"])
    save(os.fsencode(path))
    assert path.read_bytes() != b"old"
    assert os.listdir(tmp_path) == ["a"]


def test_the_file_that_is_named_is_the_one_that_was_asked_for(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere" / "a", tmp_path):
        with pytest.raises((FileNotFoundError, IsADirectoryError), match=r"\w") as caught:
            write(path, b"new")
        assert str(caught.value).endswith(f"] {caught.value.strerror}: {str(path)!r}")
        assert os.listdir(tmp_path) == []
