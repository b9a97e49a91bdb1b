"""A node in this process: a chain of states that tests write, answering over a function, HTTP and WebSocket."""

from __future__ import annotations

import hashlib
import json
import struct
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest

import yuma_kernel as yk
from chain_metadata import compact, metadata
from yuma_kernel.chain.layout import LAST, Key, Layout

FINNEY = "0x2f0555cc76fc2840a25a6ea3b9637146806f1f44b090c175ffde2a7e5ab36c03"
U64_MAX = 2**64 - 1


def account(number: int) -> bytes:
    return hashlib.sha256(b"account %d" % number).digest()


# -- encoding, apart from the library's -----------------------------------------------------------------------------------


def u(value: int, size: int) -> bytes:
    return int(value).to_bytes(size, "little")


def pairs(row: Sequence[tuple[int, int]]) -> bytes:
    return compact(len(row)) + b"".join(struct.pack("<HH", uid, value) for uid, value in row)


def vector(values: Any, form: str) -> bytes:
    values = list(values)
    return compact(len(values)) + struct.pack(f"<{len(values)}{form}", *values)


class State:
    """What is stored after one block."""

    def __init__(self, layout: Layout, values: Mapping[bytes, bytes], stakes: Mapping[int, Any], spec: int) -> None:
        self.layout = layout
        self.values = dict(values)
        self.stakes = dict(stakes)  # by netuid: (alpha, tao)
        self.spec = spec

    def copy(self) -> State:
        return State(self.layout, self.values, self.stakes, self.spec)

    def put(self, value: bytes | None, item: str, *args: Any) -> None:
        key = self.layout.raw(Key(item, args))
        if value is None:
            self.values.pop(key, None)
        else:
            self.values[key] = value

    def get(self, item: str, *args: Any) -> Any:
        key = Key(item, args)
        return self.layout.value(key, self.values.get(self.layout.raw(key)))


