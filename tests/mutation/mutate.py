"""Edits the sources one place at a time and looks whether the tests refuse it: the constants of a line by one, comparisons,
operators, statements left out.

    python tests/mutation/mutate.py [--seed 1] [--seconds 600] [--allow 10] [FILE ...]

FILE: of csrc, kernel and python, by default all, each as often as another. The mutants are taken in the order that the seed
gives until the seconds are over. A mutant in C runs through the C tests, and what survives them through the Python tests of
an extension with YUMA_VERIFY; one in Python through the tests that TESTS names for its module. The survivors are listed;
those in equivalent.txt, which change nothing, each with its reason, are not made. Ends with 1 where more than --allow in a
hundred survive, with 2 where the sources as they are do not pass. Works on a copy; needs the extra `test`, make and a C
compiler.
"""

from __future__ import annotations

import argparse
import ast
import io
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

HERE: Final = Path(__file__).resolve().parent
ROOT: Final = HERE.parent.parent
LIMIT: Final = 600  # seconds for one command

# what sits between the sources and the numbers, and what every mutant of the Python above it may break
_ALL: Final = ["test_types", "test_snapshot", "test_simulation", "test_many", "test_robustness"]
TESTS: Final = {
    "arrays": ["test_types", "test_stages", "test_memory", "test_units", "test_robustness"],
    "values": ["test_types", "test_snapshot"],
    "stake": ["test_types", "test_units", "test_doors", "test_example", "test_robustness"],
    "types": ["test_types", "test_units", "test_profiles", "test_robustness"],
    "rows": ["test_types", "test_doors", "test_stages", "test_robustness"],
    "results": ["test_types", "test_units", "test_vectors", "test_many"],
    "profiles": ["test_profiles", "test_earlier"],
    "epoch": ["test_types", "test_processes", "test_instruction_sets", "test_example"],
    "many": ["test_many"],
    "pool": ["test_many", "test_processes"],
    "simulation": ["test_simulation"],
    "stacks": ["test_simulation", "test_variants"],
    "snapshot": ["test_snapshot"],
    "stages": ["test_stages", "test_robustness"],
    "weights": ["test_weights", "test_types", "test_robustness"],
    "variants": ["test_variants"],
    "transport": ["test_chain_snapshot", "test_chain_formats"],
    "comparison": ["test_compare"],
    "explanation": ["test_explain"],
    "submission": ["test_submission"],
    "prospects": ["test_what_if"],
    "moves": ["test_what_if"],
    "search": ["test_what_if"],
    "reference": ["test_vectors", "test_operations", "test_properties"],
    "backend_reference": ["test_vectors", "test_stages"],
    "native": ["test_vectors", "test_stages", "test_many", "test_simulation"],
    "consecutive": ["test_simulation"],
}
"""By module; another one has the test of its own name, and else _ALL."""
NUMBA: Final = ["test_vectors", "test_operations", "test_stages", "test_agreement", "test_simulation"]
EXACT: Final = ["test_vectors", "test_operations", "test_stages", "test_properties", "test_earlier", "test_simulation"]


class Mutant(NamedTuple):
    """`length` characters at `at` of the file become `text`."""

    file: str
    at: int
    length: int
    text: str

    def apply(self, source: str) -> str:
        return source[: self.at] + self.text + source[self.at + self.length :]

    def lines(self, source: str) -> tuple[int, str, str]:
        """The number of its line, the line as it is, and as it becomes."""
        begin = source.rfind("\n", 0, self.at) + 1
        end = source.find("\n", self.at + self.length)
        mutated = self.apply(source)
        shift = len(self.text) - self.length
        return source.count("\n", 0, self.at) + 1, source[begin:end].strip(), mutated[begin : end + shift].strip()


# -- C ---------------------------------------------------------------------------------------------------------------------

_OTHER: Final = {
    "<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "==", "+": "-", "-": "+", "*": "+", "/": "*", "//": "+",
    "%": "+", "&": "|", "|": "&", "^": "|", "<<": ">>", ">>": "<<", "&&": "||", "||": "&&", "+=": "-=", "-=": "+=",
    "|=": "&=", "&=": "|=", "and": "or", "or": "and", "True": "False", "False": "True", "is": "is not", "in": "not in",
}  # fmt: skip
_C_HIDDEN: Final = re.compile(
    r'/\*.*?\*/|"(?:\\.|[^"\\\n])*"|^[ \t]*#(?!define SIGMOID)(?:\\\n|[^\n])*'
    r"|^[ \t]*(?:VERIFY_CHECK|_Static_assert)(?:[^;]*);",
    re.DOTALL | re.MULTILINE,
)
_C_OPERATOR: Final = re.compile(r"(?<= )(<=?|>=?|==|!=|\+=?|-=?|\*|/|%|&=?|\|=?|\^|<<|>>|&&|\|\|)(?= )")
_C_NUMBER: Final = re.compile(r"(?<![\w.])(\d+)(?=[uU]?[lL]*\b)(?![\w.]*[.xXp])")
_C_STATEMENT: Final = re.compile(
    r"^[ \t]+((?:[a-z_][\w.>\[\]*+-]*(?: [+|&^-]?= |\()|\*\w+ = )[^;{}\n]*;|continue;|break;)$", re.MULTILINE
)
_C_CONDITION: Final = re.compile(r"\b(?:if|while) \((?=[^\n]*\) \{$)", re.MULTILINE)


