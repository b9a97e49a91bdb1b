"""The float epoch as the field's torch simulators have it: float32 tensors on the CPU, the consensus by halving."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np

from yuma_kernel.extras import extra
from yuma_kernel.studies.floats import Consensus, FloatInputs, Outputs, epoch_by


def library() -> Any:
    """torch.

    Raises:
        ImportError: it is not installed; the message says how to.
    """
    return extra("torch")


def torch_epoch(inputs: FloatInputs, *, consensus: Consensus = "halving") -> Outputs:
    """The epoch in float32 tensors, of inputs in NumPy's arrays of any precision.

    Args:
        consensus: as for `yuma_kernel.studies.float_epoch`.

    Returns:
        As `yuma_kernel.studies.float_epoch`, in NumPy's arrays.

    Raises:
        InputError: no such `consensus`. ImportError: torch is not installed.
    """
    torch, single = library(), inputs.astype(np.float32)
    tensors: dict[str, Any] = {
        f.name: torch.tensor(value, device="cpu")
        for f in fields(single)
        if isinstance(value := getattr(single, f.name), np.ndarray)
    }
    return {name: np.asarray(value) for name, value in epoch_by(torch, replace(single, **tensors), consensus).items()}