@contextmanager
def served(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Serves over HTTP in a thread; the URL."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


class Node:
    """Blocks and their states, and the answers of a node that has them."""

    def __init__(self, spec: int = 424, layout: Layout | None = None, described: bytes | None = None) -> None:
        self.described = metadata() if described is None else described
        self.also: list[bytes] = []  # metadata of other versions
        self.layout = layout or (Layout.known() if spec <= LAST else Layout.of_metadata(self.described))
        self.spec = spec
        self.states: dict[int, State] = {}
        self.asked: list[tuple[str, Any]] = []
        self.bytes_up = self.bytes_down = 0
        self.change: Callable[[str, Any, Any], Any] = lambda method, params, answer: answer
        """Called with every answer, so that a test can spoil it."""

    # -- writing ----------------------------------------------------------------------------------------------------------

    def state(self, block: int, since: int | None = None) -> State:
        """The state of a block, new from that of `since` or empty where there is none."""
        if block not in self.states:
            new = State(self.layout, {}, {}, self.spec) if since is None else self.states[since].copy()
            new.put(u(block, 4), "Number")
            new.put(bytes.fromhex(FINNEY[2:]), "BlockHash", 0)
            self.states[block] = new
        return self.states[block]

    @staticmethod
    def hash(block: int) -> str:
        return "0x" + hashlib.sha256(b"block %d" % block).hexdigest()

    @property
    def head(self) -> int:
        return max(self.states)

    # -- answering --------------------------------------------------------------------------------------------------------

    def _at(self, at: str | None) -> tuple[int, State]:
        for block, state in self.states.items():
            if self.hash(block) == at or (at is None and block == self.head):
                return block, state
        raise LookupError(4003, f"Client error: UnknownBlock: State already discarded for {at}")

    def answer(self, method: str, params: Sequence[Any]) -> Any:
        """The result, as a node gives it."""
        if method in ("chain_getHead", "chain_getFinalizedHead"):
            return self.hash(self.head)
        if method == "chain_getBlockHash":
            number = params[0] if params and params[0] is not None else self.head
            return self.hash(number) if number <= self.head else None
        if method == "chain_getHeader":
            block, _ = self._at(params[0] if params else None)
            zero = "0x" + "00" * 32
            return {"number": hex(block), "parentHash": self.hash(block - 1), "stateRoot": zero, "extrinsicsRoot": zero,
                    "digest": {"logs": []}}  # fmt: skip
        if method == "state_getRuntimeVersion":
            _, state = self._at(params[0] if params else None)
            return {"specName": "node-subtensor", "implName": "node-subtensor", "specVersion": state.spec, "implVersion": 1,
                    "authoringVersion": 1, "transactionVersion": 1, "stateVersion": 1, "apis": []}  # fmt: skip
        if method == "state_getMetadata":
            return "0x" + self.described.hex()
        if method == "state_queryStorageAt":
            keys, at = params
            _, state = self._at(at)
            found = (state.values.get(bytes.fromhex(key[2:])) for key in keys)
            changes = [[key, None if value is None else "0x" + value.hex()] for key, value in zip(keys, found, strict=True)]
            return [{"block": at, "changes": changes}]
        if method == "state_getStorage":
            _, state = self._at(params[1] if len(params) > 1 else None)
            value = state.values.get(bytes.fromhex(params[0][2:]))
            return None if value is None else "0x" + value.hex()
        if method == "state_getKeysPaged":
            prefix, count, start, at = params
            _, state = self._at(at)
            keys = sorted("0x" + key.hex() for key in state.values)
            return [key for key in keys if key.startswith(prefix) and (start is None or key > start)][:count]
        if method == "state_call":
            name, argument, *rest = params
            _, state = self._at(rest[0] if rest else None)
            if name == "Metadata_metadata_versions":
                return "0x" + vector([data[4] for data in (self.described, *self.also)], "I").hex()
            if name == "Metadata_metadata_at_version":  # which clients ask for
                for data in (self.described, *self.also):
                    if argument == "0x" + u(data[4], 4).hex():
                        return "0x01" + (compact(len(data)) + data).hex()
                return "0x00"
            if name != "SubnetInfoRuntimeApi_get_subnet_state":
                raise LookupError(-32000, f"Execution failed: Exported method {name} is not found")
            return "0x" + subnet_answer(state, int.from_bytes(bytes.fromhex(argument[2:]), "little")).hex()
        if method == "system_chain":
            return "Bittensor"
        if method == "system_properties":
            return {"ss58Format": 42, "tokenDecimals": 9, "tokenSymbol": "TAO"}
        raise LookupError(-32601, f"Method not found: {method}")

    def envelope(self, number: Any, method: str, params: Sequence[Any]) -> dict[str, Any]:
        """The whole answer of JSON-RPC, spoiled where a test wants it."""
        self.asked.append((method, params))
        try:
            return {"jsonrpc": "2.0", "id": number, "result": self.change(method, params, self.answer(method, params))}
        except LookupError as error:
            return {"jsonrpc": "2.0", "id": number, "error": {"code": error.args[0], "message": error.args[1]}}

    def rpc(self, method: str, params: Sequence[Any]) -> Any:
        """As a callable: the whole answer."""
        return self.envelope(1, method, list(params))

    def _text(self, body: str | bytes) -> str:
        self.bytes_up += len(body)
        asked = json.loads(body)
        out = json.dumps(self.envelope(asked["id"], asked["method"], asked.get("params", [])))
        self.bytes_down += len(out)
        return out

    @contextmanager
    def http(self) -> Iterator[str]:
        """Serves over HTTP; the URL."""
        node = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                out = node._text(self.rfile.read(int(self.headers["Content-Length"]))).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(out)))
                self.end_headers()
                self.wfile.write(out)

            def log_message(self, *args: Any) -> None:
                pass

        with served(Handler) as url:
            yield url

    @contextmanager
    def ws(self, answers: int | None = None) -> Iterator[str]:
        """Serves over WebSocket; the URL. Every connection is closed after so many answers."""
        pytest.importorskip("websockets", reason="a WebSocket needs the extra: yuma-kernel[chain]")
        from websockets.exceptions import ConnectionClosed
        from websockets.sync.server import serve

        def handler(socket: Any) -> None:
            try:
                for count, message in enumerate(socket):
                    if count == answers:
                        return
                    socket.send(self._text(message))
            except ConnectionClosed:
                pass

        with serve(handler, "127.0.0.1", 0, max_size=None, compression=None) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            try:
                yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
            finally:
                server.shutdown()
                thread.join()


