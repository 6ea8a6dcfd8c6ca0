#!/usr/bin/env bash
# Locks the dependencies with hashes and no addresses: requirements/run.txt, build.txt and dev.txt.
# Needs pip-tools (in the development environment). Run it after a change of dependencies in pyproject.toml.
set -euo pipefail
cd "$(dirname "$0")/.."
lock() {
  .venv/bin/python -m piptools compile --quiet --generate-hashes --strip-extras --allow-unsafe --no-header \
    --no-annotate --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options "$@"
}
lock -o requirements/run.txt pyproject.toml
printf '%s\n' "-c run.txt" hatchling editables > requirements/build.in
lock -o requirements/build.txt requirements/build.in
.venv/bin/python - > requirements/dev.in <<'PY'
import tomllib
from pathlib import Path
print("-r run.txt", "-c build.txt", *tomllib.loads(Path("pyproject.toml").read_text())["dependency-groups"]["dev"], sep="\n")
PY
lock -o requirements/dev.txt requirements/dev.in
rm requirements/build.in requirements/dev.in
