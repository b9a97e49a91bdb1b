"""Mutated snapshot files: `load` gives a Snapshot or an InputError, nothing else, soon and in little memory.

The mutations know the format, as blind ones end at a checksum: most change the members of the archive, the `.npy` headers
and the numbers behind them, and pack them again; the rest change the bytes of the archive. With `--seed` a run is repeated;
what fails is written to build/crashes, and `fuzz_snapshot.py FILE...` loads such files again.
"""

from __future__ import annotations

import argparse
import io
import random
import struct
import sys
import tempfile
import time
import traceback
import tracemalloc
import warnings
import zipfile
from pathlib import Path

import yuma_kernel as yk

HERE = Path(__file__).parent
CORPUS = HERE / "corpus" / "snapshot"
MEMORY = 32 * 2**20  # bytes that loading a small file may take
SECONDS = 5.0
BOMB = 64 * 2**20  # bytes of zeros, 64 kB deflated

Members = list[tuple[str, bytes]]

EDGES = [0, 1, 2, 3, 127, 128, 255, 256, 2**15, 2**16 - 1, 2**16, 2**26, 2**31 - 1, 2**31, 2**32 - 1, 2**63, 2**64 - 1]
WORDS = [
    b"'<u2'", b"'<u8'", b"'>i4'", b"'|b1'", b"'<U1'", b"'<U9999999'", b"'|O'", b"'<f8'", b"True", b"False", b"()", b"(3,)",
    b"(0,)", b"(1, 3)", b"(3, 2)", b"(9999999999,)", b"(-1,)", b"{", b"}", b"'descr'", b"'shape'", b"\0", b"\xff", b"",
]  # fmt: skip
TEXTS = [
    "{",
    "}",
    "[",
    "]",
    '"',
    "null",
    "NaN",
    "1e999",
    "-0",
    "[" * 3000,
    '{"a":' * 300,
    "\\ud800",
    "9" * 5000,
    "\0",
    "\U0010ffff",
]


def members(content: bytes) -> Members:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return [(info.filename, archive.read(info)) for info in archive.infolist()]


