# Local and CI commands are the same. `make help` lists them.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/bash

VENV ?= .venv
TRAINING ?= .venv-training
PYTHON ?=
JOBS ?= 2
FUZZ_SECONDS ?= 20
STRESS_SECONDS ?= 60
WHEEL_TARGETS ?= $(shell uname -m)-unknown-linux-gnu $(shell uname -m)-unknown-linux-musl

BIN := $(VENV)/bin
RUST := Cargo.toml $(wildcard Cargo.lock) $(shell find rust -name '*.rs' -o -name Cargo.toml 2>/dev/null)
# maturin refuses to choose between two active environments
MATURIN := env -u CONDA_PREFIX VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/maturin
QUIETLY := @scripts/quietly.sh
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help preflight develop demo test quick lint rust-lint python-lint rust-test python-test docs training-test smoke leaderboard browser-test web fuzz stress bench wheels sdist reproducible matrix first-minute audit clean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(BIN)/maturin:
	@python=$$(PYTHON="$(PYTHON)" scripts/preflight.sh) && "$$python" -m venv $(VENV)
	$(QUIETLY) "installing pip" $(BIN)/python -m pip install --upgrade pip
	$(QUIETLY) "installing maturin" $(BIN)/python -m pip install 'maturin>=1.9,<2'

# the package with what a user gets
$(VENV)/.built: pyproject.toml $(RUST) | $(BIN)/maturin
	@PYTHON="$(PYTHON)" scripts/preflight.sh >/dev/null
	@echo "building accelnas into $(VENV)"
	$(QUIETLY) "building accelnas" $(MATURIN) develop --release
	@touch $@

# the installed package knows its own extras
$(VENV)/.developed: $(VENV)/.built
	@PYTHON="$(PYTHON)" scripts/preflight.sh --tools >/dev/null
	@echo "installing the development tools into $(VENV)"
	$(QUIETLY) "installing the development tools" $(BIN)/python -m pip install 'accelnas[dev]'
	@touch $@

preflight: ## say what is missing on this machine
	@echo "using $$(PYTHON="$(PYTHON)" scripts/preflight.sh --tools)"

develop: $(VENV)/.developed ## build into .venv with all development tools

demo: $(VENV)/.built ## set up, then score ten million architectures
	@$(BIN)/python scripts/demo.py

test: lint rust-test fuzz python-test docs leaderboard training-test smoke ## everything that CI runs

quick: python-lint ## lints, and the tests of the package that take seconds
	@$(BIN)/python -m pytest -n $(JOBS) --dist loadgroup --quiet -m "not slow" tests

lint: rust-lint python-lint ## formatting, lints and types

rust-lint: $(VENV)/.developed
	@cargo fmt --all --check
	@$(BIN)/python scripts/rust_layers.py
	$(QUIETLY) "clippy" cargo clippy --workspace --all-targets -- -D warnings

python-lint: $(VENV)/.developed
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet
	$(QUIETLY) "layers" $(BIN)/lint-imports --no-cache
	$(QUIETLY) "mypy" $(BIN)/mypy
	$(QUIETLY) "mypy.stubtest" $(BIN)/python -m mypy.stubtest accelnas._core

rust-test: $(VENV)/.developed ## tests of the Rust core
	$(QUIETLY) "building the tests" cargo test --no-run --package accelnas-core
	@if cargo nextest --version >/dev/null 2>&1; then \
		cargo nextest run --cargo-quiet --status-level fail --package accelnas-core && \
		cargo test --doc --quiet --package accelnas-core; \
	else \
		cargo test --quiet --package accelnas-core; \
	fi

python-test: $(VENV)/.developed ## tests of the package, its docstrings and the README
	@$(BIN)/python -m pytest -n $(JOBS) --dist loadgroup --quiet

docs: $(VENV)/.developed ## build the documentation into site/
	$(QUIETLY) "documentation" env PYTHONPATH=scripts $(BIN)/python -m website

