"""The files of a release: the sdist, and a wheel for each platform, cross-compiled by zig (the PyPI package `ziglang`).

    python .ci/release.py sdist DIR                  the sdist
    python .ci/release.py wheels DIR [TARGET ...]    the wheels, built from the sdist in DIR
    python .ci/release.py check DIR                  what is in them, their tags, the stable ABI

The same tree, tools and SOURCE_DATE_EPOCH (by default the time of the last commit) give the same bytes. Publishes nothing.
Needs the extra `release` and, for wheels of the stable ABI, the oldest Python that is supported.
"""

from __future__ import annotations

import argparse
import gzip
import io
import os
import re
import shlex
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parents[1]
PATH: Final = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])  # the tools beside this Python


class Target(NamedTuple):
    """A platform: what zig calls it, what Python calls it while building, and the tag of its wheel."""

    zig: str
    python: str
    tag: str


TARGETS: Final = {
    "manylinux-x86_64": Target("x86_64-linux-gnu.2.17", "linux-x86_64", "manylinux2014_x86_64.manylinux_2_17_x86_64"),
    "manylinux-aarch64": Target("aarch64-linux-gnu.2.17", "linux-aarch64", "manylinux2014_aarch64.manylinux_2_17_aarch64"),
    "musllinux-x86_64": Target("x86_64-linux-musl", "linux-x86_64", "musllinux_1_2_x86_64"),
    "musllinux-aarch64": Target("aarch64-linux-musl", "linux-aarch64", "musllinux_1_2_aarch64"),
    "macos-x86_64": Target("x86_64-macos.11.0", "macosx-11.0-x86_64", "macosx_11_0_x86_64"),
    "macos-arm64": Target("aarch64-macos.11.0", "macosx-11.0-arm64", "macosx_11_0_arm64"),
}

_IN_A_WHEEL: Final = re.compile(
    r"yuma_kernel/((chain/|cli/|studies/|kernel/jit/)?\w+\.py|py\.typed|data/\w+\.npz"
    r"|kernel/(?!build\b)\w+\.pyi?|kernel/_yuma\.abi3\.so)"
    r"|yuma_kernel-[\w.]+\.dist-info/(METADATA|WHEEL|RECORD|top_level\.txt|entry_points\.txt|licenses/LICENSE)"
)


def run(*command: str | Path, cwd: Path = ROOT, **environment: str) -> str:
    """What the command prints; what it complains of is shown where it fails."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, "PATH": PATH, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{shlex.join(map(str, command))}\n{done.stdout}")
    return done.stdout


def epoch() -> str:
    """SOURCE_DATE_EPOCH: as given, else the time of the last commit."""
    return os.environ.get("SOURCE_DATE_EPOCH") or run("git", "log", "-1", "--format=%ct").strip()


def build(kind: str, source: Path, out: Path, **environment: str) -> Path:
    """The file that `python -m build` makes of `source`."""
    command = (sys.executable, "-m", "build", "--no-isolation", f"--{kind}", "--outdir", str(out), str(source))
    run(*command, cwd=ROOT, **environment)
    (made,) = out.iterdir()
    return made


def sdist(out: Path) -> Path:
    """The sdist, with one order, one owner and one date for everything: setuptools takes those of the machine."""
    with tempfile.TemporaryDirectory() as folder:
        # from a clean copy of what is committed: setuptools packs whatever else matches the manifest
        run("git", "clone", "--quiet", ROOT, Path(folder, "tree"))
        made = build("sdist", Path(folder, "tree"), Path(folder, "made"))
        content = io.BytesIO()
        with tarfile.open(made) as old, tarfile.open(fileobj=content, mode="w", format=tarfile.PAX_FORMAT) as new:
            for member in sorted(old.getmembers(), key=lambda member: member.name):
                member.mtime, member.uid, member.gid, member.uname, member.gname = int(epoch()), 0, 0, "", ""
                member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
                member.pax_headers = {}
                new.addfile(member, old.extractfile(member) if member.isfile() else None)
        out.mkdir(parents=True, exist_ok=True)
        packed = out / made.name
        with open(packed, "wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=int(epoch())) as compressed:
            compressed.write(content.getvalue())
    return packed


def wheel(target: Target, archive: Path, out: Path) -> Path:
    """The wheel of one platform, built from the sdist in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        with tarfile.open(archive) as tar:
            tar.extractall(work, filter="data")
        (source,) = work.iterdir()
        zig = f"{shlex.quote(sys.executable)} -m ziglang cc -target {target.zig}"
        macos = target.python.startswith("macosx")
        link = "-dynamiclib -undefined dynamic_lookup" if macos else "-shared"
        made = build(
            "wheel",
            source,
            work / "made",
            CC=zig,
            LDSHARED=f"{zig} {link} -s",
            # instead of what the machine's Python was built with; kernel/build.py adds what the kernel needs
            CFLAGS="-O3 -DNDEBUG -g0 -fPIC",
            LDFLAGS="",
            _PYTHON_HOST_PLATFORM=target.python,
            SOURCE_DATE_EPOCH=epoch(),
            ZIG_GLOBAL_CACHE_DIR=str(work / "cache"),
            ZIG_LOCAL_CACHE_DIR=str(work / "cache"),
        )
        if "musl" in target.zig:
            made = _named_libc(made, f"libc.musl-{target.zig.split('-')[0]}.so.1")
        out.mkdir(parents=True, exist_ok=True)
        command = ("wheel", "tags", "--remove", "--platform-tag", target.tag, made)
        tagged = run(*command, cwd=made.parent, SOURCE_DATE_EPOCH=epoch()).split()[-1]
        return (made.parent / tagged).replace(out / tagged)


