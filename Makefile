# `make demo` and `make test` set up everything by themselves, in .venv and nowhere else.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
WORKERS ?= 3
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-long bench bench-read bench-page bench-upkeep lint format lock serve-demo clean

help: ## Say what the targets are
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

setup: $(STAMP) ## Build .venv with everything for development

$(STAMP): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "whochanged needs Python 3.11 or newer: make PYTHON=python3.12 setup" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

demo: $(STAMP) ## Play a working day in a CRM and show its audit log
	$(BIN)/whochanged demo

test: $(STAMP) ## Run the tests on every PostgreSQL that is present (ARGS="-k words" picks some)
	$(BIN)/python -m pytest -n $(WORKERS) -m "not wheel" $(ARGS)

test-long: $(STAMP) ## Ten times the rows, ten minutes of chaos, 1,000 faults of mails, ten thousand sign-ins
	WHOCHANGED_PAIRING_ROWS=10000000 WHOCHANGED_RECONCILE_ROWS=1000000 WHOCHANGED_CHAOS_SECONDS=600 \
		WHOCHANGED_FAULTS=1000 WHOCHANGED_FAULTS_KILLS=200 WHOCHANGED_FAULTS_SECONDS=2400 \
		WHOCHANGED_SIGN_INS=10000 WHOCHANGED_API_EXAMPLES=200 \
		$(BIN)/python -m pytest -n $(WORKERS) tests/test_capture_pairing.py tests/test_reconcile.py tests/test_chaos.py \
		tests/test_faults.py tests/test_web_throttle.py tests/test_web_api.py $(ARGS)

bench: $(STAMP) ## Measure what capture costs, beside its peers (an hour or more)
	$(BIN)/python -m bench

bench-page: $(STAMP) ## Measure the page at a log of 5 million changes (needs 6 GB; ARGS="--changes 1000000" less)
	$(BIN)/python -m bench.page $(ARGS)

bench-read: $(STAMP) ## Measure what reading a long log costs (needs 20 GB; ARGS="--changes 1000000" less)
	$(BIN)/python -m bench.reading $(ARGS)

bench-upkeep: $(STAMP) ## Measure business writes while days of the log are made and dropped (twenty minutes, needs 20 GB; ARGS="--changes 1000000" less)
	$(BIN)/python -m bench.upkeep $(ARGS)

lint: $(STAMP) ## Check style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP) ## Put the code into shape
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

LOCK := ../$(BIN)/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe --no-header

lock: $(STAMP) ## Lock the requirements anew (UPGRADE=--upgrade takes newer releases)
	cd requirements && $(LOCK) $(UPGRADE) --output-file runtime.txt runtime.in
	cd requirements && $(LOCK) $(UPGRADE) --output-file dev.txt dev.in
	cd requirements && $(LOCK) $(UPGRADE) --output-file peers.txt peers.in
	@# Lines of options say where this machine looks for packages: nobody else's business.
	sed -i '/^--/d' requirements/runtime.txt requirements/dev.txt requirements/peers.txt

serve-demo: $(STAMP) ## Play the demo, then show its log in a browser; the passwords are made anew and printed
	$(BIN)/whochanged demo
	@echo
	@$(BIN)/whochanged users add ana --full-name "Ana Admin" --generate
	@$(BIN)/whochanged users add olga --full-name "Olga Petrova" --account 2 --generate
	@echo
	$(BIN)/whochanged serve

clean: ## Remove what was built
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
