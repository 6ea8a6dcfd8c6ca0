#!/usr/bin/env bash
# Locks the dependencies with hashes and no addresses: requirements/run.txt, build.txt, dev.txt and docs.txt, and what
# `make test-remote` and the nightly audit need besides: s3.txt, ray.txt, audit.txt, each for an environment of its own.
# Needs pip-tools (in the development environment). Run it after a change of dependencies in pyproject.toml.
set -euo pipefail
cd "$(dirname "$0")/.."
lock() {
  .venv/bin/python -m piptools compile --quiet --generate-hashes --strip-extras --allow-unsafe --no-header \
    --no-annotate --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options "$@"
}
lock -o requirements/run.txt pyproject.toml
.venv/bin/python - > requirements/build.in <<'PY'
import tomllib
from pathlib import Path
print("-c run.txt", *tomllib.loads(Path("pyproject.toml").read_text())["build-system"]["requires"], "editables", sep="\n")
PY
lock -o requirements/build.txt requirements/build.in
.venv/bin/python - > requirements/dev.in <<'PY'
import tomllib
from pathlib import Path
print("-r run.txt", "-c build.txt", *tomllib.loads(Path("pyproject.toml").read_text())["dependency-groups"]["dev"], sep="\n")
PY
lock -o requirements/dev.txt requirements/dev.in
.venv/bin/python - <<'PY'
import tomllib
from pathlib import Path
project = tomllib.loads(Path("pyproject.toml").read_text())
Path("requirements/s3.in").write_text("\n".join(project["dependency-groups"]["s3"]) + "\n")
# pylance of the locked lancedb's Lance wants an earlier lance-namespace than lancedb itself took.
kept = [line for line in Path("requirements/run.txt").read_text().splitlines() if line[:1].isalpha()]
pins = [line.rstrip(" \\") for line in kept if not line.startswith("lance-namespace")]
Path("requirements/run.in").write_text("\n".join(pins) + "\n")
Path("requirements/ray.in").write_text("\n".join(["-c run.in", *project["project"]["optional-dependencies"]["ray"]]) + "\n")
PY
lock -o requirements/s3.txt requirements/s3.in
lock -o requirements/ray.txt requirements/ray.in
printf '%s\n' "-c dev.txt" "mkdocs-material>=9.6,<10" > requirements/docs.in
lock -o requirements/docs.txt requirements/docs.in
printf '%s\n' "pip-audit>=2.9,<3" > requirements/audit.in
lock -o requirements/audit.txt requirements/audit.in
rm requirements/{build,dev,run,s3,ray,docs,audit}.in