def of_c(file: str, source: str) -> Iterator[Mutant]:
    shown = _C_HIDDEN.sub(lambda hidden: re.sub(r"[^\n]", "\0", hidden[0]), source)
    for found in _C_OPERATOR.finditer(shown):
        yield Mutant(file, found.start(), len(found[0]), _OTHER[found[0]])
    for found in _C_NUMBER.finditer(shown):
        for step in (1, -1):
            if int(found[1]) + step >= 0:
                yield Mutant(file, found.start(), len(found[1]), str(int(found[1]) + step))
    for found in _C_STATEMENT.finditer(shown):
        yield Mutant(file, found.start(1), len(found[1]), ";")
    for found in _C_CONDITION.finditer(shown):
        line_end = shown.index("\n", found.end())
        yield Mutant(file, found.end(), line_end - 3 - found.end(), f"!({source[found.end() : line_end - 3]})")


# -- Python ----------------------------------------------------------------------------------------------------------------


def of_python(file: str, source: str) -> Iterator[Mutant]:
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    tree = ast.parse(source)
    annotations = set()
    for node in ast.walk(tree):
        for part in (getattr(node, "annotation", None), getattr(node, "returns", None)):
            if part is not None:
                annotations |= set(range(part.lineno, (part.end_lineno or part.lineno) + 1))
        if isinstance(node, ast.Expr | ast.Assign | ast.AugAssign | ast.Raise) and not (
            isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        ):
            text = ast.get_source_segment(source, node)
            if text is not None and node.col_offset > 0:  # within a function or a class
                at = starts[node.lineno - 1] + len(source.splitlines()[node.lineno - 1].encode()[: node.col_offset].decode())
                yield Mutant(file, at, len(text), "pass")
    before = tokenize.ENCODING
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        at, text = starts[token.start[0] - 1] + token.start[1], token.string
        if token.start[0] not in annotations:
            if token.type == tokenize.NUMBER and text.isdecimal():
                for step in (1, -1):
                    if int(text) + step >= 0:
                        yield Mutant(file, at, len(text), str(int(text) + step))
            elif (token.type == tokenize.OP and before != tokenize.OP and text in _OTHER) or (
                token.type == tokenize.NAME and text in _OTHER
            ):
                yield Mutant(file, at, len(text), _OTHER[text])
        before = token.type


# -- the tests -------------------------------------------------------------------------------------------------------------


class Copy:
    """The project in a folder of its own, with an installation beside it."""

    def __init__(self, folder: Path) -> None:
        self.tree, self.site, self.tells = folder / "tree", folder / "site", True
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
        for name in filter(None, listed.split("\0")):
            if (ROOT / name).exists():
                (self.tree / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, self.tree / name)
        shared = ROOT.parent / "shared"
        if shared.exists():
            (folder / "shared").symlink_to(shared)

    def passes(self, *command: str, cwd: str = ".", **environment: str) -> bool:
        """Whether it ends well within the limit; what it started ends with it."""
        environment = {**os.environ, "PYTHONPATH": str(self.site), "PYTHONDONTWRITEBYTECODE": "1", **environment}
        with subprocess.Popen(
            command,
            cwd=self.tree / cwd,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as process:
            try:
                ended = process.wait(LIMIT) == 0
                if self.tells and not ended:
                    print(*command, flush=True)
                return ended
            except subprocess.TimeoutExpired:
                return False
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)

    def install(self) -> bool:
        pip = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--upgrade")
        return self.passes(*pip, "--target", str(self.site), ".", YUMA_KERNEL_CFLAGS="-O1 -DYUMA_VERIFY")

    def extension(self) -> bool:
        """The extension of the sources as they are now, in the installation."""
        shutil.rmtree(self.tree / "build", ignore_errors=True)
        if not self.passes(sys.executable, "setup.py", "build_ext", "--inplace", YUMA_KERNEL_CFLAGS="-O1 -DYUMA_VERIFY"):
            return False
        (built,) = (self.tree / "kernel").glob("_yuma*.so")
        shutil.copy(built, self.site / "yuma_kernel" / "kernel")
        return True

    def pytest(self, names: list[str], *arguments: str) -> bool:
        files = [f"tests/{name}.py" for name in names if (self.tree / "tests" / f"{name}.py").exists()]
        few = {"YUMA_EXAMPLES": "80", "YUMA_MALFORMED": "800", "YUMA_SUBNETS": "60", "YUMA_CALLS": "100", "CI": ""}
        return self.passes(sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *arguments, *files, **few)


