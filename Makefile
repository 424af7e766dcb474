# Two commands start everything: `make run` and `make test`.
.ONESHELL:
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
# A requirements file says what is wanted, and why; the lock beside it, which `make lock` writes, says
# what is installed, to the byte. Those of TOGETHER share .venv and agree; one of APART has its own.
TOGETHER := requirements-dev requirements-operate requirements-llm requirements
APART := requirements-prover requirements-peers requirements-docs requirements-supply requirements-bench
SUPPLY := .venv-supply/bin
# Where there are wheels of everything, nothing is built: what builds stands in no lock.
WHEELS := $(if $(filter Linux-x86_64,$(shell uname -s)-$(shell uname -m)),--only-binary :all:)
INSTALL := -m pip --disable-pip-version-check install --quiet --require-virtualenv --require-hashes $(WHEELS)
# Tests have a Postgres and a Redis of their own, and touch no other.
TEST_ENV := env -u DATABASE_URL -u DATABASE_OWNER_URL -u REDIS_URL -u BROKER_URL VAR_DIR=var/test
# Files of tests run in three lanes, each with servers of its own, as each waits a good deal;
# LANES= runs them one by one.
LANES ?= -n 3 --dist loadfile --no-loadscope-reorder

.PHONY: run test setup lint fmt bench chaos trials docs site pictures css mail lock audit sbom clean help

help: ## what there is to make
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

.venv/.runtime: requirements.lock
	@echo "installing what the product runs on into .venv (once)"
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python $(INSTALL) -r requirements.lock
	touch $@

.venv/.dev: .venv/.runtime requirements-dev.lock
	@echo "installing what the tests and checks need"
	$(BIN)/python $(INSTALL) -r requirements-dev.lock
	touch $@

.venv-%/.ready: requirements-%.lock
	@echo "installing $< into .venv-$* (once)"
	test -x .venv-$*/bin/python || $(PYTHON) -m venv .venv-$*
	.venv-$*/bin/python $(INSTALL) -r $<
	touch $@

# Whatever of it cannot be installed has a line that says so.
.venv-bench/.ready: requirements-bench.lock
	@echo "installing what the product is measured against into .venv-bench (once)"
	test -x .venv-bench/bin/python || $(PYTHON) -m venv .venv-bench
	if .venv-bench/bin/python $(INSTALL) -r $<; then touch $@; else echo "bench: the peers could not all be installed"; fi

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

trials: .venv/.dev .venv-prover/.ready .venv-peers/.ready ## break things on purpose, count, write docs/trials.md (ONLY=name, LONG=1)
	@exec $(TEST_ENV) $(BIN)/python -m tools.trials $(if $(ONLY),--only $(ONLY)) $(if $(LONG),--long)

bench: .venv/.dev $(if $(ARGS),$(if $(findstring rivals,$(ARGS)),.venv-bench/.ready),.venv-bench/.ready) ## measure, write docs/benchmarks.md (ARGS=name: one of them)
	@exec $(TEST_ENV) $(BIN)/python manage.py bench --keep $(ARGS)

docs: .venv/.dev ## regenerate the reference pages of docs/
	@$(TEST_ENV) $(BIN)/python manage.py reference

site: .venv-docs/.ready ## make a site of docs/ in var/site; a broken link fails it
	@exec .venv-docs/bin/python tools/make_site.py

pictures: .venv/.dev ## take the pictures of docs/ anew, of the real pages
	@$(TEST_ENV) $(BIN)/python -m config.browser
	@exec $(TEST_ENV) PICTURES=docs/pictures $(BIN)/python -m pytest -m long tests/browser/test_tour.py

css: ## build the one style of all pages (needs node; nothing of it is needed to run)
	@cd assets
	npm install --no-save --no-audit --no-fund
	npm run build

mail: ## build the templates of mails from assets/*.mjml (needs what the tests need)
	@$(BIN)/python tools/mail_template.py

lock: .venv-supply/.ready ## write the locks anew; ARGS=--upgrade takes what is newest
	@index=$$($(SUPPLY)/python -m pip config get global.index-url 2>/dev/null || true)
	lock() { # one that says the same stays as old as it is, so that nothing is installed again
	    test ! -e "$$1.lock" || cp -p "$$1.lock" "$$1.lock.was"
	    $(SUPPLY)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	        --annotation-style line --custom-compile-command "make lock" \
	        $${index:+--default-index "$$index"} "$$1.txt" --output-file "$$1.lock" "$${@:2}" $(ARGS) >/dev/null
	    if cmp -s "$$1.lock" "$$1.lock.was"; then mv "$$1.lock.was" "$$1.lock"; fi
	    rm -f "$$1.lock.was"
	}
	for name in $(firstword $(TOGETHER)) $(APART); do lock $$name; done
	for name in $(wordlist 2,99,$(TOGETHER)); do lock $$name --constraints $(firstword $(TOGETHER)).lock; done

audit: .venv-supply/.ready ## known weaknesses of what is locked; says so where nobody can be asked
	@$(SUPPLY)/python tools/audit.py $(addsuffix .lock,$(TOGETHER) $(APART))

sbom: .venv-supply/.ready ## what the product consists of, as CycloneDX, to standard output
	@$(SUPPLY)/cyclonedx-py requirements requirements.lock --output-reproducible

clean: ## stop the embedded services and remove what was made
	@test ! -x $(BIN)/python || $(BIN)/python manage.py services down
	rm -rf .venv .venv-* var
