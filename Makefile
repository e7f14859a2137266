# Copyright: Contributors to the datalake.dms project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Everything a contributor does, from a plain clone: it needs Python 3.11 or newer (with venv and pip), make and PyPI.
# `make test PYTHON=python3.12` takes another Python than `python3`; each has an environment of its own in .venv.

ifndef PYTHON
PYTHON := $(shell for p in python3 python3.13 python3.12 python3.11; do $$p -c '' 2>/dev/null && command -v $$p && break; done)
endif
VENV := $(if $(PYTHON),$(shell $(PYTHON) tests/tools/environment.py --where 2>/dev/null))
BIN := $(VENV)/bin
# Who has nothing to do takes from the other; what takes longest comes first, see tests/integration/playbooks/conftest.py.
PYTEST = $(BIN)/pytest -n 2 --dist worksteal

# What the tools start in their turn (molecule: ansible-playbook) comes from the same environment.
export PATH := $(CURDIR)/$(BIN):$(PATH)
# No test may depend on the caller's settings, nor reach an AWS account that the caller happens to be signed in to.
unexport PYTHONPATH $(filter ANSIBLE_% AWS_% MOLECULE_%,$(.VARIABLES))
export AWS_CONFIG_FILE := /dev/null
export AWS_SHARED_CREDENTIALS_FILE := /dev/null
export AWS_EC2_METADATA_DISABLED := true
# The environments come without bytecode (pip --no-compile): what is used is compiled once, and each play starts twice as fast.
unexport PYTHONDONTWRITEBYTECODE
# Collections under ~/.ansible would shadow the checkout.
export ANSIBLE_HOME := $(CURDIR)/.ansible

.PHONY: help python setup demo test matrix checks lint unit compat molecule smoke sample sanity crash throttle permissions bench build clean spread
.NOTPARALLEL:

help:  ## List what make can do, and about how long it takes on two quiet cores, where that is known
	@sed -n 's/^\([a-z]*\):.*## /  make \1|/p' $(firstword $(MAKEFILE_LIST)) | tr '|' '\t' | expand -t 18

python:
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed, and there is no python3 on PATH." >&2; exit 1; }

setup: python  ## Make or refresh the environment, .venv/<python> (a quarter of a minute, once)
	@$(PYTHON) tests/tools/environment.py

demo: setup  ## Show the collection at work against the embedded AWS (ten seconds)
	@$(BIN)/python tests/tools/demo.py $(ENVIRONMENTS)

test: checks unit molecule  ## Run every check on one Python (ten minutes)
	@$(BIN)/python tests/tools/passed.py
	@echo "All checks passed on $$($(BIN)/python --version)."

matrix: python  ## Run what depends on it on every supported Python (but where `make test` just passed; a minute for each)
	@$(PYTHON) tests/tools/matrix.py $(MAKE) compat smoke

# None keeps two cores busy.
checks: setup
	@folder=$$(mktemp -d); \
	for part in lint sample; do { $(MAKE) --no-print-directory $$part >$$folder/$$part 2>&1 || touch $$folder/failed; } & done; \
	$(MAKE) --no-print-directory sanity || touch $$folder/failed; \
	wait; cat $$folder/lint $$folder/sample; ! test -e $$folder/failed; status=$$?; rm -r $$folder; exit $$status

lint: setup  ## Check style, types, changelog and documentation (a minute)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/ansible-lint --offline
	$(BIN)/antsibull-changelog lint
	@# It asks git what to copy of amazon.aws, which is in .venv: without the ceiling git would say "nothing, it is ignored".
	GIT_CEILING_DIRECTORIES=$(CURDIR) $(BIN)/antsibull-docs lint-collection-docs --plugin-docs .

unit: setup  ## Run the unit and integration tests (about six minutes)
	$(PYTEST) tests/integration tests/unit

compat: setup  ## Run the tests that depend on the version of Python (three minutes)
	$(PYTEST) -m "not once" tests/integration/modules tests/unit/plugins tests/unit/collection

smoke: setup  ## Run what depends most on the versions of ansible-core and amazon.aws: playbooks and some molecule scenarios (a minute)
	$(PYTEST) -m "not once" tests/integration/playbooks
	$(BIN)/molecule test -s handshake -s service_roles --workers 2

molecule: setup  ## Run all molecule scenarios (two minutes)
	$(BIN)/molecule test --all --workers 2

sanity: setup  ## Run ansible-test sanity (a minute)
	$(BIN)/python tests/tools/sanity.py

sample: setup  ## Take a sample of the crash matrix: disturb runs at every third call that changes something (a minute)
	$(BIN)/python tests/tools/crash.py --sample

crash: setup  ## Disturb runs at each call of AWS, in each way, and interleave pairs of runs (hours; CRASH=--each-call: half an hour)
	$(BIN)/python tests/tools/crash.py $(CRASH)
	INTERLEAVINGS=100 $(PYTEST) tests/integration/modules/test_interleaved_runs.py

spread: setup  ## Take 60 cases of the crash matrix, over all scenarios and ways (five minutes)
	$(BIN)/python tests/tools/crash.py --spread 60

permissions: setup  ## Compare what the roles to assume are granted with what the playbooks call (a minute; part of make test)
	$(BIN)/python tests/tools/permissions.py

throttle: setup  ## Deploy 100 endpoints under the throttle that AWS documents (ten minutes)
	$(BIN)/python tests/tools/throttle.py

bench: setup  ## Measure the collection beside what people use today (hours; BENCH=--quick: minutes)
	$(BIN)/python bench/compare.py $(BENCH)

build: setup  ## Build the collection's tarball into build/
	$(BIN)/ansible-galaxy collection build --force --output-path build

clean:  ## Remove all that make has made
	rm -rf .venv .ansible build .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -prune -exec rm -rf {} +
