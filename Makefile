# Local and CI commands are the same. `make help` lists them.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/bash

VENV ?= .venv
TRAINING ?= .venv-training
PYTHON ?=
JOBS ?= 2
FUZZ_SECONDS ?= 20

BIN := $(VENV)/bin
RUST := Cargo.toml $(wildcard Cargo.lock) $(shell find rust -name '*.rs' -o -name Cargo.toml 2>/dev/null)
# maturin refuses to choose between two active environments
MATURIN := env -u CONDA_PREFIX VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/maturin

.PHONY: help preflight develop demo test lint rust-lint python-lint rust-test python-test training-test smoke fuzz bench wheel clean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(BIN)/maturin:
	@python=$$(PYTHON="$(PYTHON)" scripts/preflight.sh) && "$$python" -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet 'maturin>=1.9,<2'

# the package with what a user gets
$(VENV)/.built: pyproject.toml $(RUST) | $(BIN)/maturin
	@PYTHON="$(PYTHON)" scripts/preflight.sh >/dev/null
	$(MATURIN) develop --release --quiet
	@touch $@

# the installed package knows its own extras
$(VENV)/.developed: $(VENV)/.built
	@PYTHON="$(PYTHON)" scripts/preflight.sh --tools >/dev/null
	$(BIN)/python -m pip install --quiet 'accelnas[dev]'
	@touch $@

preflight: ## say what is missing on this machine
	@echo "using $$(PYTHON="$(PYTHON)" scripts/preflight.sh --tools)"

develop: $(VENV)/.developed ## build into .venv with all development tools

demo: $(VENV)/.built ## set up, then score ten million architectures
	$(BIN)/python scripts/demo.py

test: lint rust-test fuzz python-test training-test smoke ## everything that CI runs

lint: rust-lint python-lint ## formatting, lints and types

rust-lint: $(VENV)/.developed
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --quiet -- -D warnings

python-lint: $(VENV)/.developed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest accelnas._core

rust-test: $(VENV)/.developed ## tests of the Rust core
	@if cargo nextest --version >/dev/null 2>&1; then \
		set -x; cargo nextest run --package accelnas-core && cargo test --doc --quiet --package accelnas-core; \
	else \
		set -x; cargo test --quiet --package accelnas-core; \
	fi

python-test: $(VENV)/.developed ## tests of the package, its docstrings and the README
	$(BIN)/python -m pytest -n $(JOBS) --quiet

# PyTorch takes gigabytes, so what needs it has an environment of its own
$(TRAINING)/.built: training/pyproject.toml $(VENV)/.built
	$(BIN)/python -m venv $(TRAINING)
	env -u CONDA_PREFIX VIRTUAL_ENV=$(abspath $(TRAINING)) $(BIN)/maturin develop --release --quiet
	$(TRAINING)/bin/python -m pip install --quiet --editable 'training[dev]'
	@touch $@

training-test: $(TRAINING)/.built ## types, tests and docstrings of accelnas-training
	cd training && $(abspath $(TRAINING))/bin/python -m mypy
	cd training && $(abspath $(TRAINING))/bin/python -m pytest -n $(JOBS) --quiet

smoke: $(VENV)/.developed ## build the wheel and try it in an empty environment
	VENV=$(VENV) scripts/smoke.sh

wheel: $(VENV)/.developed ## build the abi3 wheel into dist/
	VENV=$(VENV) scripts/wheel.sh dist

fuzz: ## fuzz the artifact loader for FUZZ_SECONDS
	scripts/fuzz.sh $(FUZZ_SECONDS)

bench: $(VENV)/.developed ## compare with the peers and draw docs/peers.svg
	$(BIN)/python -m pip install --quiet 'accelnas[bench]'
	$(BIN)/python -m bench

clean: ## remove builds and caches, keep .venv
	rm -rf target dist build .mypy_cache .pytest_cache .ruff_cache
