# What a newcomer and CI call. PYTHON chooses the interpreter; everything lands in .venv.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: example test lint docs clean
example: .venv/example
	$(BIN)/yuma-kernel epoch

test: .venv/test
	$(MAKE) -C tests/c
	$(BIN)/python -m pytest --numprocesses=auto

lint: .venv/lint
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	cd tests && ../$(BIN)/mypy --config-file ../pyproject.toml -p yuma_kernel
	cd tests && ../$(BIN)/mypy --config-file ../pyproject.toml .
	cd benches && ../$(BIN)/mypy --config-file ../pyproject.toml .
	cd examples && ../$(BIN)/mypy --config-file ../pyproject.toml .
	$(BIN)/mypy setup.py .ci/release.py

docs: .venv/docs
	rm -rf docs/api
	$(BIN)/python .ci/reference.py docs/api

SOURCES := pyproject.toml setup.py $(wildcard csrc/* kernel/*.py kernel/jit/*.py kernel/*.pyi python/yuma_kernel/*.py python/yuma_kernel/*/*.py python/yuma_kernel/data/*)

.venv/example: EXTRA := cli
.venv/test: EXTRA := cli,test
.venv/lint: EXTRA := cli,test,bench,lint
.venv/docs: EXTRA := docs
.venv/example .venv/test .venv/lint .venv/docs: $(SOURCES)
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check '.[$(EXTRA)]'
	touch $@

clean:
	rm -rf .venv build docs/api tests/c/build *.egg-info
