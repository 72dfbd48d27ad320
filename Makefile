# Every target works on a fresh clone: it builds .venv from requirements.lock first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# What dbt keeps of a project: with a macro that changed since, dbt 1.7 sees two of its name.
PARSED := dbt_project/target/partial_parse.msgpack
export DO_NOT_TRACK := 1
export DBT_SEND_ANONYMOUS_USAGE_STATS := false

.DEFAULT_GOAL := help
.PHONY: help setup demo test server chromium promtool lint format bench docs train-head lock clean

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

test: setup server chromium promtool ## Run all tests (loopback only; installs MariaDB, Chromium and promtool where it may)
	$(BIN)/python -m pytest -n 2 --dist loadgroup --no-loadscope-reorder

# What the tests need and no wheel brings. Installed for root on Debian and Ubuntu, its services not started;
# elsewhere one line says what to install. Arguments: the check that it is here, its packages, who needs it.
define installed
@PATH="$$PATH:/usr/sbin:/usr/libexec:/usr/local/bin"; \
if { $(1); } >/dev/null; then :; \
elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	echo "installing $(2) for the tests"; \
	policy=/usr/sbin/policy-rc.d; \
	if [ ! -e $$policy ]; then \
		printf '#!/bin/sh\nexit 101\n' >$$policy; chmod 755 $$policy; trap 'rm -f /usr/sbin/policy-rc.d' EXIT; \
	fi; \
	export DEBIAN_FRONTEND=noninteractive; \
	apt-get update -qq && apt-get install -y -qq --no-install-recommends $(2) >/dev/null; \
else \
	echo "$(3): sudo apt-get install $(2)"; \
fi
endef

server:
	$(call installed,[ -n "$$CFW_TEST_MYSQL_URL" ] || command -v mariadbd || command -v mysqld,mariadb-server,the server tests need MariaDB (or CFW_TEST_MYSQL_URL))

chromium:
	$(call installed,[ -n "$$CFW_TEST_CHROMIUM" ] || { command -v chromium && command -v chromedriver; },chromium chromium-driver,the page tests need Chromium)

promtool:
	$(call installed,command -v promtool,prometheus,the alert tests need promtool)

lint: setup ## Check style and types: ruff, mypy, sqlfluff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@rm -f $(PARSED)
	CFW_WAREHOUSE_URL=duckdb:///:memory: $(BIN)/sqlfluff lint --processes 2 dbt_project

format: setup ## Format Python and SQL
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	@rm -f $(PARSED)
	CFW_WAREHOUSE_URL=duckdb:///:memory: $(BIN)/sqlfluff fix --processes 2 dbt_project

bench: setup ## Measure at the owner's size (CFW_BENCH_SHARE=0.1 for a tenth); writes data/bench.json
	$(BIN)/python -m bench

docs: setup ## Write docs/features.md, and the lineage site as one page: data/docs/index.html
	$(BIN)/python -m flows.docs

train-head: setup ## Fit the embedded model's head to scoring/training (seconds; prints its revision)
	$(BIN)/python -m scoring.train_head

lock: ## Write requirements.lock anew from requirements.in, keeping the versions it pins
	rm -rf .venv-lock && $(PYTHON) -m venv .venv-lock
	.venv-lock/bin/pip install --quiet --disable-pip-version-check torch==2.13.0
	.venv-lock/bin/pip install --quiet --disable-pip-version-check -r requirements.in -c requirements.lock
	{ sed -n '/^#/p' requirements.lock; .venv-lock/bin/pip freeze --all --exclude pip | sed 's/+cpu$$//'; } > .lock.new
	mv .lock.new requirements.lock && rm -rf .venv-lock

clean: ## Remove built data, dbt artifacts and caches (keeps .venv)
	rm -rf data dbt_project/target dbt_project/logs .mypy_cache .ruff_cache .hypothesis
