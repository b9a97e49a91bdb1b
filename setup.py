"""The C extension, its wheel tag and what stays out of the wheel; everything else is in pyproject.toml."""

import shutil
import sysconfig
from pathlib import Path

from setuptools import setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py


class Modules(build_py):
    """Those that run: kernel/build.py has nothing to do where it is installed, without the sources in C."""

    def find_package_modules(self, package: str, package_dir: str) -> list[tuple[str, str, str]]:
        modules: list[tuple[str, str, str]] = super().find_package_modules(package, package_dir)  # type: ignore[no-untyped-call]
        return [module for module in modules if module[1] != "build"]


class Extension(build_ext):
    """The kernel; a line says what to install where there is nothing to compile it with."""

    def build_extensions(self) -> None:
        compiler = getattr(self.compiler, "compiler_so", [None])[0]
        if compiler is not None and shutil.which(compiler) is None:
            raise SystemExit(
                f"yuma-kernel needs a C compiler to build, and there is no {compiler!r}: install gcc or clang "
                "(Debian, Ubuntu: apt install gcc libc6-dev python3-dev; macOS: xcode-select --install), or name one by CC"
            )
        include = Path(sysconfig.get_path("include"))
        if not (include / "Python.h").exists():
            raise SystemExit(
                f"yuma-kernel needs Python's headers to build, and there is no {include / 'Python.h'}: install them "
                "(Debian, Ubuntu: apt install python3-dev; Fedora: dnf install python3-devel)"
            )
        super().build_extensions()


# cffi builds against the stable ABI, which free-threaded Python does not have
limited = {} if sysconfig.get_config_var("Py_GIL_DISABLED") else {"bdist_wheel": {"py_limited_api": "cp310"}}

setup(cffi_modules=["kernel/build.py:ffibuilder"], cmdclass={"build_py": Modules, "build_ext": Extension}, options=limited)
