# The tasks of a checkout. `make` alone lists them.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test check lint frontend screenshots explore bench lock wheel clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# One worker more than the cores of the gate: tests wait for processes and deadlines half of their time.
PYTEST_ARGS ?= -n 3 --dist loadfile --no-loadscope-reorder
UPGRADE ?=
EXAMPLES ?= 100

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

run: $(VENV)/run.stamp ## the demonstration: authority, plant, gateway and a guided tour (ARGS="..." adds options)
	@exec $(BIN)/sealbus up --demo $(ARGS)

test: $(VENV)/test.stamp ## the gate: lint, types, import contracts and every test (PYTEST_ARGS="-n 3")
	@$(BIN)/python tests/setup test
	@$(MAKE) --no-print-directory lint frontend
	$(BIN)/pytest $(PYTEST_ARGS)

check: $(VENV)/test.stamp ## for the hand, within 100 s: lint, types, import contracts and the unit tests
	@$(MAKE) --no-print-directory lint
	$(BIN)/pytest $(PYTEST_ARGS) tests/unit tests/architecture

lint: $(VENV)/test.stamp ## ruff, mypy and the import contracts, without the tests
	$(BIN)/ruff check . tests/setup
	$(BIN)/ruff format --check . tests/setup
	MYPYPATH=tests $(BIN)/mypy --explicit-package-bases src tests
	$(BIN)/lint-imports --no-logo

frontend: ## what the browser runs: types, lint, tests, and built again to the same bytes (BUILD=1 writes them)
	@if ! command -v npm >/dev/null; then echo "skipped: frontend needs node 20 and npm"; exit 0; fi; \
	set -eu; cd frontend; \
	if ! cmp -s package-lock.json node_modules/.of-lock; then npm ci --no-audit --no-fund --loglevel=error && cp package-lock.json node_modules/.of-lock; fi; \
	export NO_COLOR=1; npm run --silent check; npm run --silent test; \
	if test -n "$(BUILD)"; then npm run --silent build; fi; \
	npm run --silent build -- --harness --out ../build/frontend; \
	for file in $$(cd ../src/sealbus/web/pages && echo vendor.toml static/pages/*); do \
		cmp "../src/sealbus/web/pages/$$file" "../build/frontend/$$file" || { echo "built from other sources: make frontend BUILD=1"; exit 1; }; \
	done

screenshots: $(VENV)/test.stamp ## a picture of every page, wide and phone, in the palettes, in build/screenshots (SECONDS=60 of the plant first)
	PYTHONPATH=src:tests $(BIN)/python tests/browser/screenshots.py build/screenshots $(or $(SECONDS),60)

explore: $(VENV)/test.stamp ## try much more than the gate does: requests to the API, histories against DuckDB (EXAMPLES=100)
	SEALBUS_SCHEMA_EXAMPLES=$(EXAMPLES) SEALBUS_HISTORY_SEEDS=$(EXAMPLES) $(BIN)/pytest $(PYTEST_ARGS) --timeout 3600 \
		tests/web/test_schema.py tests/unit/history/test_against_duckdb.py

bench: $(VENV)/test.stamp ## measure against nginx, HAProxy, stunnel and pymodbus (ARGS="..." adds options)
	@$(BIN)/python tests/setup bench
	$(BIN)/python benchmarks/run.py $(ARGS)

lock: $(VENV)/test.stamp ## write requirements/*.lock again from pyproject.toml (UPGRADE=--upgrade moves the pins)
	@test -x $(BIN)/uv || $(PIP) install uv
	@for group in build:run test:test; do \
		$(BIN)/uv pip compile pyproject.toml --all-extras --group "pyproject.toml:$${group%:*}" $(UPGRADE) --quiet --universal \
			--python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
			--output-file "requirements/$${group#*:}.lock" || exit 1; \
	done

wheel: $(VENV)/test.stamp ## build dist/*.whl and test it in a fresh environment outside the checkout
	@rm -rf dist
	$(BIN)/python -m build --no-isolation --outdir dist . >/dev/null
	@set -eu; folder=$$(mktemp -d); trap 'rm -rf "$$folder"' EXIT; lock=$$PWD/requirements/run.lock; \
	wheel=$$(ls "$$PWD"/dist/*.whl); $(BIN)/python -m venv "$$folder/venv"; cd "$$folder"; \
	venv/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r "$$lock"; \
	venv/bin/python -m pip --disable-pip-version-check --quiet install --no-deps --no-index "$$wheel"; \
	venv/bin/python -I -c 'import sealbus'; venv/bin/sealbus --help >/dev/null; echo "proved $$wheel"

clean: ## remove all files that make created, except var/ (the state of your plant)
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "make: Sealbus needs Python 3.11 or newer, $(PYTHON) is: $$($(PYTHON) -V 2>&1); name another: make PYTHON=python3.11" >&2; \
		exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || $(PYTHON) tests/setup venv
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

# The package is installed last and editable. Its build backend is in the lock too, so nothing unlocked is downloaded.
$(VENV)/run.stamp: requirements/run.lock pyproject.toml | $(VENV)/pyvenv.cfg
	@echo "installing what Sealbus runs on into $(VENV)"
	@$(PIP) install --require-hashes -r requirements/run.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/test.stamp: requirements/test.lock pyproject.toml | $(VENV)/pyvenv.cfg
	@echo "installing what Sealbus is tested with into $(VENV)"
	@$(PIP) install --require-hashes -r requirements/test.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $(VENV)/run.stamp $@