def c_programs(copy: Copy, file: str) -> bool | None:
    """Whether the C tests pass; None where it does not compile."""
    commands = [
        ["plain/test_kernel", "20"],
        ["plain/test_instruction_sets", "600"],
        ["plain/test_vectors", "build/vectors.bin"],
    ]
    commands.append(["plain/test_sigmoid", "900330"])
    if "vector" in file:
        commands += [["rounding/avx2"], ["rounding/avx512"], ["rounding/neon"]]
    programs = [f"build/{program}" for program, *_ in commands]
    make = ("make", "-s", f"-j{os.cpu_count() or 1}", "FLAGS_plain=-O1", "WARN=-std=c11", "build/vectors.bin", *programs)
    if not copy.passes(*make, cwd="tests/c"):
        return None
    return all(copy.passes(f"build/{program}", *given, cwd="tests/c") for program, *given in commands)


def survives(copy: Copy, file: str) -> bool | None:
    """Whether every test passes; None where it does not compile."""
    path = Path(file)
    if path.parts[0] == "csrc":
        passed = c_programs(copy, file)
        if not passed:
            return passed
        return copy.extension() and copy.pytest(EXACT, "-k", "not numba and not reference")
    if path.parts[:2] == ("kernel", "jit"):
        return copy.pytest(NUMBA, "-k", "numba")
    names = TESTS.get(path.stem) or [f"test_{path.stem}"]
    if not any((copy.tree / "tests" / f"{name}.py").exists() for name in names):
        names = [f"test_{path.parent.name}_{path.stem}"]
    if not any((copy.tree / "tests" / f"{name}.py").exists() for name in names):
        names = _ALL
    return copy.pytest(names, "-k", "not numba")


def equivalents() -> set[tuple[str, str, str]]:
    """Of equivalent.txt: file, the line as it is, and as it becomes; lines of a reason begin with "  "."""
    known: set[tuple[str, str, str]] = set()
    for block in (HERE / "equivalent.txt").read_text(encoding="utf-8").split("\n\n"):
        lines = [line for line in block.splitlines() if line and not line.startswith("#")]
        if lines:
            file, before, after, reason = lines[0], lines[1].strip(), lines[2].strip(), lines[3].strip()
            assert reason, f"{file}: {before}: no reason"
            known.add((file, before, after))
    return known


def installed(copy: Copy, file: str) -> Path | None:
    """Where a file of Python stands in the installation."""
    parts = Path(file).parts
    if parts[0] == "csrc":
        return None
    return copy.site / "yuma_kernel" / (Path(*parts[2:]) if parts[0] == "python" else Path(*parts))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--allow", type=float, default=10, help="how many of a hundred may survive")
    parser.add_argument("files", nargs="*", metavar="FILE")
    arguments = parser.parse_args()
    files = arguments.files or sorted(
        str(path.relative_to(ROOT))
        for pattern in ("csrc/*.[ch]", "kernel/*.py", "kernel/jit/*.py", "python/yuma_kernel/**/*.py")
        for path in ROOT.glob(pattern)
        if path.name not in ("build.py", "verify.h", "assumptions.h", "yuma.h", "vector_neon.c")
    )
    sources = {file: (ROOT / file).read_text(encoding="utf-8") for file in files}
    mutants = [m for file, text in sources.items() for m in (of_c if file.startswith("csrc") else of_python)(file, text)]
    known, order = equivalents(), random.Random(arguments.seed)
    by_file = {file: order.sample(own, len(own)) for file in files if (own := [m for m in mutants if m.file == file])}
    mutants = []
    while by_file:
        file = order.choice(list(by_file))
        mutants.append(by_file[file].pop())
        if not by_file[file]:
            del by_file[file]
    print(f"{len(mutants)} mutants of {len(files)} files, seed {arguments.seed}", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        copy = Copy(Path(folder))
        if not copy.install():
            print("the sources as they are cannot be installed")
            return 2
        for file in {m.file.partition("/")[0]: m.file for m in mutants}.values():
            if not survives(copy, file):
                print(f"the sources as they are do not pass: the tests of {file}")
                return 2
        copy.tells = False
        start, refused, invalid, survivors = time.monotonic(), 0, 0, []
        for mutant in mutants:
            if time.monotonic() - start > arguments.seconds:
                break
            source = sources[mutant.file]
            line, before, after = mutant.lines(source)
            if (mutant.file, before, after) in known:
                continue
            places = [copy.tree / mutant.file, *filter(None, [installed(copy, mutant.file)])]
            for place in places:
                place.write_text(mutant.apply(source), encoding="utf-8")
            verdict = survives(copy, mutant.file)
            for place in places:
                place.write_text(source, encoding="utf-8")
            invalid += verdict is None
            refused += verdict is False
            if verdict:
                survivors.append(mutant)
                print(f"SURVIVES {mutant.file}:{line}\n  {before}\n  {after}", flush=True)
    tried = refused + len(survivors)
    print(f"{tried} mutants: {refused} refused, {len(survivors)} survive; {invalid} more do not compile")
    return int(100 * len(survivors) > arguments.allow * tried)


if __name__ == "__main__":
    sys.exit(main())
