# One command each: `make lab`, `make run`, `make test`. `make` alone lists them.
# Works with GNU make 3.81 (macOS) and newer. Windows without make: see README.md.

VENV ?= .venv
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
PY := $(BIN)/python.exe
else
BIN := $(VENV)/bin
PY := $(BIN)/python
endif
COURSE := $(PY) -m course_tools.cli
# pip tells how far it is; in CI nobody watches.
INSTALL := $(PY) -m pip --disable-pip-version-check install $(if $(CI),--quiet)

# Tests run on this many processes; what a test file says of one lesson stays on one of them. One thread a worker: threads
# of several workers that wait for each other on the same cores can be ten times slower than one.
WORKERS ?= 2
SPREAD = OMP_NUM_THREADS=1 $(PY) -m pytest -n $(WORKERS) --dist loadscope --no-loadscope-reorder

# `make quick` leaves out the lessons that are as in this commit.
BASE ?= main

.DEFAULT_GOAL := help
.PHONY: help lab run test quick unit lint build doctor setup setup-dev clean distclean

help: ## this list
	@echo "From Noise to Flowers"
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))
	@echo
	@echo "  make lab PORT=8890           another port"
	@echo "  make run PRESET=smoke LESSONS=\"00 01\" DATASET=mnist"
	@echo "  make test ARGS=\"-k q_sample\"  hand something to pytest"
	@echo "  make quick BASE=HEAD~1"

lab: setup ## open JupyterLab on lesson 00 (sets up .venv the first time)
	@$(COURSE) lab $(if $(PORT),--port $(PORT)) $(if $(LESSON),--lesson $(LESSON)) $(ARGS)

run: setup ## run every lesson headless; gallery in build/gallery (PRESET= LESSONS= DATASET=)
	@$(COURSE) run $(if $(PRESET),--preset $(PRESET)) $(if $(DATASET),--dataset $(DATASET)) \
		$(if $(LESSONS),--lessons "$(LESSONS)") $(ARGS)

# The browser tests come last, when no lesson is executed beside them: they wait for a picture as a person waits. Status 5
# means that none was there to run, which is no success unless ARGS chose others.
test: lint ## lint, then every test (ALL=1: each lesson with every image set)
	$(SPREAD) -m "not browser" $(ARGS)
	$(SPREAD) -m browser $(ARGS)$(if $(ARGS), || [ $$? -eq 5 ])

quick: lint ## lint, the tests of the code, and the lessons that differ from BASE=main
	$(SPREAD) -m "not browser" --changed-against $(BASE) $(ARGS)

unit: lint ## lint, and the tests that open neither a lesson nor a browser
	$(SPREAD) -m "not notebooks and not browser" $(ARGS)

lint: setup-dev ## style, formatting, types, floors
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(BIN)/lint-imports

build: setup-dev ## both editions of every lesson from its source (LESSONS=)
	@$(COURSE) build $(LESSONS) $(ARGS)

doctor: setup ## what is installed, and what to do about what is missing
	@$(COURSE) doctor

clean: ## remove what the commands made; keeps .venv
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find course_utils course_tools tests solutions benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

distclean: clean ## and .venv too
	rm -rf $(VENV)

# ---------------------------------------------------------------- the environment
# A stamp holds the checksum of what was installed from, so that a second call costs nothing, and a
# new checkout of the same files costs nothing either.

setup: $(VENV)/.ready
setup-dev: $(VENV)/.ready-dev

CHECKSUM := cat pyproject.toml constraints.txt | cksum

# The first Python from 3.10 to 3.13 on the path; else any newer one.
define FIND_PYTHON
for p in $(PYTHON) python3 python python3.13 python3.12 python3.11 python3.10; do \
  if "$$p" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14))' >/dev/null 2>&1; then found="$$p"; break; fi; \
done; \
if [ -z "$$found" ]; then for p in python3 python; do \
  if "$$p" -c 'import sys; sys.exit(sys.version_info < (3, 14))' >/dev/null 2>&1; then found="$$p"; break; fi; \
done; fi; \
if [ -z "$$found" ]; then \
  echo "The course needs Python 3.10 or newer, and none was found: install one, or name it with 'make $(firstword $(MAKECMDGOALS)) PYTHON=/path/to/python3'." >&2; exit 1; \
fi; \
if ! "$$found" -c 'import ensurepip, venv' >/dev/null 2>&1; then \
  echo "Python is here, but its venv module is not: on Debian and Ubuntu, 'sudo apt-get install python3-venv' brings it." >&2; exit 1; \
fi
endef

# `make lab TORCH_BACKEND=cpu` (or auto, cu130, …) takes that build of PyTorch: uv knows where each one is kept.
ifneq ($(TORCH_BACKEND),)
TORCH_FIRST = $(INSTALL) uv && \
	$(BIN)/uv pip install --quiet --python $(PY) --torch-backend=$(TORCH_BACKEND) -c constraints.txt torch || exit 1;
endif

$(PY):
	@$(FIND_PYTHON); echo "Setting up $(VENV) with $$("$$found" --version)"; "$$found" -m venv $(VENV)

$(VENV)/.ready: pyproject.toml constraints.txt $(PY)
	@if [ -f $@ ] && [ "$$(cat $@)" = "$$($(CHECKSUM))" ]; then touch $@; else \
	echo "Installing the course: a few minutes the first time."; $(TORCH_FIRST) \
	$(INSTALL) -c constraints.txt -e . && $(CHECKSUM) > $@; fi

$(VENV)/.ready-dev: pyproject.toml constraints.txt $(PY)
	@if [ -f $@ ] && [ "$$(cat $@)" = "$$($(CHECKSUM))" ]; then touch $@; else \
	echo "Installing the course and its tools: a few minutes the first time."; $(TORCH_FIRST) \
	$(INSTALL) -c constraints.txt -e '.[dev]' && $(CHECKSUM) > $@ && cp $@ $(VENV)/.ready; fi
