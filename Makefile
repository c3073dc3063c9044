# One verb per task. Every verb sets up what it needs; a fresh Debian 12 with python3, python3-venv and make suffices.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STATIC := src/hiroba/console/static
CONSOLE_SOURCES := $(shell find console -type f -not -path '*/node_modules/*' -not -path '*/dist/*' 2>/dev/null)

COMPILE := $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --upgrade
ETSI_SUITE ?=

.PHONY: help demo serve test lint unit acceptance browser bench drill conformance console lock format docs clean

help: ## show the verbs
	@grep -hE '^[a-z-]+:.*?## ' $(MAKEFILE_LIST) | awk -F':.*?## ' '{printf "  make %-12s %s\n", $$1, $$2}'

demo: $(VENV)/.run $(STATIC)/index.html ## start a synthetic town and open it at http://127.0.0.1:1026
	$(BIN)/hiroba demo $(ARGS)

serve: $(VENV)/.run $(STATIC)/index.html ## start an empty city in ./hiroba-data
	$(BIN)/hiroba serve $(ARGS)

test: $(VENV)/.dev $(STATIC)/index.html system ## run everything that must be green
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	cd console && $(CURDIR)/scripts/node.sh npm test
	$(BIN)/python -m pytest

lint: $(VENV)/.dev ## style, types and import contracts only
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

unit: $(VENV)/.dev ## the fast ring: no server, no browser
	$(BIN)/python -m pytest tests/unit tests/architecture tests/docs

acceptance: $(VENV)/.dev $(STATIC)/index.html system ## real processes and real data
	$(BIN)/python -m pytest tests/contracts tests/acceptance

browser: $(VENV)/.dev $(STATIC)/index.html system ## a real browser on a real server
	$(BIN)/python -m pytest tests/browser

bench: $(VENV)/.dev ## measure, as ratios to a ceiling taken in the same run
	$(BIN)/python -m bench.run $(ARGS)

drill: $(VENV)/.dev ## the long crash drills
	HIROBA_DRILL_ROUNDS=30 $(BIN)/python -m pytest tests/contracts -k "kill or disk"

conformance: $(VENV)/.dev ## the ETSI suite, from ETSI_SUITE=/path/to/its/clone
	ETSI_SUITE=$(ETSI_SUITE) $(BIN)/python tests/conformance/run.py $(ARGS)

console: $(STATIC)/index.html ## build the web console

format: $(VENV)/.dev ## put the code into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.dev ## generate the reference pages
	$(BIN)/python scripts/reference.py

lock: $(VENV)/.dev ## renew the locked dependencies (hashes, no addresses)
	$(COMPILE) pyproject.toml --extra server -o requirements/run.txt
	$(COMPILE) requirements/build.in -o requirements/build.txt
	$(COMPILE) pyproject.toml -o requirements/sdk.txt
	$(COMPILE) pyproject.toml --extra server --extra postgresql --group dev requirements/build.in -o requirements/dev.txt
	$(COMPILE) requirements/node.in -o requirements/node.txt
	for client in filip ngsildclient; do $(COMPILE) --no-strip-extras requirements/client-$$client.in -o requirements/client-$$client.txt; done

clean: ## remove what was built, keep the data
	rm -rf $(VENV) .venvs $(STATIC) console/node_modules .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

.PHONY: system
system:
	@scripts/system_packages.sh

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Hiroba needs Python 3.11 or newer; name one: make PYTHON=…")'
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }  # half a .venv would pass for a whole one the next time

$(VENV)/.run: requirements/run.txt requirements/build.txt pyproject.toml | $(VENV)/bin/python
	@echo "Installing the Python packages into $(VENV) …"
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/run.txt -r requirements/build.txt
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements/dev.txt pyproject.toml | $(VENV)/bin/python
	@echo "Installing the Python packages for development into $(VENV) …"
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.run

$(STATIC)/index.html: $(CONSOLE_SOURCES) | $(VENV)/bin/python
	@echo "Building the console …"
	@cd console && $(CURDIR)/scripts/node.sh npm ci --no-audit --no-fund --loglevel=error >/dev/null
	@cd console && $(CURDIR)/scripts/node.sh npm run --silent build
	@touch $@
