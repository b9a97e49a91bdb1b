"""Every client that people have open, against the node of the tests: run in an environment that has the client's package.

`python tests/sdk_clients.py NAME`, NAME one of bittensor-9, bittensor-10, bittensor-11, turbobt, async-substrate-interface.
The sessions `nox -s clients` make the environments. Prints how many ways in gave the snapshot that was put in.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import yuma_kernel as yk
from chain_facts import FOLDER, METADATA, unpacked
from chain_node import Node, put_subnet
from chain_subnets import stored, whole

BLOCK = 5_999_999


def node() -> tuple[Node, yk.Snapshot]:
    """The bundled example behind a node that clients can connect to: they read the whole of its metadata."""
    example = yk.load(Path(yk.__file__).parent / "data" / "example.npz")
    put = stored(example, BLOCK, 424, activity_cutoff=5040, commit_reveal=False)
    put = replace(put, state=replace(put.state, commit_block=None))
    made = Node(424, described=unpacked(METADATA["343 V14"]))
    made.also = [unpacked(METADATA[name]) for name in ("343 V15", "424 V16")]
    put_subnet(made.state(BLOCK), 7, [put], whole(put))
    made.state(BLOCK + 1, since=BLOCK)
    return made, put


def check(got: yk.Snapshot, put: yk.Snapshot) -> None:
    if got.state != put.state or got.hyperparameters != put.hyperparameters or got.emission != put.emission:
        raise SystemExit("another snapshot came out")


def bittensor_9(url: str) -> tuple[list[Callable[[], Any]], list[Callable[[], Awaitable[Any]]]]:
    bt = importlib.import_module("bittensor")
    core = importlib.import_module("bittensor.core.async_subtensor")
    api = bt.SubtensorApi

    async def opened(client: Any) -> Any:
        return client

    return (
        [lambda: bt.Subtensor(network=url), lambda: bt.Subtensor(network=url).substrate, lambda: api(network=url)],
        [
            lambda: opened(core.AsyncSubtensor(network=url)),
            lambda: opened(api(network=url, async_subtensor=True)),
            lambda: opened(bt.Subtensor(network=url)),
        ],
    )


def bittensor_11(url: str) -> tuple[list[Callable[[], Any]], list[Callable[[], Awaitable[Any]]]]:
    bt = importlib.import_module("bittensor")

    async def blocking() -> Any:
        return bt.Subtensor(url)

    async def awaited() -> Any:
        return await bt.Subtensor(url)

    async def client() -> Any:
        return await bt.Client(url).connect()

    return [lambda: bt.Subtensor(url)], [blocking, awaited, client]


def turbobt(url: str) -> tuple[list[Callable[[], Any]], list[Callable[[], Awaitable[Any]]]]:
    module = importlib.import_module("turbobt")

    async def whole_client() -> Any:
        return module.Bittensor(url)

    async def part() -> Any:
        return module.Bittensor(url).subtensor

    return [], [whole_client, part]


def substrate(url: str) -> tuple[list[Callable[[], Any]], list[Callable[[], Awaitable[Any]]]]:
    module = importlib.import_module("async_substrate_interface")

    async def opened() -> Any:
        return module.AsyncSubstrateInterface(url, ss58_format=42)

    return [lambda: module.SubstrateInterface(url, ss58_format=42)], [opened]


CLIENTS = {
    "bittensor-9": bittensor_9,
    "bittensor-10": bittensor_9,
    "bittensor-11": bittensor_11,
    "turbobt": turbobt,
    "async-substrate-interface": substrate,
}


def main(name: str) -> None:
    if not FOLDER.is_dir():
        print(f"{name}: not tried, as real metadata are not here: {FOLDER}")
        return
    made, put = node()
    done = 0
    with made.ws() as url:
        blocking, awaited = CLIENTS[name](url)
        for make in blocking:
            client = make()
            for block in (None, BLOCK):
                check(yk.chain.snapshot(client, 7, block=block), _at(put, block))
            yk.chain.next_epoch(client, 7)
            done += 1
            close = getattr(client, "close", None)
            if callable(close):
                close()

        async def read() -> int:
            count = 0
            for make in awaited:
                client = await make()
                for block in (None, BLOCK):
                    check(await yk.chain.asnapshot(client, 7, block=block), _at(put, block))
                try:
                    yk.chain.snapshot(client, 7)
                except yk.InputError as error:
                    if "awaited" not in str(error):
                        raise
                close = getattr(client, "close", None)
                closing = close() if callable(close) else None
                if inspect.isawaitable(closing):
                    await closing
                count += 1
            return count

        done += asyncio.run(read())
    print(f"{name}: {done} ways in, each the snapshot that was put in")


def _at(put: yk.Snapshot, block: int | None) -> yk.Snapshot:
    """The head is one block later than the block that is asked for by its number."""
    return put if block is not None else replace(put, state=replace(put.state, current_block=BLOCK + 2))


if __name__ == "__main__":
    main(sys.argv[1])
