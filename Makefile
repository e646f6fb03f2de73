# Everything that is made goes to build/; `make clean` removes it.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# The stages share the test bed, the caches and two cores.
.NOTPARALLEL:

# Not the one of an activated build/venv, which may have to be made anew.
ifndef PYTHON
PYTHON := $(shell PATH="$${PATH//"$(CURDIR)/build/venv/bin:"/}"; command -v python3.11 || command -v python3)
endif
SCENARIO ?=
ARGS ?=

VENV := build/venv
STAMPS := build/stamps
COLLECTIONS := build/collections
TARBALL = build/dist/janus-backup-$(shell sed -n 's/^version: *//p' galaxy.yml).tar.gz
# Servers that start and clients that wait leave a core idle: two tests at a time take two thirds of the time.
BESIDE := --numprocesses=2 --dist=worksteal
STAGES := lint sanity test-unit test-images test-services molecule

export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export LC_ALL := C.UTF-8
export ANSIBLE_HOME := $(CURDIR)/build/ansible
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/$(COLLECTIONS)
# A checkout that belongs to another user is still this one.
export GIT_CONFIG_COUNT := 1
export GIT_CONFIG_KEY_0 := safe.directory
export GIT_CONFIG_VALUE_0 := $(CURDIR)

.PHONY: help
help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "SIZE=S          how much data for make bench: S, M or L"
	@echo "SCENARIO=name   one Molecule scenario instead of all"
	@echo "ARGS='...'      further arguments for pytest or ansible-test, for example ARGS='-k manifest'"
	@echo "PYTHON=path     the CPython 3.11 to use, as on the nodes (now: $(PYTHON))"

.PHONY: venv wheelhouse images
venv: $(VENV)/.done ## Make build/venv with all that builds and tests the collection
wheelhouse: build/wheelhouse/.done ## Make build/wheelhouse with the wheels that nodes install

images: $(STAMPS)/packages-venv ## Build the images of the test bed
	@echo "== images"
	$(PYTHON) molecule/testbed.py images

$(STAMPS)/packages-%: scripts/packages.sh
	@mkdir -p $(@D)
	scripts/packages.sh $*
	@touch $@

$(STAMPS)/python:
	@mkdir -p $(@D)
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null || \
	    { echo "make: needs CPython 3.11, the nodes' version; set PYTHON= to one" >&2; exit 1; }
	@touch $@

$(VENV)/.done: requirements/controller.txt $(STAMPS)/python | $(STAMPS)/packages-venv
	@echo "== venv: installing $$(grep -c == $<) packages"
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --requirement $<
	@touch $@

build/wheelhouse/.done: requirements/node.txt scripts/wheelhouse.sh | $(VENV)/.done $(STAMPS)/packages-borg
	@echo "== wheelhouse"
	scripts/wheelhouse.sh $(VENV)/bin/python
	@touch $@

# Python and Ansible find the collection by its full name here, without an installed copy.
$(COLLECTIONS)/ansible_collections/janus/backup:
	@mkdir -p $(@D)
	ln -s ../../../.. $@

.PHONY: prepared
prepared: $(VENV)/.done $(COLLECTIONS)/ansible_collections/janus/backup

.PHONY: lint format
lint: lint-ruff lint-mypy lint-ansible lint-docs lint-changelog ## Check style, types, playbooks, roles, docs and changelog

.PHONY: lint-ruff lint-mypy lint-ansible lint-docs lint-changelog
lint-ruff: prepared
	@echo "== ruff"
	ruff check --output-format concise .
	ruff format --check --output-format concise .

lint-mypy: prepared
	@echo "== mypy"
	mypy -p ansible_collections.janus.backup.plugins
	mypy molecule scripts benchmarks

lint-ansible: prepared
	@echo "== ansible-lint, with yamllint"
	ansible-lint --offline --profile production --strict

lint-docs: prepared
	@echo "== antsibull-docs"
	antsibull-docs lint-collection-docs --plugin-docs --skip-rstcheck --validate-collection-refs self .

lint-changelog: prepared
	@echo "== antsibull-changelog"
	antsibull-changelog lint

format: prepared ## Rewrite the Python files as ruff wants them
	ruff check --fix .
	ruff format .

.PHONY: sanity test-unit test-images test-services molecule test
sanity: build ## Run ansible-test sanity on the collection as it ships
	@echo "== ansible-test sanity"
	scripts/sanity.py $(TARBALL) $(ARGS)

test-unit: prepared ## Run the unit tests
	@echo "== unit tests"
	pytest tests/unit $(ARGS)

test-images: prepared images ## Test that the test bed's images behave like the official ones
	@echo "== image tests"
	pytest tests/images $(BESIDE) $(ARGS)

test-services: prepared images ## Test dump, restore and kill of each service in containers of this machine
	@echo "== service tests"
	pytest tests/services $(BESIDE) --durations=10 $(ARGS)

molecule: prepared wheelhouse images ## Run the Molecule scenarios on the test bed
	@echo "== Molecule scenarios"
	SCENARIO='$(SCENARIO)' pytest tests/molecule $(BESIDE) --durations=0 $(ARGS)

test: ## Run all of it, with a timing for each stage
	scripts/stages.sh $(STAGES)

.PHONY: demo demo-down
demo: prepared wheelhouse images ## Bring up a demo: hosts, services, a backup and its drill
	$(VENV)/bin/python scripts/demo.py up

demo-down: prepared ## Remove the demo
	$(VENV)/bin/python scripts/demo.py down

.PHONY: bench bench-quick bench-page
# PYTHONPATH leads to the collection, as the tools of the tests find it.
BENCH = PYTHONPATH=$(CURDIR)/$(COLLECTIONS) $(VENV)/bin/python benchmarks/bench.py
SIZE ?= M
bench: prepared wheelhouse images ## Measure the product against its alternatives (SIZE=S, M or L; ARGS=group)
	$(BENCH) run --size $(SIZE) $(ARGS)
	$(BENCH) page

bench-quick: prepared wheelhouse images ## Measure what is done in ten minutes, at size S
	JANUS_SERVICES=postgresql,redis,neo4j $(BENCH) run --size S --quick $(ARGS)
	$(BENCH) page

bench-page: prepared ## Make docs/benchmarks.md of the results that are there
	$(BENCH) page

.PHONY: build pins clean
build: prepared ## Build the collection's tarball in build/dist
	@echo "== build"
	ansible-galaxy collection build --force --output-path build/dist

pins: $(STAMPS)/python $(STAMPS)/packages-venv $(STAMPS)/packages-borg ## Resolve requirements/*.in into exact pins again
	scripts/pins.sh $(PYTHON) node controller

clean: ## Remove build/ and what else was made (beds and images stay: molecule/testbed.py down)
	rm -rf build .ansible tests/output
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
