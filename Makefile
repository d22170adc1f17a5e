# Everything a person types. Longer logic lives in tools/setup.sh.
.DEFAULT_GOAL := help
.PHONY: help setup demo test faults check lint types links architecture unit clean
.SUFFIXES:

READY := .venv/.ready
RUN := .venv/bin/
LINKS := $(addprefix build/typing/tacit/,stream models pipeline)
JOBS ?= 2
UNIT := not process and not data and not media and not slow and not live

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "%-8s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: $(READY) ## make .venv with all packages, and the system libraries they need

# Redone when the dependencies change; otherwise `make setup` costs nothing.
$(READY): pyproject.toml constraints.txt tools/setup.sh
	@sh tools/setup.sh
	@touch $@

demo: setup ## see Tacit on the bundled sample: in the browser, or on the terminal
	@$(RUN)tacit demo

# Whole calls happen in real time, so they run when nothing else does: a second pass, one process.
# Processes and calls have time limits that a busy machine can break: what failed is run once more,
# alone, and counts only if it fails again.
test: setup ## run every test
	@sh tools/setup.sh --tests
	@failed=0; \
	$(RUN)python -m pytest -q -n $(JOBS) --dist loadfile -m "not live" || \
		$(RUN)python -m pytest -q --lf --lfnf=none -m "not live" || failed=$$?; \
	$(RUN)python -m pytest -q -m live || $(RUN)python -m pytest -q --lf --lfnf=none -m live || failed=$$?; \
	exit $$failed

faults: setup ## break Tacit in every way of the fault table, and measure (docs/reliability.md)
	@sh tools/setup.sh --tests
	@OMP_NUM_THREADS=1 $(RUN)python tools/faults.py run --out results/faults/table.jsonl; \
		status=$$?; $(RUN)python tools/faults.py render; exit $$status

check: lint types architecture unit ## lint, types, architecture and unit tests, in under a minute

lint: setup
	@$(RUN)ruff check .
	@$(RUN)ruff format --check .

# mypy does not see through the import hook of an editable install (docs/decisions.md, 1).
types: setup links
	@MYPYPATH=build/typing:. $(RUN)mypy -p tacit -p tests -p tools

links: $(LINKS)

build/typing/tacit/%:
	@mkdir -p $(@D)
	@ln -sfn ../../../$* $@

architecture: setup
	@$(RUN)python -m pytest -q tests/test_architecture.py

unit: setup
	@$(RUN)python -m pytest -q -n $(JOBS) --dist loadfile -m "$(UNIT)" \
		--ignore=tests/test_architecture.py

clean: ## remove what was built, and .venv
	rm -rf .venv build dist tacit.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
