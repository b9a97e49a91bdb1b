"""The tests on every Python and NumPy that is supported, with and without Numba: `nox`; `nox -l` lists them.

What follows `--` goes to pytest. A Python that this machine does not have is skipped.
"""

from __future__ import annotations

import itertools
import os
import shutil

import nox

nox.options.error_on_missing_interpreters = bool(os.environ.get("CI"))

PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14", "3.14t")  # the last is free-threaded
NUMPYS = ("1.26", "2")
WITHOUT_NUMBA = ("click", "rich", "pytest>=8", "pytest-xdist>=3", "hypothesis>=6.100", "scipy>=1.11")


@nox.session
@nox.parametrize(
    ("python", "numpy", "numba"),
    [
        (python, numpy, numba)
        for python, numpy, numba in itertools.product(PYTHONS, NUMPYS, (True, False))
        if numpy != "1.26" or python in ("3.10", "3.11", "3.12")  # for later ones there is no such NumPy
    ],
)
def tests(session: nox.Session, numpy: str, numba: bool) -> None:
    shutil.rmtree("build", ignore_errors=True)  # setuptools would take what another Python's headers went into
    session.install(f"numpy=={numpy}.*", ".[cli,test]" if numba else ".", *(() if numba else WITHOUT_NUMBA))
    session.run("python", "-c", "import sys, numpy; print(sys.version.split()[0], numpy.__version__)")
    # CI forbids a backend to be missing; here it is asked for
    session.run("python", "-m", "pytest", "-q", "--numprocesses=auto", *session.posargs, env={} if numba else {"CI": ""})


CLIENTS = {
    "bittensor-9": (
        "bittensor==9.12.2",
        "async-substrate-interface<2",
    ),  # without the bound two SCALE packages break each other
    "bittensor-10": ("bittensor>=10,<11",),
    "bittensor-11": ("bittensor>=11,<12",),
    "turbobt": ("turbobt",),
    "async-substrate-interface": ("async-substrate-interface>=2",),
}


@nox.session
@nox.parametrize("client", list(CLIENTS))
def clients(session: nox.Session, client: str) -> None:
    """Subnets read through the clients that people have open, by the real packages."""
    session.install(*CLIENTS[client])
    session.install(".[chain]", "pytest>=8", "hypothesis>=6.100")
    session.run("python", "tests/sdk_clients.py", client)


@nox.session
@nox.parametrize("client", [client for client in CLIENTS if client.startswith("bittensor-")])
def sdk_weights(session: nox.Session, client: str) -> None:
    """What `weights_to_u16` gives is what the SDK's own function sends."""
    session.install(*CLIENTS[client])
    session.install(".")
    session.run("python", "tests/sdk_weights.py", client)


@nox.session
def docs(session: nox.Session) -> None:
    session.install(".[docs,numba]")
    session.run("python", ".ci/reference.py", "docs/api")
