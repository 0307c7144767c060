# The commands of a developer. `.ci/run` and the workflows call the same targets.
# VENV names another virtual environment: make test VENV=/path/to/venv
VENV ?= .venv
BIN := $(VENV)/bin
C_FILES = $(sort $(shell find csrc tests/c bench -name '*.[ch]'))

.DEFAULT_GOAL := help
.PHONY: help dev test slow lint format types c-tests neon bench report docs html wheel all

help: ## print this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1	\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 16

dev: ## create .venv, with cnet in editable mode: an import rebuilds changed C sources
	test -x $(BIN)/python || python3 -m venv $(VENV)
	$(BIN)/pip install scikit-build-core cython numpy cmake ninja
	$(BIN)/pip install --no-build-isolation -Cbuild-dir=build/dev -Ceditable.rebuild=true \
	    -Ceditable.verbose=false -e '.[dev]'

test: ## run the default tests (6 minutes on 2 cores)
	$(BIN)/pytest -n auto

slow: ## run the slow sweeps, which the default tests leave out
	$(BIN)/pytest -n auto -m slow

lint: ## check style and formatting of Python and C
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/clang-format --dry-run --Werror $(C_FILES)

format: ## format Python and C, and fix what ruff can fix
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $(C_FILES)

types: ## check types, and the stub of the compiled module
	$(BIN)/mypy
	$(BIN)/stubtest cnet._core

c-tests: ## test the C library under sanitizers, without Python
	PATH="$(abspath $(BIN)):$$PATH" .ci/c-tests

neon: ## test the C library for aarch64 under emulation (skips without ziglang and QEMU)
	PATH="$(abspath $(BIN)):$$PATH" .ci/neon-tests

bench: ## measure everything on an idle machine (14 minutes), and write the records
	$(BIN)/python bench/run.py

report: ## write the tables of README, docs/ and bench/goals.md from the records
	$(BIN)/python bench/report.py

docs: ## check that these tables agree with the records
	$(BIN)/python bench/report.py --check

html: ## build the documentation in build/docs, with the reference from the docstrings (5 minutes)
	$(BIN)/pip install '.[docs]'
	$(BIN)/sphinx-build -j auto docs build/docs

wheel: ## build a wheel in dist/, and test it in a fresh environment
	PATH="$(abspath $(BIN)):$$PATH" .ci/wheel

all: ## run everything that CI runs, from a new .venv
	.ci/run