def subnet_answer(state: State, netuid: int) -> bytes:
    """SCALE of the metagraph call, from what is stored."""
    if not state.get("NetworksAdded", netuid):
        return b"\0"
    n = state.get("SubnetworkN", netuid)
    keys = [state.get("Keys", netuid, uid) for uid in range(n)]
    alpha, tao = state.stakes[netuid]
    updates = [*state.get("LastUpdate", netuid).tolist(), *[0] * n][:n]
    by_uid: list[Any] = [[0] * n, updates, *[[0] * n] * 4, [], []]  # trust and rank are no longer stored
    w = (state.get("TaoWeight") << 32) // U64_MAX
    total = [min(2**63 - 1, a + (t * w >> 32)) for a, t in zip(alpha, tao, strict=True)]
    by_uid += [[state.get("BlockAtRegistration", netuid, uid) for uid in range(n)], alpha, tao, total]
    out = b"\1" + compact(netuid) + (compact(n) + b"".join(keys)) * 2 + vector([True] * n, "?") * 2
    for values in by_uid:
        out += compact(len(values)) + b"".join(compact(int(value)) for value in values)
    return out + compact(3) + (compact(n) + bytes(n)) * 2 + compact(1) + compact(2**40)


# -- subnets --------------------------------------------------------------------------------------------------------------


