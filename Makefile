# Everything is installed into .venv here; Python 3.11 to 3.14 and make are all that is needed beforehand.
# Another interpreter: make PYTHON=/path/to/python test; it gets an environment of its own, such as .venv-3.13.

CANDIDATES := python3.14 python3.13 python3.12 python3.11 python3
IS_GOOD    := -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))'
VERSION_OF := -c 'import sys; print("%d.%d" % sys.version_info[:2])'

ifeq ($(origin PYTHON),undefined)
VENV := .venv
else
VENV := .venv-$(shell "$(PYTHON)" $(VERSION_OF) 2>/dev/null)
endif

PYTHON     ?= $(shell for python in $(CANDIDATES); do \
	"$$python" $(IS_GOOD) >/dev/null 2>&1 && { echo "$$python"; break; }; done)

RUN  := $(VENV)/bin/python
CODE := supervision beamlens tests $(wildcard benchmarks)
ARGS ?=

.PHONY: help demo demo-supervision test test-all check bench fmt clean
.DEFAULT_GOAL := help

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.installed ## watch BeamLens find a fault in a web shop; ARGS="loop", ARGS="--all --json"
	@$(RUN) -m beamlens.demo $(ARGS)

demo-supervision: $(VENV)/.installed ## see a supervisor bring killed actors back
	@$(RUN) -m supervision demo $(ARGS)

test: $(VENV)/.installed ## run the tests but the slow ones; ARGS="tests/test_wire.py -k depth" for some of them
	@$(RUN) -m pytest -m "not slow" $(ARGS)

test-all: $(VENV)/.installed ## run all tests, which takes some minutes more
	@$(RUN) -m pytest $(ARGS)

check: $(VENV)/.installed ## lint, formatting, types, layers, lengths of files
	$(RUN) -m ruff check $(CODE)
	$(RUN) -m ruff format --check $(CODE)
	$(RUN) -m mypy --strict $(CODE)
	$(VENV)/bin/lint-imports --no-cache
	@find $(CODE) -name '*.py' -exec awk 'END { if (NR > 400) print FILENAME ": " NR " lines" }' {} \; \
		| awk '{ print } END { if (NR) { print "A file may have 400 lines: split it by concept."; exit 1 } }'

bench: $(VENV)/.installed-bench ## run all benchmarks in their short form
	@$(RUN) -m benchmarks all --quick $(ARGS)

fmt: $(VENV)/.installed ## sort imports, mend what can be mended, format
	$(RUN) -m ruff check --fix $(CODE)
	$(RUN) -m ruff format $(CODE)

clean: ## remove .venv and all caches
	rm -rf .venv .venv-* .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.installed: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { \
		echo "No Python 3.11 to 3.14 found ($(CANDIDATES)). Say where one is: make PYTHON=/path/to/python" >&2; \
		exit 1; }
	@"$(PYTHON)" $(IS_GOOD) || { \
		echo "$(PYTHON) is not Python 3.11 to 3.14. Say where one is: make PYTHON=/path/to/python" >&2; \
		exit 1; }
	@echo "Installing into $(VENV) with $(PYTHON); once, it takes a minute ..."
	@$(RUN) $(IS_GOOD) >/dev/null 2>&1 || "$(PYTHON)" -m venv --clear $(VENV)
	@$(RUN) -m pip install -qq --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

$(VENV)/.installed-bench: $(VENV)/.installed
	@echo "Installing what the benchmarks draw with ..."
	@$(RUN) -m pip install -qq --disable-pip-version-check -c constraints.txt -e '.[dev,bench]'
	@touch $@
