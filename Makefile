# The two commands: `make demo` and `make test`. Both set up what they need in .venv and .tools, and install nothing but what the
# lock files in requirements/ name.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TOOLS := .tools
export PATH := $(CURDIR)/$(TOOLS)/bin:$(PATH)

# two warnings of every package that is not in each index of the machine's pip, and make's echo, would hide the few lines that matter
.SILENT:
MAKEFLAGS += --no-print-directory
PIP := $(BIN)/python -m pip --quiet --quiet --disable-pip-version-check
LOCKED := --require-hashes --only-binary=:all:
PYTEST := $(BIN)/python -m pytest --numprocesses logical --dist loadfile
# a network waits while a processor works: what is set up here can be set up side by side
SET_UP := $(MAKE) --jobs=4

.PHONY: demo check test test-long test-set-up test-grafana-schema test-container lint unit integration browser soak fuzz bench
.PHONY: pictures walks dashboards rules kubernetes docs-reference docs lock dist clean

demo: $(VENV)/.run
	$(BIN)/atess-exporter demo

# under a minute: lint, types and unit tests
check: lint unit

test:
	$(SET_UP) test-set-up
	$(MAKE) lint
	$(MAKE) docs
	$(PYTEST)

# the same, with every repetition: CI does it by night
test-long:
	$(SET_UP) test-set-up
	$(PYTEST) --long

test-set-up: $(VENV)/.dev $(TOOLS)/.wheelhouse $(TOOLS)/.prometheus $(TOOLS)/.prometheus3 $(TOOLS)/.systemd $(TOOLS)/.chromium \
	$(TOOLS)/.nginx

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tools.prose

# Grafana's own types need Node.js
test-grafana-schema:
	sh tests/setup/node.sh
	cd tests/grafana/schema && npm ci --no-audit --no-fund --silent && npm run --silent check

# The image, built from the Dockerfile and run; needs root and Debian's archive
test-container: $(VENV)/.dev
	sh tests/setup/container.sh
	$(BIN)/python -m tools.container

unit: $(VENV)/.dev
	$(PYTEST) tests/unit

integration: $(VENV)/.dev $(TOOLS)/.prometheus $(TOOLS)/.prometheus3 $(TOOLS)/.systemd $(TOOLS)/.nginx
	$(PYTEST) tests/integration

browser: $(VENV)/.dev $(TOOLS)/.nginx $(TOOLS)/.chromium
	$(PYTEST) tests/browser

# 20 minutes of 1,000 devices at ten times their pace, with random faults
soak: $(VENV)/.dev
	$(BIN)/python -m tools.soak

# coverage-guided, until it finds something or RUNS are over
RUNS ?= 10000000
fuzz: $(VENV)/.dev
	$(BIN)/python tests/fuzz/atheris_answers.py -runs=$(RUNS) -print_final_stats=1

# what a scrape, a reading, a poll and a start cost, side by side with others; some 5 minutes. With client_golang where there is
# Debian's golang-go and golang-github-prometheus-client-golang-dev
bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks

# the documentation's pictures, light and dark: pages by Chromium, dashboards drawn from their own queries; two minutes
pictures: $(VENV)/.dev $(TOOLS)/.chromium $(TOOLS)/.prometheus
	$(BIN)/python -m tools.pictures

# what the documentation tells a newcomer, step by step: the demo, a first device, a month of history; two minutes
walks: $(VENV)/.dev $(TOOLS)/.chromium $(TOOLS)/.prometheus3
	$(BIN)/python -m tools.walks

# every file that is made from code
dashboards: $(VENV)/.dev
	$(BIN)/python -m grafana.generate

rules: $(VENV)/.dev
	$(BIN)/python -m tools.fault_rules

kubernetes: rules
	$(BIN)/python -m tools.kubernetes_rules

docs-reference: $(VENV)/.dev
	$(BIN)/python -m tools.reference

# the documentation site, into site/; a broken link, anchor or picture ends it
docs: $(VENV)/.dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

# the versions of everything that is installed here; UPGRADE=--upgrade takes the latest. Only this writes a lock file,
UPGRADE ?=
COMPILE := $(BIN)/uv pip compile --quiet --system-certs --universal --python-version 3.11 --generate-hashes --no-header \
	--no-emit-index-url $(UPGRADE)
# and tries what it wrote on every Python and machine: nothing there may need a compiler
lock: $(VENV)/.dev
	$(COMPILE) pyproject.toml --output-file requirements/run.txt
	$(COMPILE) requirements/build.in --constraint requirements/run.txt --output-file requirements/build.txt
	$(COMPILE) pyproject.toml requirements/build.in --extra dev --constraint requirements/run.txt --constraint requirements/build.txt \
		--output-file requirements/dev.txt
	for python in 3.11 3.12 3.13; do for machine in x86_64 aarch64; do \
		$(BIN)/uv pip install --quiet --system-certs --dry-run --target $(TOOLS)/nothing --python-version $$python \
			--python-platform $$machine-unknown-linux-gnu $(LOCKED) --requirements requirements/dev.txt || exit 1; \
	done; done

# sdist and wheel, the same bytes every time
dist: $(VENV)/.run
	rm -rf dist
	$(BIN)/python -m build --no-isolation --outdir dist

clean:
	rm -rf $(VENV) $(TOOLS) dist site

$(BIN)/python:
	echo "Setting up $(VENV) ..."
	sh tests/setup/venv.sh "$(PYTHON)" $(VENV)

# what users run and what builds it
$(VENV)/.run: $(BIN)/python pyproject.toml requirements/run.txt requirements/build.txt
	echo "Installing the exporter into $(VENV) ..."
	$(PIP) install $(LOCKED) --requirement requirements/run.txt --requirement requirements/build.txt
	$(PIP) install --no-index --no-deps --no-build-isolation --editable .
	touch $@

$(VENV)/.dev: $(BIN)/python pyproject.toml requirements/dev.txt tests/setup/dev.sh
	echo "Installing the exporter and its tools into $(VENV) ..."
	sh tests/setup/dev.sh $(VENV)
	$(PIP) install --no-index --no-deps --no-build-isolation --editable .
	touch $@ $(VENV)/.run

# what the tests install offline
$(TOOLS)/.wheelhouse: $(BIN)/python requirements/run.txt
	rm -rf $(TOOLS)/wheelhouse
	$(PIP) download $(LOCKED) --requirement requirements/run.txt --dest $(TOOLS)/wheelhouse
	touch $@

# these ask apt, which only one may do at a time
$(TOOLS)/.prometheus: tests/setup/prometheus.sh
	sh tests/setup/prometheus.sh $(TOOLS)
	touch $@

$(TOOLS)/.systemd: tests/setup/systemd.sh | $(TOOLS)/.prometheus
	sh tests/setup/systemd.sh
	touch $@

$(TOOLS)/.chromium: tests/setup/chromium.sh | $(TOOLS)/.nginx
	sh tests/setup/chromium.sh
	touch $@

$(TOOLS)/.nginx: tests/setup/nginx.sh | $(TOOLS)/.systemd
	sh tests/setup/nginx.sh $(TOOLS)
	touch $@

# with lists of its own
$(TOOLS)/.prometheus3: tests/setup/prometheus3.sh | $(TOOLS)/.prometheus
	sh tests/setup/prometheus3.sh $(TOOLS)
	touch $@
