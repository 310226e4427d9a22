# One verb per thing a person does here; .ci/run calls the same ones. Every verb makes its own environment in .venv, once:
# the second run starts at once, until a lock or pyproject.toml changes. Nothing outside this directory is touched.
#
#   make demo        the main job, end to end, on one SQLite file
#   make test        the whole suite (make test SEED=123 repeats the order and the generated cases of a run)
#   make test-long   what does not fit into make test
#   make fuzz        raw bytes against everything that reads them, three minutes each (make fuzz FUZZ_SECONDS=600; Linux on x86-64)
#   make mutation    small mistakes in the code that decides, and whether tests notice (make mutation SAMPLE=0: all of them)
#   make lint types  style, import contracts, dependencies, spelling · mypy and pyright, strict
#   make docs        links, tables and the generated reference pages
#   make bench       measure, write build/bench.json (one suite: make bench SUITE=policies)
#   make bench-check compare it with the targets
#   make lock        resolve the locks anew              make clean         remove everything that was made

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:

BIN := .venv/bin
SEED ?= $(shell date +%s)
# Two workers are what the smallest machine of ours has; on a large one: make test WORKERS=8.
WORKERS ?= 2
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) -p randomly -p timeout --randomly-seed=$(SEED) --hypothesis-seed=$(SEED)

.PHONY: help demo test test-long fuzz mutation lint types docs bench bench-check serve clean lock

help:
	@sed -n 's/^#   //p' Makefile

demo: .venv/.demo
	@$(BIN)/holdfast demo

test: .venv/.dev
	@echo "seed $(SEED)"
	@$(PYTEST)

test-long: .venv/.dev
	@echo "seed $(SEED)"
	@$(PYTEST) -m long --timeout 1800

# The fuzzer exists for few machines, so that it stands apart: no other verb needs its lock.
FUZZ_SECONDS ?= 180
fuzz: .venv/.fuzz
	@nice $(BIN)/python -m tests.fuzz --seconds $(FUZZ_SECONDS) --keep build/fuzz

# Not part of CI: what it finds is for a person to judge. A sample of each file takes about a quarter of an hour.
SAMPLE ?= 80
mutation: .venv/.dev
	@nice $(BIN)/python -m tools.mutate --sample $(SAMPLE) --workers $(WORKERS) --seconds 36000

lint: .venv/.dev
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet . || { echo "Some files are not formatted. Run: $(BIN)/ruff format ." >&2; exit 1; }
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/lint-imports
	@$(BIN)/deptry src
	@$(BIN)/codespell

types: .venv/.types
	@$(BIN)/mypy
	@$(BIN)/pyright

docs: .venv/.dev
	@$(BIN)/python -m tools.reference --check
	@$(BIN)/python -m pytest -q -p no:randomly tests/docs

# The peers of the policies stand apart as well, in an environment of their own: without it (offline, say) the rest is measured all the same.
bench: .venv/.dev
	@$(MAKE) --no-print-directory .venv-bench/.bench || echo "The peers could not be installed; the policies are measured without them." >&2
	@$(BIN)/python -m benchmarks $(addprefix --suite ,$(SUITE))

bench-check: .venv/.dev
	@$(BIN)/python -m benchmarks --check

serve:
	@echo "The service (HTTP API, dashboard) is not part of this release yet." >&2
	@echo "Today: 'make demo' shows the main job, and '$(BIN)/holdfast worker' works on a database without it." >&2
	@exit 2

clean:
	@rm -rf .venv .venv-bench build dist .holdfast .hypothesis .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .coverage .coverage.*
	@find src tests tools benchmarks examples docs -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

# Locks: universal (every platform, Python 3.11 and later), with hashes, without any index or download address.
# The smaller ones follow the larger, so that one environment serves all verbs.
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	--no-emit-index-url --no-emit-find-links --upgrade
lock: .venv/.dev
	@$(COMPILE) pyproject.toml --extra all --group dev --group types -o requirements/types.txt
	@$(COMPILE) pyproject.toml --extra all --group dev -c requirements/types.txt -o requirements/dev.txt
	@$(COMPILE) --group fuzz -o requirements/fuzz.txt
	@$(COMPILE) --group bench -o requirements/bench.txt
	@$(COMPILE) pyproject.toml --extra durable --group build -c requirements/dev.txt -o requirements/demo.txt

# The stamps stand in a row, each lock on top of the one before, so that `make -j` never runs two installers in one environment.
.venv/.fuzz: requirements/fuzz.txt .venv/.types
	@.ci/install $< $@

.venv-bench/.bench: requirements/bench.txt
	@.ci/install $< $@

.venv/.types: requirements/types.txt .venv/.dev
	@.ci/install $< $@

.venv/.dev: requirements/dev.txt .venv/.demo
	@.ci/install $< $@

.venv/.demo: requirements/demo.txt pyproject.toml $(BIN)/python
	@.ci/install $< $@

$(BIN)/python:
	@.ci/install
