"""Packages that are not required: imported where they are used, with an error that names the extra."""

from __future__ import annotations

import importlib
from typing import Any, Final

COLORS: Final = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#bbbbbb")
"""Of lines in a picture, told apart by everybody's eyes."""


def extra(module: str, name: str | None = None) -> Any:
    """A module of the extra `name`, or one that is in no extra.

    Raises:
        ImportError: it is not installed; the message names the extra, or the package.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        wanted = f"'yuma-kernel[{name}]'" if name else package
        raise ImportError(f"this needs {package}: pip install {wanted}") from error


def axes(ax: Any) -> Any:
    """`ax`, or the axes of a new figure."""
    return extra("matplotlib.pyplot", "plots").subplots(figsize=(8, 5), layout="constrained")[1] if ax is None else ax
