"""The C extension, its wheel tag and what stays out of the wheel; everything else is in pyproject.toml."""

import sysconfig

from setuptools import setup
from setuptools.command.build_py import build_py


class Modules(build_py):
    """Those that run: kernel/build.py has nothing to do where it is installed, without the sources in C."""

    def find_package_modules(self, package: str, package_dir: str) -> list[tuple[str, str, str]]:
        modules: list[tuple[str, str, str]] = super().find_package_modules(package, package_dir)  # type: ignore[no-untyped-call]
        return [module for module in modules if module[1] != "build"]


# cffi builds against the stable ABI, which free-threaded Python does not have
limited = {} if sysconfig.get_config_var("Py_GIL_DISABLED") else {"bdist_wheel": {"py_limited_api": "cp310"}}

setup(cffi_modules=["kernel/build.py:ffibuilder"], cmdclass={"build_py": Modules}, options=limited)