def _named_libc(made: Path, name: str) -> Path:
    """The wheel, asking for musl by the name that musllinux's policy has for it; zig calls it libc.so. musl takes both."""
    folder = made.parent / "unpacked"
    run("wheel", "unpack", "--dest", folder, made)
    (tree,) = folder.iterdir()
    (library,) = tree.rglob("*.so")
    run("patchelf", "--replace-needed", "libc.so", name, library)
    made.unlink()
    run("wheel", "pack", "--dest-dir", made.parent, tree, SOURCE_DATE_EPOCH=epoch())
    return made


def _libc(path: Path) -> str:
    """What auditwheel says of the libc that the wheel needs, which is not later than its tag says."""
    shown = run("auditwheel", "show", "--ldpaths", "/nowhere", path)  # this machine's libraries are not the wheel's
    needs = re.search(r'"((?:many|musl)linux)_(\d+)_(\d+)_\w+"', shown)
    tag = re.search(r"((?:many|musl)linux)_(\d+)_(\d+)_\w+\.whl$", path.name)
    if needs is None or tag is None or needs[1] != tag[1] or (int(needs[2]), int(needs[3])) > (int(tag[2]), int(tag[3])):
        sys.exit(f"{path.name}: {shown}")
    return f"needs {needs[0]}"


def check(out: Path) -> None:
    """Exits where a file of the release holds what it should not, or not what it should."""
    wheels = sorted(out.glob("*.whl"))
    if not wheels:
        sys.exit(f"no wheels in {out}")
    for path in wheels:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
        strange = [name for name in names if not _IN_A_WHEEL.fullmatch(name)]
        if strange or "yuma_kernel/kernel/_yuma.abi3.so" not in names or "-cp310-abi3-" not in path.name:
            sys.exit(f"{path.name}: has {strange or names}")
        run("abi3audit", "--strict", path)  # fails where the extension asks for more than Python 3.10's stable ABI
        says = "macOS" if "macosx" in path.name else _libc(path)
        print(f"{path.name}: {len(names)} files, stable ABI of Python 3.10, {says}")
    for archive_path in out.glob("*.tar.gz"):
        with tarfile.open(archive_path) as tar:
            inside = {name.partition("/")[2] for name in tar.getnames()}
        missing = set(run("git", "ls-files", "csrc", "kernel", "python", "tests", "docs", "examples").split()) - inside
        if missing:
            sys.exit(f"{archive_path.name}: lacks {sorted(missing)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["sdist", "wheels", "check"])
    parser.add_argument("dir", type=Path)
    parser.add_argument(
        "targets", nargs="*", choices=[[], *TARGETS], metavar="TARGET", help=f"of {', '.join(TARGETS)}; default: all"
    )
    arguments = parser.parse_args()
    out = arguments.dir.resolve()
    if arguments.command == "sdist":
        print(sdist(out))
    elif arguments.command == "check":
        check(out)
    else:
        (archive,) = out.glob("*.tar.gz")
        for name in arguments.targets or TARGETS:
            print(wheel(TARGETS[name], archive, out), flush=True)


if __name__ == "__main__":
    main()
