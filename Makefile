# Two commands on a fresh machine (Python 3.11, make): `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: demo test check lint types bench lock clean

demo: .venv/run.stamp
	$(BIN)/soundbite demo samples

test: .venv/dev.stamp
	$(BIN)/python -m pytest -n 2

check: test lint types

lint: .venv/dev.stamp
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: .venv/dev.stamp
	$(BIN)/mypy
	$(BIN)/pyright

bench: .venv/dev.stamp
	$(BIN)/python bench/quality.py ../shared/eval

lock: .venv/dev.stamp
	requirements/lock.sh

clean:
	rm -rf .venv dist build

.venv/run.stamp: requirements/run.txt requirements/build.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(INSTALL) --require-hashes -r requirements/run.txt
	$(INSTALL) --require-hashes -r requirements/build.txt
	$(INSTALL) --no-deps --no-build-isolation -e .
	touch $@

.venv/dev.stamp: requirements/dev.txt .venv/run.stamp
	$(INSTALL) --require-hashes -r requirements/dev.txt
	touch $@
