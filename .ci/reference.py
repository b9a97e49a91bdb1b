"""Writes the API reference from the docstrings, with pdoc; exits where something public has none, or names what is not.

python .ci/reference.py DIR
"""

from __future__ import annotations

import inspect
import re
import sys
import warnings
from pathlib import Path

import pdoc

import yuma_kernel
from yuma_kernel import chain, moves, plots, search, stages, studies
from yuma_kernel.chain import layout

OF_THE_CHAIN = {*layout.TABLE, *layout.LATER}
"""Storage items, which are named as the chain names them."""


ROOMS = (chain, moves, plots, search, studies)
"""Above the kernel, imported when they are asked for; what they show is their `__all__`."""


def public() -> dict[str, object]:
    """What the reference shows, by its full name."""
    found: dict[str, object] = {f"yuma_kernel.{name}": getattr(yuma_kernel, name) for name in yuma_kernel.__all__}
    for room in ROOMS:
        found |= {f"{room.__name__}.{name}": getattr(room, name) for name in room.__all__}
    for name, value in vars(stages).items():
        if inspect.isfunction(value) and value.__module__ == stages.__name__ and not name.startswith("_"):
            found[f"yuma_kernel.stages.{name}"] = value
    return found


def problems() -> list[str]:
    found = []
    names = public()
    known = {name.rpartition(".")[2] for name in names}
    for name, value in names.items():
        if not (inspect.isclass(value) or inspect.isroutine(value)):
            continue
        text = inspect.getdoc(value) or ""
        if not text or (inspect.isclass(value) and "__doc__" not in vars(value)):
            found.append(f"{name}: no docstring")
        # `Name` and `yuma_kernel.name` in a docstring are references
        for reference in re.findall(r"`([A-Z]\w*[a-z]\w*|yuma_kernel\.[\w.]+)`", text):
            module, _, last = reference.rpartition(".")
            if last not in known | OF_THE_CHAIN and not hasattr(sys.modules.get(module), last):
                found.append(f"{name}: refers to {reference}, which is not public")
    return found


def main() -> int:
    (out,) = map(Path, sys.argv[1:])
    for name in yuma_kernel.__all__:  # pdoc sees what is there, and some names come when they are first asked for
        setattr(yuma_kernel, name, getattr(yuma_kernel, name))
    warnings.simplefilter("error")  # pdoc warns of what it cannot show
    pdoc.render.configure(docformat="google", show_source=False, footer_text=f"yuma-kernel {yuma_kernel.__version__}")
    pdoc.pdoc("yuma_kernel", *(room.__name__ for room in ROOMS), output_directory=out)
    pages = [path for path in out.rglob("*.html") if path.name != "index.html"]
    text = "".join(path.read_text(encoding="utf-8") for path in pages)
    names = [name for name, value in public().items() if not inspect.ismodule(value)]
    missing = [f"{name}: not in the reference" for name in names if f'id="{name.rpartition(".")[2]}"' not in text]
    for problem in (found := problems() + missing):
        print(problem, file=sys.stderr)
    broken = [
        f"{page}: {link}"
        for page in out.rglob("*.html")
        for link in re.findall(r'href="([^"#]+)', page.read_text(encoding="utf-8"))
        if not re.match(r"\w+:|\$", link) and not (page.parent / link).exists()
    ]
    print(*broken, sep="\n", file=sys.stderr)
    print(f"{out}: {len(public())} names, {len(pages)} pages")
    return bool(found or broken)


if __name__ == "__main__":
    sys.exit(main())
