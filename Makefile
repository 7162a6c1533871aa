# Every target sets up what it needs in .venv; nothing has to be installed before but Python 3.11+ and a C++ compiler.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
SOURCES := pyproject.toml CMakeLists.txt $(wildcard cpp/*)

.PHONY: demo test lint format bench docs clean

demo: $(VENV)/.all
	$(BIN)/gaussmix demo -o demo-output

test: $(VENV)/.test
	$(BIN)/python -m pytest

lint: $(VENV)/.test $(VENV)/.lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/clang-format --dry-run --Werror cpp/*.hpp cpp/*.cpp
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.lint
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i cpp/*.hpp cpp/*.cpp

bench: $(VENV)/.bench
	$(BIN)/python benchmarks/passes.py
	$(BIN)/python benchmarks/memory.py
	$(BIN)/python benchmarks/import_time.py

docs: $(VENV)/.docs
	$(BIN)/sphinx-build -W --keep-going -q docs docs/_build
	@echo "Open docs/_build/index.html"

clean:
	rm -rf build dist docs/_build demo-output $(VENV)/.all $(VENV)/.test $(VENV)/.lint $(VENV)/.bench $(VENV)/.docs

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# One stamp per extra; any of them rebuilds the compiled code when it has changed.
$(VENV)/.%: $(SOURCES) | $(BIN)/python
	$(PIP) --editable ".[$*]"
	@touch $@
