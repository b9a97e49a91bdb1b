"""How what is read from the chain shows itself in a notebook and becomes a frame."""

from __future__ import annotations

import importlib
from typing import Any

from yuma_kernel.tables import SHOWN, Table


class Tabled:
    """A result that is a table too."""

    def table(self) -> Table:
        """The result as a table, for people and for machines."""
        raise NotImplementedError

    def _repr_html_(self) -> str:
        return self.table().html(SHOWN)

    def to_frame(self) -> Any:
        """A pandas DataFrame of the table.

        Raises:
            ImportError: pandas is not installed.
        """
        try:
            pandas = importlib.import_module("pandas")
        except ImportError as error:
            raise ImportError(f"{type(self).__name__}.to_frame needs pandas: pip install pandas") from error
        return pandas.DataFrame(dict(self.table().columns))
