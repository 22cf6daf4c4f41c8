# SPDX-License-Identifier: Apache-2.0
# Every entry to the project.  `make` alone lists them.

PYTHON_ENV := .venv/bin/python
# Where ip, tc and bpftool are; `su` without `-` leaves it out.
export PATH := $(PATH):/usr/sbin:/sbin
.DEFAULT_GOAL := help
.PHONY: help venv system system-tests test test-sigstore test-vm demo bench bench-vm soak docs lint format objects \
	generated clean

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

venv: .venv/installed ## the virtual environment .venv, bpfman itself in editable form

.venv/installed: pyproject.toml tools/constraints.txt tools/setup.sh
	@tools/setup.sh venv

system:
	@tools/setup.sh system

system-tests:
	@tools/setup.sh system tests
	@tools/setup.sh go

test: system-tests .venv/installed ## every test; those of the kernel need root (ARGS='-k name' narrows)
	$(PYTHON_ENV) -m pytest $(ARGS)

# Apart from the others, for what it takes to build what they run against.
test-sigstore: system-tests .venv/installed ## signatures against real cosign and a private sigstore (root, Go)
	@tools/setup.sh sigstore
	@[ ! -x build/go/cosign ] || $(PYTHON_ENV) -m pytest tests/sigstore $(ARGS)

# 5.10 and sid (the newest there is) can be asked for: KERNELS="6.1 6.12 5.10 sid"
KERNELS := 6.1 6.12

test-vm: .venv/installed ## what says something of a kernel, on other kernels (root; KERNELS='5.10 sid' for others)
	@tools/setup.sh system vm
	$(PYTHON_ENV) -m vmtest test $(KERNELS) -- $(ARGS)
	@$(PYTHON_ENV) tools/generate.py

demo: system .venv/installed ## see bpfman at work between two network namespaces (root)
	@$(PYTHON_ENV) examples/demo.py

bench: system .venv/installed ## measure speed and memory (root); a table as text and JSON
	$(PYTHON_ENV) -m benchmarks $(ARGS)

bench-vm: .venv/installed ## attaching and detaching each kind on other kernels, as ratios (root; KERNELS='6.12')
	@tools/setup.sh system vm
	@for kernel in $(KERNELS); do $(PYTHON_ENV) -m vmtest run $$kernel -- $(PYTHON_ENV) -m benchmarks kinds $(ARGS); done

soak: system .venv/installed ## put bpfman under load for minutes (root; ARGS='--minutes 10', ARGS=traffic)
	@$(PYTHON_ENV) -m soak $(ARGS)

docs: .venv/installed ## the documentation, as HTML in docs/_build/html
	$(PYTHON_ENV) -m pip install --quiet --disable-pip-version-check -c tools/constraints.txt -e '.[docs]'
	$(PYTHON_ENV) -m sphinx -W --keep-going -q -b html docs docs/_build/html

lint: .venv/installed ## style, types and layers, without the other tests
	$(PYTHON_ENV) -m ruff check .
	$(PYTHON_ENV) -m ruff format --check .
	$(PYTHON_ENV) -m mypy
	.venv/bin/lint-imports

format: .venv/installed ## put the code into the project's layout
	$(PYTHON_ENV) -m ruff check --fix .
	$(PYTHON_ENV) -m ruff format .

objects: .venv/installed ## compile the BPF programs anew (the only target that needs clang)
	@tools/setup.sh system compiler
	$(PYTHON_ENV) tools/build_bpf.py

generated: .venv/installed ## write every generated file anew
	$(PYTHON_ENV) tools/generate.py

clean: ## remove what was built, the environment too
	rm -rf .venv build dist docs/_build .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache .grimp_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
