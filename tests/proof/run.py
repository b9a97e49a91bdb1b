"""Proves the primitives of csrc/wide.h and csrc/fixed.h, and the bounds of csrc/sigmoid.h: the table PROOFS, statement by
statement.

Without arguments what takes a few minutes, with `slow` the rest, with `enumerated` of the first what needs no more than
Python and a C compiler, with `broken` every edit of BROKEN to a copy of the sources, each of which a proof has to refuse.
Needs cbmc, z3 and a C compiler; CBMC and CC in the environment choose them.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import sigmoid

HERE = Path(__file__).parent
CSRC = HERE.parent.parent / "csrc"
LIMIT = 3600  # seconds for one proof
NO_LOOP_BOUND = ["--unwind", "5", "--no-unwinding-assertions"]


class Proof(NamedTuple):
    statement: str  # a function of proof.c
    size: int  # bits of a word: 64 as compiled, 8 with the text scaled
    limbs: bool  # two words instead of the compiler's __int128
    how: str  # a solver of CBMC; "enumerated": compiled, and run over every operand; "rationals": sigmoid.py
    options: list[str] = []  # noqa: RUF012
    slow: bool = False


# Solved with z3, identical terms on both sides are one term; the checks for undefined behaviour, which make others of
# them, are the proofs named calls.
Z3 = ["--z3", "--no-standard-checks"]
PROOFS = [
    Proof("wide_sums", 64, False, "minisat"),
    Proof("leading_zeros", 64, False, "minisat"),
    Proof("leading_zeros", 64, True, "minisat", ["--unwind", "7"]),  # the loop of other compilers
    Proof("small", 64, False, "minisat"),
    Proof("add", 64, False, "minisat"),
    Proof("from_i64f64", 64, False, "minisat"),
    Proof("product", 64, False, "z3", Z3),
    Proof("product_signed", 64, False, "z3", Z3),
    Proof("product_of_halves", 64, True, "minisat", ["--unsigned-overflow-check"]),
    Proof("mul", 64, False, "z3", Z3),
    Proof("to_u16", 64, False, "z3", Z3),
    Proof("ratio16", 64, False, "minisat", ["--no-standard-checks"], True),
    Proof("division_native", 64, False, "z3", Z3),
    Proof("divide_of_quotients", 64, False, "minisat"),
    Proof("inverse_of_quotients", 64, False, "minisat"),
    *(
        Proof(statement, 64, limbs, "minisat", NO_LOOP_BOUND)
        for limbs in (False, True)
        for statement in ("calls", "calls_of_division", "calls_of_quotient64")
    ),
    *(
        Proof(statement, 8, limbs, "enumerated")
        for limbs in (False, True)
        for statement in ("product", "product_signed", "division", "mul", "divide", "divide_by", "share_of", "inverse")
    ),
    *(Proof(statement, 64, False, "rationals") for statement in sigmoid.STATEMENTS),
    *(Proof(name, 8, limbs, "minisat", NO_LOOP_BOUND, True) for limbs in (False, True) for name in ("mul", "divide")),
    Proof("product", 8, True, "minisat", [], True),
    Proof("product_signed", 8, True, "minisat", [], True),
    *(
        Proof(name, 8, limbs, "enumerated", [], True)
        for limbs in (False, True)
        for name in ("part_of", "quotient64", "div64")
    ),
]

HALVES = ("product_of_halves", "leading_zeros")  # in two words: of the text that halves.sed makes
QUOTIENTS = ("divide_of_quotients", "inverse_of_quotients")  # of the text that quotients.sed makes

# what a proof has to refuse: the file, its text, the wrong text, and the proofs (statement, size, limbs) of which one does
BROKEN = [
    ("fixed.h", "a > INT64_MAX - b", "a >= INT64_MAX - b + 1 || a == 7", ("add", 64, False)),
    ("fixed.h", "return a - b;", "return a - b + (b == INT64_MIN);", ("add", 64, False)),
    ("fixed.h", "if (b < 0 && a < INT64_MIN - b) {", "if (0) {", ("calls", 64, False)),
    (
        "fixed.h",
        "(int64_t)(p.hi << 32 | p.lo >> 32);",
        "(int64_t)(p.hi << 32 | p.lo >> 32) + (high < 0);",
        ("mul", 64, False),
    ),
    ("fixed.h", "high < INT32_MIN ? -1 : 0;", "high <= INT32_MIN ? -1 : 0;", ("mul", 8, False)),
    ("fixed.h", "(uint64_t)x * 65535 >> 32", "(uint64_t)x * 65536 >> 32", ("to_u16", 64, False)),
    ("fixed.h", "x <= (int64_t)1 << 32)", "x <= (int64_t)1 << 33)", ("to_u16", 64, False)),
    ("fixed.h", "<< 32) / 65535)", "<< 32) / 65536)", ("ratio16", 64, False)),
    ("fixed.h", "if (high < INT32_MIN) {", "if (high < INT32_MIN + 1) {", ("from_i64f64", 64, False)),
    ("fixed.h", "(uint64_t)INT64_MAX + (uint64_t)negative) {", "(uint64_t)INT64_MAX) {", ("divide", 8, False)),
    ("fixed.h", "negative ? (uint64_t)0 - q : q", "negative ? ~q : q", ("divide", 8, True)),
    ("fixed.h", "x << shift != (uint64_t)a", "0", ("divide_by", 8, False)),
    ("fixed.h", "(rest >= y)", "(rest > y)", ("divide_by", 8, False)),
    ("fixed.h", "x > (uint64_t)YUMA_ONE ||", "", ("divide_by", 8, True)),
    ("fixed.h", "(uint64_t)(rest >= y) + (rest >= 2 * y)", "(uint64_t)(rest >= y)", ("share_of", 8, False)),
    ("fixed.h", "(e & ones) + 3 > ones", "(e & ones) > ones", ("part_of", 8, False)),
    ("fixed.h", "d = sum.hi + 1, rest", "d = sum.hi, rest", ("part_of", 8, False)),
    ("fixed.h", "(rest == x - 1)", "(rest == x - 2)", ("inverse", 8, False)),
    ("fixed.h", "numerator.hi < y", "numerator.hi <= y", ("divide_of_quotients", 64, False)),
    (
        "fixed.h",
        "        x >>= 32;\n        y >>= 32;",
        "        x >>= 31;\n        y >>= 31;",
        ("divide_of_quotients", 64, False),
    ),
    ("fixed.h", "(uint64_t)INT64_MAX + (uint64_t)negative) {", "(uint64_t)INT64_MAX) {", ("divide_of_quotients", 64, False)),
    (
        "fixed.h",
        "wide numerator = {x >> 32, x << 32};",
        "wide numerator = {x >> 31, x << 32};",
        ("divide_of_quotients", 64, False),
    ),
    ("fixed.h", "(rest == x - 1)", "(rest >= x - 2)", ("inverse_of_quotients", 64, False)),
    ("wide.h", "(middle >> 32) + (other >> 32)", "(middle >> 32)", ("product_of_halves", 64, True)),
    ("wide.h", "sum.hi += sum.lo < b.lo;", "sum.hi += sum.lo <= b.lo;", ("wide_sums", 64, False)),
    ("wide.h", "(b < 0 ? (uint64_t)a : 0)", "0", ("product_signed", 8, True)),
    ("wide.h", "|| q * d0 > (", "|| q * d0 >= (", ("division", 8, True)),
    ("wide.h", "while (q > UINT32_MAX", "if (q > UINT32_MAX", ("division", 8, True)),
    ("wide.h", "shift == 0 ? n.hi : n.hi", "shift == 99 ? n.hi : n.hi", ("calls_of_division", 64, True)),
    ("sigmoid.h", "(6 * 0x1p-32)", "(5.8 * 0x1p-32)", ("sigmoid_lower", 64, False)),
    ("sigmoid.h", "(7.5 * 0x1p-32)", "(7.3 * 0x1p-32)", ("sigmoid_lower", 64, False)),
    ("sigmoid.h", "(0.17 * 0x1p-32)", "(0.13 * 0x1p-32)", ("sigmoid_lower", 64, False)),
    ("sigmoid.h", "(7 * YUMA_ONE)", "(8 * YUMA_ONE)", ("sigmoid_lower", 64, False)),
    ("sigmoid.h", "SIGMOID_SQUARINGS 9", "SIGMOID_SQUARINGS 8", ("sigmoid_upper", 64, False)),
    ("sigmoid.h", "(1 + 0x1p-37)", "(1 + 0x1p-38)", ("sigmoid_upper", 64, False)),
    ("sigmoid.h", "(1 - 0x1p-50)", "(1 - 0x1p-52)", ("sigmoid_inverse", 64, False)),
    ("sigmoid.h", "MORE_OF_Q 0x1p-48", "MORE_OF_Q 0x1p-49", ("sigmoid_inverse", 64, False)),
    ("wide.h", "*remainder = n.lo - q * d;", "*remainder = n.lo - q * d + 1;", ("division_native", 64, False)),
]


def sources(csrc: Path, build: Path) -> None:
    """The four texts of the sources that the proofs read."""
    for name in ("64", "8", "halves", "quotients"):
        (build / name).mkdir(parents=True, exist_ok=True)
    shutil.copy(csrc / "sigmoid.h", build / "64")
    for file in ("assumptions.h", "verify.h", "yuma.h", "wide.h", "fixed.h", "fixed.c"):
        shutil.copy(csrc / file, build / "64")
        shutil.copy(csrc / file, build / "halves")
        shutil.copy(csrc / file, build / "quotients")
    for file in ("wide.h", "fixed.h", "fixed.c"):
        (build / "8" / file).write_text(filtered("scale.sed", csrc / file))
    (build / "halves" / "wide.h").write_text(filtered("halves.sed", csrc / "wide.h"))
    assert (build / "halves" / "wide.h").read_text().count("half_product(") == 4
    for file, calls in (("wide.h", 1), ("fixed.h", 2)):
        (build / "quotients" / file).write_text(filtered("quotients.sed", csrc / file))
        assert (build / "quotients" / file).read_text().count("native_quotient(") == calls


def filtered(script: str, file: Path) -> str:
    return subprocess.run(["sed", "-f", str(HERE / script), str(file)], check=True, capture_output=True, text=True).stdout


def holds(proof: Proof, build: Path) -> bool:
    """Whether CBMC, or the run over all operands, confirms the statement; neither is an error."""
    if proof.how == "rationals":
        return sigmoid.STATEMENTS[proof.statement](build / "64" / "sigmoid.h")
    define = ["-DYUMA_NO_INT128"] if proof.limbs else []
    if proof.how == "enumerated":
        program = build / "enumerate"
        include = ["-I", str(build / "8"), "-I", str(HERE)]
        command = [os.environ.get("CC", "cc"), "-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", *include, *define]
        subprocess.run([*command, str(HERE / "enumerate.c"), "-o", str(program)], check=True)
        run = subprocess.run([program, proof.statement], capture_output=True, text=True, timeout=LIMIT)
        verdicts = {0: True, 1: False}
        if run.returncode not in verdicts:
            raise RuntimeError(f"{proof}: {run.stdout}{run.stderr}")
        return verdicts[run.returncode]
    where = str(proof.size)
    if proof.size == 64 and proof.limbs and proof.statement in HALVES:
        where = "halves"
    elif proof.statement in QUOTIENTS:
        where = "quotients"
    define += {"64": [], "8": ["-DPROOF_SCALED"], "halves": ["-DPROOF_HALVES"], "quotients": ["-DPROOF_QUOTIENTS"]}[where]
    files = [str(HERE / "proof.c")] + ([str(build / "64" / "fixed.c")] if proof.statement == "calls_of_quotient64" else [])
    cbmc = os.environ.get("CBMC", "cbmc")
    command = [cbmc, *files, "-I", str(build / where), *define, "--function", proof.statement, *proof.options]
    run = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT)
    verdict = re.findall(r"^VERIFICATION (SUCCESSFUL|FAILED)$", run.stdout, re.MULTILINE)
    if len(verdict) != 1 or run.returncode not in (0, 10) or "no body for" in run.stdout:
        raise RuntimeError(f"{proof}: {run.stdout[-2000:]}{run.stderr[-2000:]}")
    return bool(verdict[0] == "SUCCESSFUL")


def prove(slow: bool, enumerated: bool) -> bool:
    build = HERE / "build"
    sources(CSRC, build)
    good = True
    print(f"{'statement':<20} {'word':>4} {'128 bits':<9} {'by':<11} {'seconds':>7}")
    for proof in PROOFS:
        if proof.slow != slow or (enumerated and proof.how not in ("enumerated", "rationals")):
            continue
        start = time.monotonic()
        verdict = holds(proof, build)
        good &= verdict
        representation = "" if proof.how == "rationals" else "two words" if proof.limbs else "__int128"
        print(
            f"{proof.statement:<20} {proof.size:>4} {representation:<9} {proof.how:<11} {time.monotonic() - start:>7.1f}"
            f"  {'proved' if verdict else 'REFUTED'}",
            flush=True,
        )
    return good


def refuse_broken() -> bool:
    build, spoiled = HERE / "build-broken", HERE / "build-broken" / "csrc"
    good = True
    for file, text, wrong, names in BROKEN:
        shutil.rmtree(build, ignore_errors=True)
        shutil.copytree(CSRC, spoiled)
        content = (spoiled / file).read_text()
        assert text in content, f"{file} has no {text!r}"
        (spoiled / file).write_text(content.replace(text, wrong))
        sources(spoiled, build)
        proofs = [proof for proof in PROOFS if proof[:3] == names and (not proof.slow or names[0] == "ratio16")]
        refused = any(not holds(proof, build) for proof in proofs)
        good &= refused
        print(f"{names[0]:<20} {'refuses' if refused else 'ACCEPTS'} {wrong!r}", flush=True)
    shutil.rmtree(build)
    return good


def main(arguments: list[str]) -> int:
    start = time.monotonic()
    good = refuse_broken() if arguments == ["broken"] else prove(arguments == ["slow"], arguments == ["enumerated"])
    print(f"{time.monotonic() - start:.0f} s")
    return not good


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
