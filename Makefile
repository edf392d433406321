# Two commands do everything: `make run` and `make test`. Nothing is installed outside this folder.
PYTHON ?= python3
VENV   := .venv
PY     := $(VENV)/bin/python
NODE   = PATH="$$($(PY) -m ganache.node):$$PATH"
NPM    = $(NODE) $$($(PY) -c "from ganache.node import find_npm; print(*find_npm())")
PIP    := $(PY) -m pip --disable-pip-version-check -qq install --require-hashes

.DEFAULT_GOAL := help
.PHONY: help run demo test check quick conformance conformance-resolver forge bench lock clean

help:
	@echo "make run    set up and run the node with its demonstration, http://localhost:8000"
	@echo "make demo   tell the demonstration once in a temporary folder"
	@echo "make test   set up and run every check and test"
	@echo "make quick  the tests without the slow ones"
	@echo "make bench  the benchmarks; they print ratios (EVENTS=1000000 for the full log)"
	@echo "make conformance URL=... KEY=...   examine any EPCIS 2.0 server; without URL our own"
	@echo "make conformance-resolver URL=...  examine any GS1 resolver by a Digital Link; without URL our own"

run: $(VENV)/run.done ganache/node_modules/.package-lock.json
	@$(VENV)/bin/suyuan serve --demo

demo: $(VENV)/run.done ganache/node_modules/.package-lock.json
	@$(VENV)/bin/suyuan demo

# Three processes on two cores: most tests wait for a chain or a database, and those of one file share theirs.
test: check forge
	$(NODE) $(PY) -m pytest -n 3 --dist loadscope

quick: $(VENV)/dev.done ganache/node_modules/.package-lock.json contracts/node_modules/.package-lock.json
	$(NODE) $(PY) -m pytest -m "not slow"

# URL is that of the service, below which /capture and /events lie; KEY goes out as Authorization: Bearer.
conformance: $(VENV)/dev.done $(if $(URL),,contracts/node_modules/.package-lock.json)
	@$(NODE) CONFORMANCE_URL="$(URL)" CONFORMANCE_KEY="$(KEY)" CONFORMANCE_REPORT=conformance-report.json \
	  $(PY) -m pytest tests/conformance --ignore tests/conformance/resolver -q --tb=no --no-summary

# URL is a Digital Link that the resolver has links for, best one with qualifiers.
conformance-resolver: $(VENV)/dev.done $(if $(URL),,contracts/node_modules/.package-lock.json)
	@$(NODE) RESOLVER_URL="$(URL)" RESOLVER_REPORT=resolver-report.json \
	  $(PY) -m pytest tests/conformance/resolver -q --tb=no --no-summary

# Style, types, and that the committed artifacts are what the sources give.
check: $(VENV)/dev.done ganache/node_modules/.package-lock.json contracts/node_modules/.package-lock.json
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy
	$(NODE) $(PY) -m contracts.build --check

forge: contracts/node_modules/.package-lock.json $(VENV)/dev.done
	@$(NPM) --prefix contracts --silent test

# The committed figures of the queries are with EVENTS=1000000, which takes half an hour.
bench: EVENTS ?= 100000
bench: $(VENV)/dev.done ganache/node_modules/.package-lock.json
	$(PY) -m bench
	$(PY) -m bench.queries --events $(EVENTS)
	$(PY) -m bench.labels
	$(PY) -m bench.records
	$(PY) -m bench.resolution --identifiers $(EVENTS)

# ------------------------------------------------------------------------------ set-up

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed: install it, or name it with make PYTHON=python3.12 ..."; exit 1; }
	@echo "Making a Python environment in $(VENV) ..."
	@$(PYTHON) -m venv $(VENV) || \
	  { echo "Python's venv module is missing: on Debian and Ubuntu, apt-get install python3-venv"; exit 1; }

$(VENV)/run.done: requirements.lock pyproject.toml | $(VENV)/bin/python
	@echo "Installing the locked Python packages (about half a minute) ..."
	@$(PIP) -r requirements.lock
	@PYTHONWARNINGS=ignore $(PY) -m pip --disable-pip-version-check -qq install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/dev.done: requirements-dev.lock $(VENV)/run.done
	@echo "Installing the locked packages for tests ..."
	@$(PIP) -r requirements-dev.lock
	@touch $@

ganache/node_modules/.package-lock.json: ganache/package-lock.json $(VENV)/node.done
	@$(PY) -m ganache.install
	@touch $@

contracts/node_modules/.package-lock.json: contracts/package-lock.json $(VENV)/node.done
	@echo "Installing the Solidity compiler and the contract test tools (npm) ..."
	@$(NPM) --prefix contracts ci --ignore-scripts --loglevel=error
	@touch $@

# Node.js is taken from its wheel where there is none, or an old one.
$(VENV)/node.done: requirements-node.lock $(VENV)/run.done
	@$(PY) -m ganache.node >/dev/null 2>&1 || \
	  { echo "No Node.js 20 or newer here: taking it from its Python wheel ..."; $(PIP) -r requirements-node.lock; }
	@touch $@

lock: $(VENV)/dev.done
	$(PY) -m pip --quiet install uv
	$(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url \
	  --extra build -o requirements.lock pyproject.toml
	$(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url \
	  --extra build --extra dev -o requirements-dev.lock pyproject.toml

clean:
	rm -rf $(VENV) ganache/node_modules contracts/node_modules contracts/out contracts/cache