leaderboard: $(VENV)/.developed ## check the entries of leaderboard/, and make a run of each again
	$(QUIETLY) "leaderboard" $(BIN)/accelnas leaderboard check leaderboard --reruns 1

# PyTorch takes gigabytes, so what needs it has an environment of its own
$(TRAINING)/.built: training/pyproject.toml $(VENV)/.built
	@echo "installing accelnas-training and PyTorch into $(TRAINING)"
	@$(BIN)/python -m venv $(TRAINING)
	@scripts/share.sh $(VENV) $(TRAINING)
	$(QUIETLY) "installing accelnas-training" $(TRAINING)/bin/python -m pip install --editable 'training[dev]'
	@touch $@

# tests of the package that need what only this environment has
NEED_TORCH := tests/adapters/test_others.py tests/integrations/test_carps.py tests/integrations/test_syne_tune.py tests/studies/test_reproduce_search.py -k "carps or syne_tune or neps or lstm_where_it_is_installed"

training-test: $(TRAINING)/.built ## types, tests and docstrings of accelnas-training
	$(QUIETLY) "mypy" bash -c 'cd training && $(abspath $(TRAINING))/bin/python -m mypy'
	$(QUIETLY) "layers" bash -c 'cd training && $(abspath $(TRAINING))/bin/lint-imports --no-cache'
	@cd training && $(abspath $(TRAINING))/bin/python -m pytest -n $(JOBS) --quiet
	@$(TRAINING)/bin/python -m pytest -n $(JOBS) --quiet $(NEED_TORCH)

smoke: $(VENV)/.developed ## build the wheel and try it in an empty environment
	@VENV=$(VENV) scripts/smoke.sh

browser-test: $(VENV)/.developed ## try pages in a Chromium of this machine
	@scripts/chromium.sh --check
	@$(BIN)/python -m pytest -n $(JOBS) --quiet tests/pages

web: ## build the core for pages, which is committed: any change of predictions needs it
	@rustup --quiet target add wasm32-unknown-unknown
	$(QUIETLY) "building the core for pages" cargo build --profile web --target wasm32-unknown-unknown --package accelnas-web
	@cp target/wasm32-unknown-unknown/web/accelnas_web.wasm python/accelnas/pages/assets/core.wasm

wheels: $(VENV)/.developed ## build wheels into dist/: WHEEL_TARGETS, or those of this machine with glibc and musl
	@VENV=$(VENV) scripts/wheel.sh dist $(WHEEL_TARGETS)

sdist: $(VENV)/.developed ## write the source distribution into dist/, with its crates
	@VENV=$(VENV) scripts/sdist.sh dist

reproducible: $(VENV)/.developed ## build the wheel twice, in other folders, and compare the bytes
	@VENV=$(VENV) scripts/reproducible.sh

matrix: $(VENV)/.developed ## try the wheel with other Pythons and the oldest and newest libraries
	@VENV=$(VENV) scripts/matrix.sh

first-minute: ## measure the time from the wheel in dist/ to a first figure
	@$(BIN)/python scripts/first_minute.py $(wildcard dist/accelnas-*-manylinux*_$(shell uname -m)*.whl)

audit: $(VENV)/.developed ## check licences, sources and advisories of crates and packages (AUDIT_OFFLINE=1: no advisories)
	@VENV=$(VENV) scripts/audit.sh

fuzz: ## fuzz the artifact loader for FUZZ_SECONDS
	@scripts/fuzz.sh $(FUZZ_SECONDS)

stress: $(VENV)/.developed ## threads and forks at once for STRESS_SECONDS, against serial answers
	@$(BIN)/python tests/stress.py $(STRESS_SECONDS)

bench: $(VENV)/.developed ## compare with the peers and draw docs/measurements/peers.svg
	$(QUIETLY) "installing the peers" $(BIN)/python -m pip install 'accelnas[bench]'
	$(BIN)/python -m bench

clean: ## remove builds and caches, keep .venv
	rm -rf target dist build site .mypy_cache .pytest_cache .ruff_cache
