"""Files that are written at once or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets


def write(path: str | os.PathLike[str], content: bytes) -> None:
    """Writes the file `path`, exactly that name; one that is there is replaced.

    Raises:
        OSError: it cannot be written; nothing is left behind.
    """
    name = os.fsdecode(path)
    temporary = os.path.join(os.path.dirname(name), f".yuma-kernel-{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, name)
    except BaseException as error:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        if isinstance(error, OSError) and error.filename == temporary:  # of which nobody knows
            raise OSError(error.errno, error.strerror, name) from None
        raise
