"""Who may import whom: data flows one way, and no room imports one above it when it is imported itself."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import pytest

import yuma_kernel

FLOORS: Final = (
    "errors units values tables files extras arrays profiles stake rows types",
    "results epoch stages reference backend_reference kernel kernel.*",
    # and what takes their plans
    "pool many stacks simulation sources variants weights names changes kernel.native kernel.consecutive kernel.variants",
    "snapshot convert",
    "chain chain.* explanation comparison submission permits moves prospects search",
    "plots studies studies.*",
    "cli cli.*",
)
"""By floor, the lowest first, its rooms; what is named is of its own floor, though the package around it is of another."""
NAMED: Final = {name: floor for floor, names in enumerate(FLOORS) for name in names.split()}


def floor(module: str) -> int:
    """That of a module, named within the package."""
    return NAMED[module] if module in NAMED else NAMED[f"{module.partition('.')[0]}.*"]


def modules() -> dict[str, Path]:
    """By name within the package the sources of every module."""
    found: dict[str, Path] = {}
    for room in ("", ".kernel", ".kernel.jit", ".chain", ".studies", ".cli"):
        spec = find_spec(f"yuma_kernel{room}")
        assert spec is not None
        assert spec.submodule_search_locations is not None
        for path in Path(spec.submodule_search_locations[0]).glob("*.py"):
            name = f"{room}.{path.stem}".removeprefix(".").removesuffix(".__init__")
            if name not in ("__init__", "kernel.build"):  # the package itself, and what builds it
                found[name] = path
    return found


MODULES: Final = modules()


def imported(module: str, path: Path) -> Iterator[str]:
    """The modules of the package that this one imports as it is imported; not in functions, and not for types alone."""
    statements: list[ast.AST] = list(ast.parse(path.read_text(encoding="utf-8")).body)
    while statements:
        statement = statements.pop()
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        if isinstance(statement, ast.If) and ast.unparse(statement.test) == "TYPE_CHECKING":
            statements += statement.orelse
            continue
        if isinstance(statement, ast.Import):
            names = [alias.name for alias in statement.names]
        elif isinstance(statement, ast.ImportFrom):
            assert not statement.level, f"{module} imports relatively"
            names = [f"{statement.module}.{alias.name}" for alias in statement.names]
        else:
            statements += ast.iter_child_nodes(statement)
            continue
        for name in names:
            inner = name.removeprefix("yuma_kernel.")
            if inner != name:
                while inner and inner not in MODULES:
                    inner = inner.rpartition(".")[0]
                if inner:
                    yield inner


IMPORTED: Final = {module: set(imported(module, path)) - {module} for module, path in MODULES.items()}


def test_the_rooms_are_there() -> None:
    assert {name for name in NAMED if "*" not in name} <= set(MODULES)
    assert len(MODULES) > 80
    assert "snapshot" in IMPORTED["explanation"] | IMPORTED["comparison"]
    assert "simulation" in IMPORTED["kernel.native"]
    assert "results" not in IMPORTED["types"]  # for types alone
    assert "changes" not in IMPORTED["types"]  # when a verb is called


@pytest.mark.parametrize("module", sorted(MODULES))
def test_no_room_imports_one_above_it(module: str) -> None:
    above = {other: floor(other) for other in IMPORTED[module] if floor(other) > floor(module)}
    assert not above, f"{module} of floor {floor(module)} imports {above}"


def test_no_room_imports_itself_around_a_corner() -> None:
    left = {module: set(others) for module, others in IMPORTED.items()}
    while left:
        last = {module for module, others in left.items() if not others & set(left)}
        assert last, f"a circle is among {sorted(left)}"
        left = {module: others for module, others in left.items() if module not in last}


def test_the_package_loads_four_floors_of_its_own_and_numpy() -> None:
    program = """
import sys, numpy
before = set(sys.modules)
import yuma_kernel
print(*set(sys.modules) - before)
"""
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    own = {name.removeprefix("yuma_kernel.") for name in loaded if name.startswith("yuma_kernel.")}
    assert own
    assert {name for name in own if floor(name) > 3} == set()
    assert not any(name.startswith("kernel") for name in own)  # backends come when they are first asked for
    foreign = {name.partition(".")[0] for name in loaded} - {"yuma_kernel", "numpy"} - set(sys.stdlib_module_names)
    assert {name for name in foreign if not name.startswith("__editable__")} == set()
    assert yuma_kernel.__name__ in loaded
