# Two commands start everything: `make run` and `make test`.
.ONESHELL:
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
PROVER := .venv-prover/bin
PEERS := .venv-peers/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --require-virtualenv
# Tests have a Postgres and a Redis of their own, and touch no other.
TEST_ENV := env -u DATABASE_URL -u DATABASE_OWNER_URL -u REDIS_URL -u BROKER_URL VAR_DIR=var/test
# Files of tests run in three lanes, each with servers of its own, as each waits a good deal;
# LANES= runs them one by one.
LANES ?= -n 3 --dist loadfile --no-loadscope-reorder

.PHONY: run test setup lint fmt bench chaos docs css mail clean help

help: ## what there is to make
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

.venv/.runtime: requirements.txt constraints.txt
	@echo "installing what the product runs on into .venv (once)"
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) -r requirements.txt -c constraints.txt
	touch $@

.venv/.dev: .venv/.runtime requirements-dev.txt requirements-llm.txt constraints.txt
	@echo "installing what the tests and checks need"
	$(PIP) -r requirements-dev.txt -c constraints.txt
	touch $@

.venv-prover/.ready: requirements-prover.txt
	@echo "installing the prover of isolation into .venv-prover"
	test -x $(PROVER)/python || $(PYTHON) -m venv .venv-prover
	$(PROVER)/python -m pip --disable-pip-version-check install --quiet -r requirements-prover.txt
	touch $@

.venv-peers/.ready: requirements-peers.txt
	test -x $(PEERS)/python || $(PYTHON) -m venv .venv-peers
	$(PEERS)/python -m pip --disable-pip-version-check install --quiet -r requirements-peers.txt
	touch $@

run: .venv/.runtime ## start everything on http://127.0.0.1:8000, until Ctrl-C
	@exec $(BIN)/python -m config.supervise --sandbox

setup: .venv/.runtime ## prepare .venv, database and migrations, start nothing
	@$(BIN)/python -m config.prepare

test: .venv/.dev .venv-prover/.ready .venv-peers/.ready ## the whole suite against real servers
	@$(TEST_ENV) $(BIN)/python -m config.browser
	@$(TEST_ENV) $(BIN)/python -m config.mailserver
	@exec $(TEST_ENV) $(BIN)/python -m pytest $(LANES) $(ARGS)

lint: .venv/.dev ## style, types, storeys, migrations, OpenAPI
	@$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports --config .importlinter --no-cache
	$(TEST_ENV) $(BIN)/python -W ignore manage.py makemigrations --check --dry-run
	$(TEST_ENV) $(BIN)/python manage.py spectacular --validate --fail-on-warn --file /dev/null

fmt: .venv/.dev ## put the code into its one form
	@$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

chaos: .venv/.dev ## the long forms of the tests: floods, minutes, millions
	@exec $(TEST_ENV) $(BIN)/python -m pytest -m long $(ARGS)

bench: .venv/.dev ## the project's benchmarks
	@exec $(TEST_ENV) $(BIN)/python manage.py bench $(ARGS)

docs: .venv/.dev ## regenerate the reference pages of docs/
	@$(TEST_ENV) $(BIN)/python manage.py reference

css: ## build the one style of all pages (needs node; nothing of it is needed to run)
	@cd assets
	npm install --no-save --no-audit --no-fund
	npm run build

mail: ## build the templates of mails from assets/*.mjml (needs what the tests need)
	@$(BIN)/python tools/mail_template.py

clean: ## stop the embedded services and remove what was made
	@test ! -x $(BIN)/python || $(BIN)/python manage.py services down
	rm -rf .venv .venv-prover .venv-peers var
