# The two commands: `make demo` and `make test`. Both set up what they need in .venv and .tools.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TOOLS := .tools
export PATH := $(CURDIR)/$(TOOLS)/bin:$(PATH)

.PHONY: demo test test-grafana-schema lint unit integration soak fuzz dashboards readme clean

demo: $(VENV)/.run
	@$(BIN)/atess-exporter demo

test: lint
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

unit: $(VENV)/.dev
	$(BIN)/python -m pytest tests/unit

integration: $(VENV)/.dev $(TOOLS)/.prometheus
	$(BIN)/python -m pytest tests/integration

# 20 minutes of 1,000 devices at ten times their pace, with random faults
soak: $(VENV)/.dev
	$(BIN)/python -m tests.soak

# coverage-guided, until it finds something or RUNS are over
RUNS ?= 10000000
fuzz: $(VENV)/.dev
	$(BIN)/python tests/fuzz/atheris_answers.py -runs=$(RUNS) -print_final_stats=1

# every file that is made from code
dashboards: $(VENV)/.dev
	$(BIN)/python -m grafana.generate

readme: $(VENV)/.dev
	$(BIN)/python -m tests.readme

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

$(TOOLS)/.prometheus: tests/setup/prometheus.sh
	sh tests/setup/prometheus.sh $(TOOLS)
	touch $@
