"""What every study returns: a tidy table, what it was made with, and its picture."""

from __future__ import annotations

import importlib
import io
import json
import os
import platform
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from types import MappingProxyType
from typing import Any, ClassVar, Final, TypeVar, cast

import numpy as np

from yuma_kernel import __version__
from yuma_kernel.arrays import AnyArray, freeze
from yuma_kernel.errors import InputError, shown
from yuma_kernel.extras import extra
from yuma_kernel.files import write
from yuma_kernel.tables import Table
from yuma_kernel.values import _Value

SCHEMA: Final = 1
"""Of the files that `Study.save` writes."""

SHOWN: Final = 20
"""The rows of a table that a notebook shows."""

_S = TypeVar("_S", bound="Study")


def provenance(parameters: Mapping[str, Any], *, seed: int | None = None, profiles: Iterable[int] = ()) -> dict[str, Any]:
    """What a study was made with: its parameters, the seed of its noise, the profiles, and software and machine.

    Args:
        parameters: what JSON can hold.
        seed: of the noise, None where there is none.
        profiles: those that were computed.
    """
    native: Any = importlib.import_module("yuma_kernel.kernel.native")
    return {
        "parameters": dict(parameters),
        "seed": seed,
        "profiles": sorted(profiles),
        "yuma_kernel": __version__,
        "kernel": native.build(),
        "instruction_set": native.selected_instruction_set(),
        "numpy": np.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
    }


@dataclass(frozen=True, eq=False, repr=False)
class Study(_Value):
    """The result of a study.

    Attributes:
        table: by column, arrays of equal length, read-only: a row an observation. Columns with a unit end in it.
        provenance: parameters, seed, profiles, versions, kernel and instruction set, as JSON holds them.
    """

    table: Mapping[str, AnyArray]
    provenance: Mapping[str, Any]

    title: ClassVar[str] = "study"

    def __post_init__(self) -> None:
        columns = {name: freeze(np.asarray(column)) for name, column in self.table.items()}
        lengths = {column.shape for column in columns.values()}
        if len(lengths) > 1 or any(len(shape) != 1 for shape in lengths):
            raise InputError("table", f"expected columns of one length, got shapes {sorted(lengths)}")
        self._set(
            table=MappingProxyType(columns), provenance=MappingProxyType(json.loads(json.dumps(dict(self.provenance))))
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), ({name: np.array(column) for name, column in self.table.items()}, dict(self.provenance))

    def __len__(self) -> int:
        """The number of rows."""
        return next((column.size for column in self.table.values()), 0)

    def __repr__(self) -> str:
        parameters = ", ".join(f"{name}={value!r:.40}" for name, value in self.provenance.get("parameters", {}).items())
        return f"{type(self).__name__}({len(self)} rows: {', '.join(self.table)}; {parameters})"

    def __str__(self) -> str:
        """What there is to read of it, as text."""
        return self.brief().text()

    def brief(self) -> Table:
        """What there is to read of it: the first rows, unless a study says it shorter."""
        first = {name: column[:SHOWN].tolist() for name, column in self.table.items()}
        more = f"the first {SHOWN} of {len(self)} rows" if len(self) > SHOWN else ""
        return Table(first, title=self.title, caption=more)

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{name}</th>" for name in self.table)
        rows = "".join(
            "<tr>" + "".join(f"<td>{escape(str(column[k]))}</td>" for column in self.table.values()) + "</tr>"
            for k in range(min(SHOWN, len(self)))
        )
        more = f" (the first {SHOWN} of {len(self)})" if len(self) > SHOWN else ""
        return f"<table><caption>{escape(self.title)}{more}</caption><tr>{head}</tr>{rows}</table>"

    def to_dict(self) -> dict[str, list[Any]]:
        """By column, Python values."""
        return {name: column.tolist() for name, column in self.table.items()}

    def to_frame(self) -> Any:
        """A pandas DataFrame with the columns of the table.

        Raises:
            ImportError: pandas is not installed.
        """
        pandas = extra("pandas", "studies")
        return pandas.DataFrame({name: np.array(column) for name, column in self.table.items()})

    def plot(self, ax: Any = None) -> Any:
        """The picture of the study, on the matplotlib axes `ax` or on new ones; returns them."""
        raise NotImplementedError

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes table and provenance to the file `path`, an `.npz` without pickle; `load` gives them back."""
        about = {"schema": SCHEMA, "study": type(self).__name__, "provenance": dict(self.provenance)}
        arrays = {f"column_{k}": column for k, column in enumerate(self.table.values())}
        about["columns"] = list(self.table)
        content = io.BytesIO()
        np.savez_compressed(content, about=np.array(json.dumps(about)), **cast(Any, arrays))
        write(path, content.getvalue())

    @classmethod
    def load(cls: type[_S], path: str | os.PathLike[str]) -> _S:
        """The study in the file `path`.

        Raises:
            InputError: the file holds none, or one of another kind. OSError: it cannot be read.
        """
        name = os.fsdecode(path)
        try:
            with np.load(path, allow_pickle=False) as file:
                about = json.loads(str(file["about"]))
                if about["schema"] != SCHEMA or about["study"] != cls.__name__:
                    found = f"{about['study']} of schema {about['schema']}"
                    raise InputError(name, f"expected {cls.__name__} of schema {SCHEMA}, got {shown(found)}")
                table = {column: file[f"column_{k}"] for k, column in enumerate(about["columns"])}
        except (KeyError, TypeError, zipfile.BadZipFile, EOFError, json.JSONDecodeError) as error:
            raise InputError(name, f"expected a study that was saved ({error!r:.60})") from None
        except ValueError as error:
            if isinstance(error, InputError):
                raise
            raise InputError(name, f"expected a study that was saved ({error!s:.60})") from None
        return cls(table, about["provenance"])
