# Two commands on a fresh machine (Python 3.11, make): `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
BEGUN := $(shell date +%s)
# Python compiles a module when it is first imported; to compile all of an install beforehand takes several seconds.
INSTALL := $(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check

.PHONY: demo test test-remote check lint types bench docs lock clean

demo: .venv/run.stamp
	$(BIN)/python samples/demo.py
	@echo "$$(( $$(date +%s) - $(BEGUN) )) seconds from \`make demo\` to the last answer, the install included."

test: .venv/dev.stamp
	$(BIN)/python -m pytest -n 2

# Object stores, the LanceDB service and Ray, all on loopback.
test-remote: .venv/dev.stamp .venv/s3.stamp .venv/ray.stamp
	$(BIN)/python -m pytest -n 2 tests/remote
	.venv/ray/bin/python -m pytest -n 0 tests/ray

check: test test-remote lint types

lint: .venv/dev.stamp
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/deptry api engine store tools server

types: .venv/dev.stamp
	$(BIN)/mypy
	$(BIN)/pyright

bench: .venv/dev.stamp
	$(BIN)/python bench/quality.py ../shared/eval

docs: .venv/docs.stamp
	$(BIN)/mkdocs build --strict

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

.venv/docs.stamp: requirements/docs.txt .venv/run.stamp
	$(INSTALL) --require-hashes -r requirements/docs.txt
	touch $@

.venv/dev.stamp: requirements/dev.txt .venv/run.stamp
	$(INSTALL) --require-hashes -r requirements/dev.txt
	touch $@

# The S3 service needs other versions of some packages than we do, so it has an environment of its own.
.venv/s3.stamp: requirements/s3.txt .venv/run.stamp
	test -x .venv/s3/bin/python || $(BIN)/python -m venv .venv/s3
	.venv/s3/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/s3.txt
	touch $@

# So does Ray; it sees all the rest through the environment that it lies in.
.venv/ray.stamp: requirements/ray.txt .venv/dev.stamp
	test -x .venv/ray/bin/python || $(BIN)/python -m venv .venv/ray
	.venv/ray/bin/python -c "import pathlib, site, sys; \
	  (pathlib.Path(site.getsitepackages()[0]) / 'outer.pth').write_text(f'import site; site.addsitedir({sys.argv[1]!r})\n')" \
	  "$$($(BIN)/python -c 'import site; print(site.getsitepackages()[0])')"
	.venv/ray/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/ray.txt
	touch $@
