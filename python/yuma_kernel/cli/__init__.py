"""The command `yuma-kernel`. It is built on click, which the extra `cli` brings and which nothing else here loads."""

from __future__ import annotations

import sys
from collections.abc import Sequence

_WITHOUT_CLICK = 'yuma-kernel: error: the command line needs click: pip install "yuma-kernel[cli]"'


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command with `argv` (None: those of the process) and returns its exit code.

    0: done (and equal, with --check); 1: a difference; 2: anything that kept it from being computed or compared, a missing
    extra among it; 130: interrupted.

    Raises:
        SystemExit: with 2 for a wrong usage, with 0 after --help.
    """
    try:
        import click  # noqa: F401  (whether it is there; what is missing within the package is another error)
    except ImportError:
        print(_WITHOUT_CLICK, file=sys.stderr)
        return 2
    from yuma_kernel.cli.app import run

    return run(sys.argv[1:] if argv is None else list(argv))
