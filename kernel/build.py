"""Builds the C kernel as the extension `yuma_kernel.kernel._yuma` (cffi, API mode); run by setup.py.

Environment:
    YUMA_KERNEL_NO_INT128: if set to 1, 128-bit arithmetic in two 64-bit limbs even where the compiler has __int128.
    YUMA_KERNEL_CFLAGS: further compiler and linker flags, as for a sanitizer.
"""

from __future__ import annotations

import os
import re
import shlex
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
    return marked[1].replace("YUMA_API ", "")


def flags() -> list[str]:
    """What the kernel needs whatever CFLAGS say; those come before and do not replace these."""
    # the vector paths compute in doubles, rounded downward: no fusing of operations, and no folding as if to nearest
    required = ["-std=c11", "-O3", "-fvisibility=hidden", "-ffp-contract=off", "-frounding-math"]
    if os.environ.get("YUMA_KERNEL_NO_INT128") == "1":
        required.append("-DYUMA_NO_INT128")
    return required


extra = shlex.split(os.environ.get("YUMA_KERNEL_CFLAGS", ""))

ffibuilder = FFI()
ffibuilder.cdef(declarations())
ffibuilder.set_source(
    "yuma_kernel.kernel._yuma",
    '#include "yuma.h"',
    # setuptools wants paths relative to setup.py, and in one order, so that builds are reproducible
    sources=sorted(str(path.relative_to(ROOT)) for path in CSRC.glob("*.c")),
    depends=sorted(str(path.relative_to(ROOT)) for path in CSRC.glob("*.h")),
    include_dirs=["csrc"],
    extra_compile_args=flags() + extra,
    extra_link_args=extra,
    libraries=["m"],  # fesetround
)
