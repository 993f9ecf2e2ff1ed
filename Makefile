# Scaling Guide. Every target sets up what it needs by itself (tools/setup).

.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory --no-builtin-rules

export PATH := $(CURDIR)/.venv/bin:$(PATH):/usr/sbin:/sbin
export NO_MKDOCS_2_WARNING := 1

# more than there are cores: tests wait for servers
WORKERS ?= 3

.PHONY: help
help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

.PHONY: verify
verify:  ## verify every documented fact against the reference environment; site with the results in site/
	@tools/setup lab
	@tools/verify

.PHONY: test
test:  ## all tests of the project: lint, types, pytest
	@tools/setup lab browser tests
	@$(MAKE) lint
	python -m pytest tests -m 'not quiet and not browser' -n $(WORKERS) --dist loadgroup --durations=15
	python -m pytest tests -m 'browser and not quiet' --durations=15
	python -m pytest tests -m quiet --durations=15

.PHONY: check
check:  ## what a change touches, in less than a minute: lint, types, data, the tests that it reaches
	@tools/setup
	@python tools/check.py

.PHONY: lint
lint:  ## style and types only
	@tools/setup
	ruff check .
	ruff format --check .
	mypy

.PHONY: serve
serve:  ## the site at http://127.0.0.1:8000, rebuilt as you write
	@tools/setup
	mkdocs serve

.PHONY: bench
bench:  ## benchmarks, side by side with what a user would use instead
	@tools/setup lab
	guide bench

.PHONY: setup
setup:  ## only set up: programs, Chromium, the Python environment in .venv
	@tools/setup lab browser tests

.PHONY: lock
lock:  ## lock the dependencies after a change in pyproject.toml; UPGRADE=1 takes newer versions
	@tools/setup
	@uv pip compile pyproject.toml --group dev --output-file requirements.lock --quiet \
	  --universal --python-version 3.11 --generate-hashes --no-emit-index-url --system-certs \
	  --custom-compile-command 'make lock' $(if $(UPGRADE),--upgrade)

.PHONY: clean
clean:  ## remove what was built; .venv stays
	rm -rf build site .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