def put_subnet(
    state: State,
    netuid: int,
    snapshots: Sequence[yk.Snapshot],
    stakes: tuple[Sequence[int], Sequence[int]],
    tao_weight: int = 3_320_413_933_267_719_290,
    pending: tuple[int, int, int] | None = None,
    factor: int | None = None,
) -> None:
    """Stores a subnet; of several snapshots, mechanisms, the first says what all share.

    The commits of a state are stored as the reader must find them again: some plain, some timelocked, beside expired ones.
    """
    spec = state.spec
    first, rules = snapshots[0].state, snapshots[0].hyperparameters
    n = first.n
    one = {
        "NetworksAdded": b"\1",
        "SubnetworkN": u(n, 2),
        "ValidatorPermit": vector(first.validator_permit, "?"),
        "Kappa": u(rules.kappa, 2),
        "BondsPenalty": u(rules.bonds_penalty, 2),
        "BondsMovingAverage": u(rules.bonds_moving_average, 8),
        "Yuma3On": u(rules.yuma3, 1),
        "LiquidAlphaOn": u(rules.liquid_alpha, 1),
        "AlphaValues": u(rules.alpha_low, 2) + u(rules.alpha_high, 2),
        "AlphaSigmoidSteepness": struct.pack("<h", rules.alpha_sigmoid_steepness),
        "MaxAllowedValidators": u(rules.max_allowed_validators, 2),
        "Tempo": u(rules.tempo, 2),
        "CommitRevealWeightsEnabled": u(rules.commit_reveal, 1),
        "LastMechansimStepBlock": u(first.last_mechanism_step_block, 8),
    }
    total = sum(snapshot.emission for snapshot in snapshots)
    server, validator, root = (total // 3, total // 3, total - 2 * (total // 3)) if pending is None else pending
    one |= {
        "PendingServerEmission": u(server, 8),
        "PendingValidatorEmission": u(validator, 8),
        "PendingRootAlphaDivs": u(root, 8),
    }
    if len(snapshots) > 1:
        one["MechanismCountCurrent"] = u(len(snapshots), 1)
    if spec >= 423:
        if factor is None:
            factor = -(-rules.activity_cutoff * 1000 // max(1, rules.tempo))
        one["ActivityCutoffFactorMilli"] = u(factor, 4)
        assert rules.activity_cutoff == max(1, factor * rules.tempo // 1000)
    else:
        one["ActivityCutoff"] = u(rules.activity_cutoff, 2)
    if spec >= 452:
        modes = ("current", "previous", "auto")
        one["LiquidAlphaConsensusMode"] = u(modes.index(rules.liquid_alpha_consensus_mode), 1)
    if spec >= 475 and first.last_yuma_step_block is not None:
        one["LastYumaStepBlock"] = u(first.last_yuma_step_block, 8)
    for item, value in one.items():
        state.put(value, item, netuid)
    state.put(u(rules.stake_threshold, 8), "StakeThreshold")
    state.put(u(tao_weight, 8), "TaoWeight")
    state.stakes[netuid] = stakes
    for uid in range(n):
        hotkey = account(1000 * netuid + uid)
        state.put(hotkey, "Keys", netuid, uid)
        state.put(u(uid, 2), "Uids", netuid, hotkey)
        state.put(u(first.block_at_registration[uid], 8), "BlockAtRegistration", netuid, uid)
    if first.owner_uid is not None:
        state.put(account(1000 * netuid + first.owner_uid), "SubnetOwnerHotkey", netuid)
    for mechanism, snapshot in enumerate(snapshots):
        index = netuid + 4096 * mechanism
        state.put(vector(snapshot.state.last_update, "Q"), "LastUpdate", index)
        for item, rows in (("Weights", snapshot.state.weights), ("Bonds", snapshot.state.bonds)):
            for uid, row in enumerate(rows.to_rows()):
                state.put(pairs(row) if row else None, item, index, uid)
        if spec >= 452 and snapshot.state.previous_consensus is not None:
            state.put(vector(snapshot.state.previous_consensus, "H"), "ConsensusByMechanism", index)
        if rules.commit_reveal and snapshot.state.commit_block is not None:
            put_commits(state, netuid, mechanism, snapshot.state.commit_block)


def put_commits(state: State, netuid: int, mechanism: int, commit_block: np.ndarray[Any, Any]) -> None:
    """Commits of which the earliest live one of every uid is that of `commit_block`."""
    index, timelocked, old = netuid + 4096 * mechanism, [], []
    dynamic = state.spec >= 423
    if dynamic:
        state.put(u(7, 8), "SubnetEpochIndex", netuid)  # the epoch to come is the 8th: live are commits of 6 and later
        state.put(u(2, 8), "RevealPeriodEpochs", netuid)
    else:
        state.put(u(2**40, 8), "RevealPeriodEpochs", netuid)  # every commit is live
    for uid, block in enumerate(commit_block.tolist()):
        hotkey = account(1000 * netuid + uid)
        if block == U64_MAX:
            continue
        later = min(block + 3, U64_MAX - 1)
        if uid % 2:
            expired = [(b"\0" * 32, 5, 1, 9)] if dynamic else []
            live = [(b"\1" * 32, 6, block, 9), (b"\2" * 32, 8, later, 9)] if dynamic else [(b"\1" * 32, block, 1, 2)]
            queue = [*expired, *live]
            body = b"".join(digest + u(a, 8) + u(b, 8) + u(c, 8) for digest, a, b, c in queue)
            state.put(compact(len(queue)) + body, "WeightCommits", index, hotkey)
        else:
            timelocked += [(hotkey, later), (hotkey, block)]
            old.append((hotkey, 1))
    stranger = account(999_999)
    timelocked.append((stranger, 1))

    def listed(entries: list[tuple[bytes, int]]) -> bytes:
        body = b"".join(hotkey + u(block, 8) + compact(3) + b"abc" + u(77, 8) for hotkey, block in entries)
        return compact(len(entries)) + body

    state.put(listed(timelocked), "TimelockedWeightCommits", index, 7)
    if dynamic:
        state.put(listed(old), "TimelockedWeightCommits", index, 5)  # expired, and not cleared away yet
