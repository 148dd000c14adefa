# The two commands: `make demo` and `make test`. Both set up what they need in .venv and .tools.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TOOLS := .tools
export PATH := $(CURDIR)/$(TOOLS)/bin:$(PATH)

.PHONY: demo test lint unit integration clean

demo: $(VENV)/.run
	@$(BIN)/atess-exporter demo

test: lint
	$(BIN)/python -m pytest

lint: $(VENV)/.dev $(TOOLS)/.prometheus
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: $(VENV)/.dev
	$(BIN)/python -m pytest tests/unit

integration: $(VENV)/.dev $(TOOLS)/.prometheus
	$(BIN)/python -m pytest tests/integration

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
