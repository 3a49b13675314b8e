# `make demo` and `make test` set up everything on a fresh machine; `make` lists all targets.

VENV ?= .venv
MASK_VENV ?= .venv-mask
PYTHON ?= python3
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
JOBS ?= auto
ARGS ?=
BENCH_PYTHON ?=
# What an environment is made of; `make install-mask` makes one of other parts.
CONSTRAINTS ?= constraints.txt
TORCH ?= torch
SELF ?= .
PINNED = $(addprefix -c ,$(CONSTRAINTS))

.DEFAULT_GOAL := help
.PHONY: help demo test mask lint types ext bench bench-check install install-dev install-mask clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

demo: install ## set up, then segment a photograph with the bundled model: out/demo
	$(BIN)/python demo.py --out out/demo $(ARGS)

test: install-dev ## set up, then run all tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) $(ARGS)

mask: install-mask ## set up torchvision in an environment of its own, then run the tests that need it
	tests=$$(grep -rl --include='test_*.py' 'importorskip("torchvision"' tests) && \
		OMP_NUM_THREADS=1 $(MASK_VENV)/bin/python -m pytest -n $(JOBS) $$tests $(ARGS)

lint: install-dev ## check style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install-dev ## check types of the public packages
	$(BIN)/mypy

ext: install ## rebuild the compiled extension; fails if that is impossible
	E2EC_BUILD=require $(PIP) install --quiet --no-build-isolation --no-deps --force-reinstall -e .

# With torchvision, ultralytics ... in an environment of its own: make bench BENCH_PYTHON=PATH
bench: $(if $(BENCH_PYTHON),,install) ## measure speed against others: e2ec/bench/ratios.json, docs/benchmarks.md
	$(or $(BENCH_PYTHON),$(BIN)/python) -m e2ec.bench --record $(ARGS)

bench-check: $(if $(BENCH_PYTHON),,install) ## fail if a speed ratio has fallen by more than a third
	$(or $(BENCH_PYTHON),$(BIN)/python) -m e2ec.bench --check $(ARGS)

install: $(VENV)/.installed ## virtual environment, packages, compiled extension
install-dev: $(VENV)/.installed-dev ## the same with what tests and checks need
install-mask: ## the same, with torchvision, in .venv-mask; the operators are those of .venv
	$(MAKE) VENV=$(MASK_VENV) CONSTRAINTS="constraints.txt constraints-mask.txt" \
		TORCH="torch torchvision" SELF=".[dev,mask]" install
	touch $(MASK_VENV)/.installed-dev
	$(MASK_VENV)/bin/python -c 'from torch import ones; from torchvision.ops import nms; \
		assert len(nms(ones(2, 4).cumsum(1), ones(2), 0.5)) == 1; print("torchvision: nms runs")'

# torch comes first: the extension is built against the torch that will load it.
$(VENV)/.installed: pyproject.toml setup.py $(CONSTRAINTS) $(shell find lib/csrc -type f)
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14))' || \
		{ echo "error: Python 3.10 to 3.13 is needed: make PYTHON=python3.12 ..."; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet $(PINNED) $(TORCH) numpy setuptools wheel ninja
	$(PIP) install --quiet $(PINNED) --no-build-isolation -e "$(SELF)"
	$(BIN)/python -m lib.ops
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(PIP) install --quiet $(PINNED) --no-build-isolation -e ".[dev]"
	touch $@

clean: ## remove builds and caches, keep data, runs and the environment
	rm -rf build .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
	find lib -name '*.so' -delete
	rm -f $(foreach venv,$(VENV) $(MASK_VENV),$(venv)/.installed $(venv)/.installed-dev)
