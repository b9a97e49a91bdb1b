"""The contract of csrc/yuma.h: what a caller in C was compiled with is the same for as long as YUMA_ABI is.

`python tests/test_abi.py` writes abi.txt anew, after YUMA_ABI has got another number or a function was added.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

HEADER = Path(__file__).parent.parent / "csrc" / "yuma.h"
RECORD = Path(__file__).parent / "abi.txt"

pytestmark = pytest.mark.skipif(not HEADER.exists(), reason="the sources in C are not here")


def declarations() -> list[str]:
    """Those that cffi reads, one a line and without comments: constants one by one, structs, functions."""
    header = HEADER.read_text(encoding="utf-8")
    marked = re.search(r"/\* \[cffi: from here.*?\*/(.*)/\* \[cffi: to here\] \*/", header, re.DOTALL)
    assert marked is not None
    text = re.sub(r"/\*.*?\*/", " ", marked[1], flags=re.DOTALL).replace("YUMA_API ", "").replace("YUMA_USED ", "")
    lines = []
    for declaration in re.findall(r"[^;{]+(?:\{[^}]*\}[^;]*)?;", text):
        line = " ".join(declaration.split())
        constants = re.fullmatch(r"(?:typedef )?enum \{ ?(.*?) ?\}.*;", line)
        if constants is None:
            lines.append(line)
            continue
        value = -1
        for constant in constants[1].rstrip(", ").split(", "):
            name, _, given = constant.partition(" = ")
            value = int(given, 0) if given else value + 1
            lines.append(f"{name} = {value}")
    return lines


def test_what_is_recorded_of_this_abi_still_holds() -> None:
    recorded = RECORD.read_text(encoding="utf-8").splitlines()
    now = declarations()
    assert recorded[0] == now[0], "YUMA_ABI has changed: write abi.txt anew"
    assert now[0].startswith("YUMA_ABI = ")
    missing = [line for line in recorded if line not in now]
    assert not missing, f"of another struct or signature YUMA_ABI has to be another number: {missing}"


def test_the_record_is_of_the_whole_header() -> None:
    structs = [line for line in declarations() if line.startswith("typedef struct")]
    assert len(structs) >= 6
    assert sum("yuma_status yuma_" in line for line in declarations()) >= 30
    assert set(structs) <= set(RECORD.read_text(encoding="utf-8").splitlines())


def test_the_library_says_the_number_of_its_header() -> None:
    native = pytest.importorskip("yuma_kernel.kernel._yuma")
    assert native.lib.yuma_abi() == native.lib.YUMA_ABI == int(declarations()[0].removeprefix("YUMA_ABI = "))


if __name__ == "__main__":
    RECORD.write_text("\n".join(declarations()) + "\n", encoding="utf-8")