def packed(parts: Members, choice: random.Random) -> bytes:
    out = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w") as archive:
        warnings.simplefilter("ignore")  # of a member that is there twice
        for name, data in parts:
            kind = zipfile.ZIP_STORED if len(data) < 2**20 and choice.random() < 0.5 else zipfile.ZIP_DEFLATED
            if choice.random() < 0.005:
                kind = choice.choice([zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
            archive.writestr(zipfile.ZipInfo(name), data, kind)
    return out.getvalue()


def with_bytes(data: bytes, choice: random.Random) -> bytes:
    """Some bytes changed, cut out, doubled, or replaced by the ends of a range."""
    out = bytearray(data)
    for _ in range(choice.choice([1, 1, 1, 2, 4, 16])):
        at = choice.randrange(len(out) + 1)
        kind = choice.randrange(6)
        if kind == 0 and at < len(out):
            out[at] ^= 1 << choice.randrange(8)
        elif kind == 1 and at < len(out):
            out[at] = choice.choice([0, 1, 0x7F, 0x80, 0xFF])
        elif kind == 2:
            del out[at : at + choice.choice([1, 2, 8, 64])]
        elif kind == 3:
            out[at:at] = out[at : at + choice.choice([1, 2, 8, 64])]
        elif kind == 4:
            size = choice.choice([1, 2, 4, 8])
            out[at : at + size] = (choice.choice(EDGES) % 256**size).to_bytes(size, "little")
        elif kind == 5 and choice.random() < 0.2:
            del out[at:]
    return bytes(out)


def with_array(data: bytes, choice: random.Random) -> bytes:
    """An `.npy` file with another header, other numbers, or another text."""
    end = 10 + int.from_bytes(data[8:10], "little")
    header, body = data[10:end], data[end:]
    kind = choice.randrange(5)
    if kind == 0:
        words = header.replace(b",", b" , ").split()
        words[choice.randrange(len(words))] = choice.choice(WORDS)
        header = b" ".join(words) + b"\n"
    elif kind == 1:
        header = header.replace(choice.choice([b"<", b"'u", b"3", b"4", b"False", b"(", b"2"]), choice.choice(WORDS), 1)
    elif kind == 2 and body:
        size = choice.choice([1, 2, 4, 8])
        at = choice.randrange(max(1, len(body) // size)) * size
        body = body[:at] + (choice.choice(EDGES) % 256**size).to_bytes(size, "little") + body[at + size :]
    elif kind == 3 and b"<U" in header:
        text = body.decode("utf-32-le", "replace")
        at = choice.randrange(len(text) + 1)
        text = text[:at] + choice.choice(TEXTS) + text[at + choice.choice([0, 1, 9]) :]
        body = text.encode("utf-32-le", "surrogatepass")
        header = f"{{'descr': '<U{max(1, len(text))}', 'fortran_order': False, 'shape': (), }}\n".encode()
    else:
        body = with_bytes(body, choice)
    return (
        data[:6]
        + bytes([choice.choice([1, 1, 1, 1, 1, 2, 3, 4])])
        + data[7:8]
        + struct.pack("<H", len(header) % 2**16)
        + header
        + body
    )


def mutated(content: bytes, other: bytes, choice: random.Random) -> bytes:
    if choice.random() < 0.2:
        return with_bytes(content, choice)
    parts = members(content)
    for _ in range(choice.choice([1, 1, 2, 3])):
        texts = [k for k, part in enumerate(parts) if b"<U" in part[1][:80]]
        at = choice.choice(texts) if texts and choice.random() < 0.2 else choice.randrange(len(parts))
        name, data = parts[at]
        kind = choice.randrange(10)
        if choice.random() < 0.01 and not name.endswith(("_uid.npy", "_value.npy")):  # as long as their indptr says
            parts[at] = (name, data + bytes(BOMB))
        elif kind == 0:
            del parts[at]
        elif kind == 1:
            parts.append((name if choice.random() < 0.5 else choice.choice(parts)[0], data))
        elif kind == 2:
            strange = choice.choice(
                ["expect_bonds_uid.npy", "commit_block.npy", "schema", "../kappa.npy", "\0.npy", "x" * 300]
            )
            parts[at] = (strange, data)
        elif kind == 3:
            parts[at] = (name, with_bytes(data, choice))
        elif kind == 4:
            parts[at] = (name, choice.choice(members(other))[1])
        else:
            parts[at] = (name, with_array(data, choice))
        if not parts:
            break
    content = packed(parts, choice)
    return with_bytes(content, choice) if choice.random() < 0.1 else content


def loads(path: Path) -> bool:
    """Whether the file is a snapshot. Any exception but InputError, long time or much memory passes through as an error."""
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    start = time.process_time()
    try:
        snapshot = yk.load(path)
    except yk.InputError as error:
        if not str(error).startswith(str(path)):
            raise AssertionError(f"an InputError that does not name the file: {error}") from None
        snapshot = None
    took = time.process_time() - start
    peak = tracemalloc.get_traced_memory()[1] - before
    if took > SECONDS or peak > MEMORY:
        raise AssertionError(f"took {took:.1f} s and {peak} bytes")
    if snapshot is None:
        return False
    if not isinstance(snapshot, yk.Snapshot):
        raise AssertionError(f"load gave a {type(snapshot).__name__}")
    again = path.with_name("again")
    yk.save(again, snapshot)
    if yk.load(again) != snapshot:
        raise AssertionError("what was saved comes back different")
    yk.epoch(snapshot.state, snapshot.hyperparameters, emission=snapshot.emission)
    return True


def fuzz(seconds: float, seed: int, most: int) -> int:
    choice = random.Random(seed)
    corpus = [file.read_bytes() for file in sorted(CORPUS.iterdir())]
    crashes = HERE / "build" / "crashes"
    good = refused = failed = 0
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "snapshot"
        tracemalloc.start()
        while time.monotonic() - start < seconds and failed < most:
            content = mutated(choice.choice(corpus), choice.choice(corpus), choice)
            path.write_bytes(content)
            try:
                if loads(path):
                    good += 1
                else:
                    refused += 1
            except Exception:
                failed += 1
                traceback.print_exc()
                crashes.mkdir(parents=True, exist_ok=True)
                (crashes / f"snapshot-{seed}-{good + refused + failed}").write_bytes(content)
    print(f"snapshots: seed {seed}, {good + refused + failed} files, {good} loaded, {refused} refused, {failed} failed")
    if good == 0 or refused == 0:
        print("no file of one of the two kinds: this tested nothing")
        return 1
    return failed != 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--seed", type=int, default=None, help="a random one where none is given")
    parser.add_argument("files", nargs="*", type=Path, help="load these instead")
    options = parser.parse_args()
    if options.files:
        tracemalloc.start()
        for file in options.files:
            print(f"{file}: {'a snapshot' if loads(file) else 'refused'}")
        return 0
    seed = random.SystemRandom().randrange(2**32) if options.seed is None else options.seed
    return fuzz(options.seconds, seed, most=10)


if __name__ == "__main__":
    sys.exit(main())
