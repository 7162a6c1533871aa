# Every target sets up what it needs in .venv; nothing has to be installed before but Python 3.11+ and a C++ compiler.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Without --no-compile, pip compiles every module of every package, and a command imports a few of them only.
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile
BENCHMARKS := peak passes scoring starts scaling random_shapes photo memory larger_than_memory import_time acceleration default_fit whole_fit busy concurrency adversarial optima search_time missing_values imputation em_batch shared_axes incomplete_passes alignment coverage plots onnx_precision conditioning regression cluster_rules noise constraints breakdown factor_analyzers checkpoint_kills dask_cluster
# Every BLAS chooses its own kernels.
FAIR := env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE
# Processes that share the tests.
PROCESSES ?= 2
# The editable install records the packages, so a new one is a reason to install again.
SOURCES := pyproject.toml CMakeLists.txt $(wildcard cpp/*.?pp cpp/*/*.?pp) $(shell find src -name __init__.py)

SANITIZED := build/sanitized
# The sanitizers' runtime comes first in the process; leaks are not looked for, because Python keeps memory at its end.
# pytest must leave the file descriptors alone (--capture=sys), or a report would be lost with the process that it ends.
CHECKED = LD_PRELOAD="$(shell $(CXX) -print-file-name=libasan.so) $(shell $(CXX) -print-file-name=libstdc++.so)" \
	ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1 $(SANITIZED)/bin/python

.PHONY: demo test test-fast test-torch lint format bench bench-segmentation bench-selection bench-bayesian bench-classification bench-outliers bench-app docs sanitize clean

# No tables and no image formats but PNG: the demo needs none of their libraries.
demo: $(VENV)/.plots
	$(BIN)/gaussmix demo -o demo-output

test: $(VENV)/.test
	$(BIN)/python -m pytest -n $(PROCESSES) --dist worksteal

# No slow tests, no doctests, none of scikit-learn's own tests.
test-fast: $(VENV)/.test
	$(BIN)/python -m pytest -n $(PROCESSES) --dist worksteal -m "not slow and not contract" tests

# Tests of rows in torch tensors, on the CPU and on the devices that are here; without torch they are skipped.
test-torch: $(VENV)/.test $(VENV)/.torch
	$(BIN)/python -m pytest tests/core/test_torch_engine.py tests/estimators/test_torch_tensors.py

