# Every target works on a fresh clone: it builds .venv from requirements.lock first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
export DO_NOT_TRACK := 1
export DBT_SEND_ANONYMOUS_USAGE_STATS := false

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint format lock clean

help: ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## Build .venv from requirements.lock (minutes once, a second when nothing changed)

$(STAMP): requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: setup ## Build a demo warehouse from the built-in sample: no key, no server, no network
	$(BIN)/cfw demo

test: setup ## Run all tests (loopback only)
	$(BIN)/python -m pytest -n 2 --dist loadgroup

lint: setup ## Check style and types: ruff, mypy, sqlfluff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	CFW_WAREHOUSE_URL=duckdb:///:memory: $(BIN)/sqlfluff lint --processes 2 dbt_project

format: setup ## Format Python and SQL
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	CFW_WAREHOUSE_URL=duckdb:///:memory: $(BIN)/sqlfluff fix --processes 2 dbt_project

lock: ## Write requirements.lock anew from requirements.in, keeping the versions it pins
	rm -rf .venv-lock && $(PYTHON) -m venv .venv-lock
	.venv-lock/bin/pip install --quiet --disable-pip-version-check torch==2.13.0
	.venv-lock/bin/pip install --quiet --disable-pip-version-check -r requirements.in -c requirements.lock
	{ sed -n '/^#/p' requirements.lock; .venv-lock/bin/pip freeze --all --exclude pip | sed 's/+cpu$$//'; } > .lock.new
	mv .lock.new requirements.lock && rm -rf .venv-lock

clean: ## Remove built data, dbt artifacts and caches (keeps .venv)
	rm -rf data dbt_project/target dbt_project/logs .mypy_cache .ruff_cache .hypothesis
