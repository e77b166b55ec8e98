# Everything runs in .venv, which the first call makes from constraints.txt; only Python >= 3.11
# and make need to be there. `make PYTHON=python3.13 VENV=.venv-3.13 test` takes another Python.
VENV ?= .venv
JOBS ?= 2
OUT ?= demo
EXTRAS := all,test,notebooks,lint
# What `make test` runs besides; for instance ARGS="-k verlet" or ARGS=tests/fields
ARGS ?=

bin := $(VENV)/bin
python := $(bin)/python
installed := $(VENV)/.installed
benchmarks_installed := $(VENV)/.installed-benchmarks
run_pytest := $(python) -m pytest -q

define find_python
import ensurepip, sys; sys.exit(not (sys.version_info >= (3, 11) and sys.implementation.name == "cpython"))
endef

.PHONY: help install demo test test-all contract attack notebooks benchmarks lint format types check clean
.DEFAULT_GOAL := help

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' $(MAKEFILE_LIST) | \
		while IFS='|' read -r name text; do printf '  make %-11s %s\n' "$$name" "$$text"; done

$(python):
	@found=; for candidate in $(PYTHON) python3 python3.13 python3.12 python3.11 python3.14 python; do \
		if $$candidate -c '$(find_python)' 2>/dev/null; then found=$$candidate; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
		echo "no CPython >= 3.11 with venv found (Debian: python3-venv); try make PYTHON=..." >&2; \
		exit 1; \
	fi; \
	echo "making $(VENV) with $$($$found --version)"; \
	$$found -m venv $(VENV)

$(installed): pyproject.toml constraints.txt | $(python)
	$(python) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[$(EXTRAS)]"
	@touch $@

$(benchmarks_installed): pyproject.toml constraints.txt $(installed)
	$(python) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[benchmarks]"
	@touch $@

install: $(installed) ## make the environment and install the package in it

demo: $(installed) ## learn the solar system from measured positions, forecast to 2050
	$(bin)/dynnets learn solar-system --out $(OUT)

# One file runs in one worker, which drops its compiled programs after each file.
test: $(installed) ## the test suite; of the contracts a sample that holds every class
	@$(run_pytest) -n $(JOBS) --dist loadfile --max-worker-restart 0 \
		-m "not notebooks and not full" $(ARGS)

test-all: $(installed) ## the test suite with every contract of every class
	@$(run_pytest) -n $(JOBS) --dist loadfile --max-worker-restart 0 -m "not notebooks" $(ARGS)

contract: $(installed) ## the contract tests only, as test has them
	@$(run_pytest) -n $(JOBS) --dist loadfile -m "not full" tests/test_contract_*.py

attack: $(installed) ## hold 500 random compositions against their claims (ARGS="--seed 2 --store FILE")
	@PYTHONPATH=tests $(python) -m attack $(ARGS)

notebooks: $(installed) ## execute every notebook at small sizes
	@$(run_pytest) tests/test_notebooks.py

benchmarks: $(benchmarks_installed) ## every benchmark with its baselines (long; needs torch)
	$(python) -m benchmarks run all

lint: $(installed) ## rules and format
	$(bin)/ruff check .
	$(bin)/ruff format --check .

format: $(installed) ## mend what can be mended by machine
	$(bin)/ruff check --fix .
	$(bin)/ruff format .

types: $(installed) ## the type checker
	$(bin)/pyrefly check

check: lint types test ## what a change must pass

clean: ## remove the environment and what was written
	rm -rf $(VENV) $(OUT) .jax_cache .pytest_cache .ruff_cache .hypothesis