lint: $(VENV)/.test $(VENV)/.lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/clang-format --dry-run --Werror cpp/*.?pp cpp/*/*.?pp benchmarks/*.cpp
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python docs/check_docstrings.py
	$(BIN)/python tests/check_sizes.py

format: $(VENV)/.lint
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i cpp/*.?pp cpp/*/*.?pp benchmarks/*.cpp

bench: $(VENV)/.bench
	@failed=; for name in $(BENCHMARKS); do \
	  echo "== $$name"; $(FAIR) $(BIN)/python benchmarks/$$name.py $(BENCH_OPTIONS) || failed="$$failed $$name"; \
	done; test -z "$$failed" || { echo "missed what they claim, or failed:$$failed"; exit 1; }

# DATA: a folder with bsds500_val, grabcut, gmm_classics and medical; EVALUATION: one with the metrics and the phantom.
bench-segmentation: $(VENV)/.segmentation-bench
	$(FAIR) $(BIN)/python benchmarks/segmentation/large.py --peers
	$(BIN)/python benchmarks/segmentation/tiles.py
	$(BIN)/python benchmarks/segmentation/potts.py --peers
	$(BIN)/python benchmarks/segmentation/photographs.py --data $(DATA) --evaluation $(EVALUATION)
	$(BIN)/python benchmarks/segmentation/jpeg.py
	$(BIN)/python benchmarks/segmentation/figure_ground.py --data $(DATA)
	$(BIN)/python benchmarks/segmentation/phantom.py --data $(DATA) --evaluation $(EVALUATION)
	$(BIN)/python benchmarks/segmentation/studies.py --data $(DATA) -o demo-output/studies
	$(BIN)/python benchmarks/segmentation/check_metrics.py --data $(DATA) --reference $(EVALUATION)/region_metrics.py

# DATA: a folder with tables and mclust's values for them. R and its package mclust are peers where they are installed.
bench-selection: $(VENV)/.bench
	@failed=; for name in live_mclust tables published timing recovery; do \
	  test $$name = recovery && data= || data="--data $(DATA)"; \
	  echo "== $$name"; $(FAIR) $(BIN)/python benchmarks/selection/$$name.py $$data $(BENCH_OPTIONS) || failed="$$failed $$name"; \
	done; test -z "$$failed" || { echo "missed what they claim, or failed:$$failed"; exit 1; }

# PyOD is a peer where it is installed.
bench-outliers: $(VENV)/.bench
	@failed=; for name in p_values detection; do \
	  echo "== $$name"; $(FAIR) $(BIN)/python benchmarks/outliers/$$name.py $(BENCH_OPTIONS) || failed="$$failed $$name"; \
	done; test -z "$$failed" || { echo "missed what they claim, or failed:$$failed"; exit 1; }

# DATA: a folder with banknote.csv, crabs.csv, diabetes.csv, olive.csv, penguins4.csv and thyroid.csv.
bench-classification: $(VENV)/.bench
	$(BIN)/python benchmarks/classification.py --tables $(DATA) $(BENCH_OPTIONS)

bench-app: $(VENV)/.bench # needs Chromium, and playwright of the extra "test"
	$(FAIR) $(BIN)/python benchmarks/app_latency.py $(BENCH_OPTIONS)

bench-bayesian: $(VENV)/.bench
	@failed=; for name in passes default_fit number_of_components intervals; do \
	  echo "== $$name"; $(FAIR) $(BIN)/python benchmarks/bayesian/$$name.py $(BENCH_OPTIONS) || failed="$$failed $$name"; \
	done; test -z "$$failed" || { echo "missed what they claim, or failed:$$failed"; exit 1; }

# Scripts of examples/ run here, one at a time: their times are said on their pages.
docs: $(VENV)/.docs docs/auto_examples/.of_this_code
	$(BIN)/sphinx-build -W --keep-going -q -j 2 docs docs/_build
	$(BIN)/python docs/check_site.py docs/_build
	@echo "Open docs/_build/index.html"

# A page whose script has not changed is not run again, unless the code has.
docs/auto_examples/.of_this_code: $(SOURCES) $(shell find src -name "*.py") docs/conf.py
	rm -rf docs/auto_examples docs/reference docs/_build
	mkdir docs/auto_examples
	@touch $@

sanitize: $(SANITIZED)/.test
	$(CHECKED) -c "from gaussmix.core import _native; assert '-fsanitize=address' in _native.build_description()"
	$(CHECKED) -m pytest --capture=sys
	for name in $$($(CHECKED) -c "from gaussmix.core import _native; print(*_native.instruction_sets()[1:])"); do \
	  GAUSSMIX_ISA=$$name $(CHECKED) -m pytest --capture=sys tests/core/test_engines.py tests/core/test_kernels.py tests/fitting/test_em.py || exit 1; \
	done

clean:
	rm -rf build dist docs/_build docs/auto_examples docs/reference demo-output $(VENV)/.plots $(VENV)/.test $(VENV)/.lint $(VENV)/.bench $(VENV)/.docs

$(BIN)/python:
	@echo "Creating $(VENV)"
	$(PYTHON) -m venv $(VENV)

# pip's build isolation has a new path for nanobind each time, and CMake would compile everything again. So the build
# tools are installed here: those of pyproject.toml, and CMake and Ninja, which pip adds to isolated builds only.
$(VENV)/.build-tools: pyproject.toml | $(BIN)/python
	@echo "Installing the build tools"
	$(PIP) cmake ninja $$($(BIN)/python -c "import tomllib; \
	  print(*tomllib.load(open('pyproject.toml', 'rb'))['build-system']['requires'])")
	@touch $@

# One stamp per extra; any of them compiles what has changed in the sources.
$(VENV)/.%: $(SOURCES) | $(VENV)/.build-tools
	@echo "Installing the extra $*, and compiling what has changed in cpp/: a minute of processor time in a fresh clone"
	$(PIP) --no-build-isolation --editable ".[$*]"
	@touch $@

# An environment of its own: an editable install serves one build only.
$(SANITIZED)/.test: $(SOURCES)
	$(PYTHON) -m venv $(SANITIZED)
	$(SANITIZED)/bin/python -m pip install --quiet --disable-pip-version-check --editable ".[test]" \
	  -C build-dir=$(SANITIZED)/cmake -C cmake.define.GAUSSMIX_SANITIZE=ON -C cmake.build-type=RelWithDebInfo
	@touch $@
