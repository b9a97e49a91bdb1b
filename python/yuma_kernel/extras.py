"""Packages that are not required: imported where they are used, with an error that names the extra."""

from __future__ import annotations

import importlib
from typing import Any


def extra(module: str, name: str) -> Any:
    """A module of the extra `name`.

    Raises:
        ImportError: it is not installed; the message names the extra.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise ImportError(f"this needs {package}: pip install 'yuma-kernel[{name}]'") from error


def axes(ax: Any) -> Any:
    """`ax`, or the axes of a new figure."""
    return extra("matplotlib.pyplot", "plots").subplots(figsize=(8, 5), layout="constrained")[1] if ax is None else ax
