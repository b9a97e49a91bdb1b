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
ffibuilder.set_source(
    "yuma_kernel.kernel._yuma",
    '#include "yuma.h"',
    # setuptools wants paths relative to setup.py, and in one order, so that builds are reproducible
    sources=sorted(str(path.relative_to(ROOT)) for path in CSRC.glob("*.c")),
    depends=sorted(str(path.relative_to(ROOT)) for path in CSRC.glob("*.h")),
    include_dirs=["csrc"],
    extra_compile_args=flags(),
    extra_link_args=link_flags(),
    libraries=["m"],  # fesetround
)
