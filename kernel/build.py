"""Builds the C kernel as the extension `yuma_kernel.kernel._yuma` (cffi, API mode); run by setup.py.

Environment:
    YUMA_KERNEL_NO_INT128: if set to 1, 128-bit arithmetic in two 64-bit limbs even where the compiler has __int128.
    YUMA_KERNEL_CFLAGS: further compiler and linker flags, as for a sanitizer. With -g among them the symbols stay.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from pathlib import Path

from cffi import FFI

ROOT = Path(__file__).resolve().parent.parent
CSRC = ROOT / "csrc"


def declarations() -> str:
    """The part of yuma.h between its two marks, which is the whole contract: cffi checks it against the compiler's view."""
    header = (CSRC / "yuma.h").read_text(encoding="utf-8")
    marked = re.search(r"/\* \[cffi: from here.*?\*/(.*)/\* \[cffi: to here\] \*/", header, re.DOTALL)
    if marked is None:
        raise RuntimeError("csrc/yuma.h has lost its cffi marks")
    return marked[1].replace("YUMA_API ", "").replace("YUMA_USED ", "")


# An epoch as Python calls it, whose arrays by uid are written where they stay. Of each, `at` holds the byte of `memory` at
# which it begins, as if that were a pointer; of the bonds it holds the pointers. `memory` is aligned for uint64_t: that of a
# bytes object which nobody else has yet. The answer is the number of bonds, or below 0 that of a status.
CALL = """
#include "yuma.h"

#define WITHIN(array) (void *)((char *)memory + (uintptr_t)at->array)

static int64_t yuma_call(const yuma_state *state, const yuma_hyperparameters *hyperparameters, uint64_t emission,
                         const yuma_result *at, void *memory, yuma_trace *trace, uint32_t isa, void *workspace,
                         size_t workspace_size) {
    yuma_result result = {
        .active = WITHIN(active),
        .validator_permit = WITHIN(validator_permit),
        .stake_weight = WITHIN(stake_weight),
        .consensus = WITHIN(consensus),
        .incentive = WITHIN(incentive),
        .dividends = WITHIN(dividends),
        .validator_trust = WITHIN(validator_trust),
        .server_emission = WITHIN(server_emission),
        .validator_emission = WITHIN(validator_emission),
        .emission = WITHIN(emission),
        .bonds_indptr = WITHIN(bonds_indptr),
        .bonds_uid = at->bonds_uid,
        .bonds_value = at->bonds_value,
    };
    yuma_status status = yuma_epoch(state, hyperparameters, emission, &result, trace, isa, workspace, workspace_size);
    return status == YUMA_OK ? (int64_t)result.bonds_indptr[state->n] : -(int64_t)status;
}
"""

# What the kernel needs whatever CFLAGS and YUMA_KERNEL_CFLAGS say: it stands after them. The kernel computes in doubles,
# rounded downward: no fusing of operations, no folding as if to nearest, nothing of -ffast-math. csrc/assumptions.h refuses
# what is left of that.
REQUIRED = ["-std=c11", "-fno-fast-math", "-fno-unsafe-math-optimizations", "-ffp-contract=off", "-frounding-math"]

# Or the linker would take crtfastmath.o for some of the others: denormal numbers would be zeros in the whole process.
LINK_REQUIRED = ["-O3", "-fno-fast-math", "-fno-unsafe-math-optimizations"]  # with -O3 an earlier -Ofast is none


def flags() -> list[str]:
    """Those of the compiler, in the order in which the last one counts."""
    limbs = ["-DYUMA_NO_INT128"] if os.environ.get("YUMA_KERNEL_NO_INT128") == "1" else []
    return ["-O3", "-fvisibility=hidden", *extra, *limbs, *REQUIRED]


def link_flags() -> list[str]:
    """Those of the linker. Without symbols, which Python's own flags would keep, unless others ask for them."""
    strip = [] if "-g" in extra else ["-Wl,-x"] if sys.platform == "darwin" else ["-Wl,-s"]
    return [*strip, *extra, *LINK_REQUIRED]


extra = shlex.split(os.environ.get("YUMA_KERNEL_CFLAGS", ""))

ffibuilder = FFI()
ffibuilder.cdef(declarations())
ffibuilder.cdef(re.sub(r".*static (int64_t yuma_call\(.*?\)) {.*", r"\1;", CALL, flags=re.DOTALL))
ffibuilder.set_source(
    "yuma_kernel.kernel._yuma",
    CALL,
    # setuptools wants paths relative to setup.py, and in one order, so that builds are reproducible
    sources=sorted(str(path.relative_to(ROOT)) for path in CSRC.glob("*.c")),
    depends=sorted(str(path.relative_to(ROOT)) for path in CSRC.glob("*.h")),
    include_dirs=["csrc"],
    extra_compile_args=flags(),
    extra_link_args=link_flags(),
    libraries=["m"],  # fesetround
)
