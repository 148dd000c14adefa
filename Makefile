# The two commands: `make demo` and `make test`. Both set up what they need in .venv and .tools.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TOOLS := .tools
export PATH := $(CURDIR)/$(TOOLS)/bin:$(PATH)

.PHONY: demo test test-grafana-schema test-container lint unit integration browser soak fuzz bench picture dashboards kubernetes readme lock dist clean

demo: $(VENV)/.run
	@$(BIN)/atess-exporter demo

test: lint $(TOOLS)/.build $(TOOLS)/.wheelhouse $(TOOLS)/.systemd $(TOOLS)/.chromium
	$(BIN)/python -m pytest

lint: $(VENV)/.dev $(TOOLS)/.prometheus
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Grafana's own types need Node.js
test-grafana-schema:
	sh tests/setup/node.sh
	cd tests/grafana/schema && npm ci --no-audit --no-fund --silent && npm run --silent check

# The image, built from the Dockerfile and run; needs root and Debian's archive
test-container: $(VENV)/.dev
	sh tests/setup/container.sh
	$(BIN)/python -m tests.container

unit: $(VENV)/.dev
	$(BIN)/python -m pytest tests/unit

integration: $(VENV)/.dev $(TOOLS)/.prometheus
	$(BIN)/python -m pytest tests/integration

browser: $(VENV)/.dev $(TOOLS)/.chromium
	$(BIN)/python -m pytest tests/browser

# 20 minutes of 1,000 devices at ten times their pace, with random faults
soak: $(VENV)/.dev
	$(BIN)/python -m tests.soak

# coverage-guided, until it finds something or RUNS are over
RUNS ?= 10000000
fuzz: $(VENV)/.dev
	$(BIN)/python tests/fuzz/atheris_answers.py -runs=$(RUNS) -print_final_stats=1

# what a scrape, a reading, a poll and a start cost, side by side with others; some 5 minutes. With client_golang where there is
# Debian's golang-go and golang-github-prometheus-client-golang-dev
bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks

# the README's picture of the devices page
picture: $(VENV)/.dev $(TOOLS)/.chromium
	$(BIN)/python -m tests.browser.picture

# every file that is made from code
dashboards: $(VENV)/.dev
	$(BIN)/python -m grafana.generate

kubernetes: $(VENV)/.dev
	$(BIN)/python -m tests.deploy.prometheus_rules

readme: $(VENV)/.dev
	$(BIN)/python -m tests.readme

# the versions that the image is built from; UPGRADE=--upgrade takes the latest
UPGRADE ?=
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url $(UPGRADE)
lock: $(VENV)/.dev
	$(LOCK) pyproject.toml --output-file requirements/run.txt
	$(LOCK) requirements/build.in --output-file requirements/build.txt

# sdist and wheel, the same bytes every time
dist: $(TOOLS)/.build
	rm -rf dist
	$(TOOLS)/build/bin/python -m build --no-isolation --outdir dist

clean:
	rm -rf $(VENV) $(TOOLS) dist

$(BIN)/python:
	sh tests/setup/venv.sh "$(PYTHON)" $(VENV)

$(VENV)/.run: $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

$(VENV)/.dev: $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@ $(VENV)/.run

$(TOOLS)/.build: requirements/build.txt
	sh tests/setup/venv.sh "$(PYTHON)" $(TOOLS)/build
	$(TOOLS)/build/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/build.txt
	touch $@

# what the tests install offline
$(TOOLS)/.wheelhouse: $(TOOLS)/.build requirements/run.txt
	rm -rf $(TOOLS)/wheelhouse
	$(TOOLS)/build/bin/python -m pip download --quiet --disable-pip-version-check --require-hashes --only-binary=:all: \
		--requirement requirements/run.txt --dest $(TOOLS)/wheelhouse
	touch $@

$(TOOLS)/.prometheus: tests/setup/prometheus.sh
	sh tests/setup/prometheus.sh $(TOOLS)
	touch $@

$(TOOLS)/.systemd: tests/setup/systemd.sh
	sh tests/setup/systemd.sh
	mkdir -p $(TOOLS)
	touch $@

$(TOOLS)/.chromium: tests/setup/chromium.sh
	sh tests/setup/chromium.sh
	mkdir -p $(TOOLS)
	touch $@
