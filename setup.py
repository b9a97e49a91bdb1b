"""The C extension and its wheel tag; everything else is in pyproject.toml."""

import sysconfig

from setuptools import setup

# cffi builds against the stable ABI, which free-threaded Python does not have
limited = {} if sysconfig.get_config_var("Py_GIL_DISABLED") else {"bdist_wheel": {"py_limited_api": "cp310"}}

setup(cffi_modules=["kernel/build.py:ffibuilder"], options=limited)
