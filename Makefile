# Junction's commands. Everything goes into .venv and var/ of this folder; nothing else on the machine is touched.
# Settings are environment variables (see README); a file .env is not read.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
export PYTHONUNBUFFERED := 1
PROCESSES = web worker beat $(if $(REDIS_URL),,broker)
# LISTEN_PORT and --env: see Procfile.
START = env LISTEN_PORT="$$PORT" honcho --env /dev/null start $(PROCESSES)

.DEFAULT_GOAL := help
.PHONY: help run demo test fuzz lint pin schema bench-import bench-runs bench-refresh bench-proxy bench-lists

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' Makefile

run: $(VENV)/installed  ## set up and start everything; Ctrl-C stops it
	@python manage.py bootstrap --check-port
	@exec $(START)

demo: export EGRESS_ALLOW := $(or $(EGRESS_ALLOW),loopback)
demo: export VENDOR_PORT := $(or $(VENDOR_PORT),8090)
demo: $(VENV)/installed  ## the same with something to click: sample organizations, a vendor, a finished run
	@python manage.py bootstrap --check-port
	@python manage.py demo --vendor-port $(VENDOR_PORT)
	@exec $(START) vendor

test: $(VENV)/installed-dev  ## run the tests; PYTEST="-k words" passes options on
	@pytest -n $(or $(TEST_PROCESSES),auto) --dist worksteal $(PYTEST)

fuzz: $(VENV)/installed-dev  ## ask a running Junction a counted number of generated requests (schemathesis); FUZZ="--include-operation-id startRun"
	@python -m tests.api.fuzz $(FUZZ)

lint: $(VENV)/installed-dev  ## check style, types, imports, migrations
	ruff check
	ruff format --check
	lint-imports --no-cache
	mypy
	python manage.py check
	python manage.py makemigrations --check --dry-run

pin: $(VENV)/installed-dev  ## take the newest versions that requirements*.in allow
	pip install --quiet --upgrade uv
	uv pip compile --universal --python-version 3.11 --no-header --annotation-style line --upgrade --quiet requirements.in -o requirements.txt
	uv pip compile --universal --python-version 3.11 --no-header --annotation-style line --upgrade --quiet requirements-dev.in -o requirements-dev.txt

bench-import: $(VENV)/installed  ## time the import against json.loads (needs npm); BENCH=--peers: other tools too
	@python benchmarks/bench_import.py $(BENCH)

bench-runs: $(VENV)/installed  ## time runs against a plain loop and dlt; BENCH="--quick --no-peers" for less
	@python benchmarks/bench_runs.py $(BENCH)

bench-refresh: $(VENV)/installed  ## time the renewal of 10,000 due tokens beside one Celery task each
	@python benchmarks/bench_refresh.py $(BENCH)

bench-lists: $(VENV)/installed  ## time lists over 5,000 organizations and 50,000 connections against ten rows
	@python benchmarks/bench_lists.py $(BENCH)

bench-proxy: $(VENV)/installed-dev  ## requests through the proxy beside a bare Django view on gunicorn's threads
	@python benchmarks/bench_proxy.py $(BENCH)

schema: $(VENV)/installed  ## write the API's OpenAPI document to var/schema.yaml
	@python manage.py spectacular --validate --file var/schema.yaml

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Junction needs Python 3.11 or newer; \"$(PYTHON)\" is not. Install it, or name another one: make run PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
	  { rm -rf $(VENV); echo "Python's module venv is missing or broken. On Debian and Ubuntu: apt install python3-venv"; exit 1; }

# Each stamp is younger than the files that it was installed from.
$(VENV)/installed: requirements.txt | $(BIN)/python
	@echo "Installing requirements.txt …"
	@python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/installed-dev: requirements-dev.txt $(VENV)/installed
	@echo "Installing requirements-dev.txt …"
	@python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@
