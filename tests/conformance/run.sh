#!/usr/bin/env bash
# The official tools against the product's server with its fixtures: conformance for the protocol up to 2025-11-25 and
# for 2026-07-28, and the inspector's strict look at every tool. Needs npm; brings its own Node 24.
# Use: tests/conformance/run.sh [FOLDER for the npm packages]
set -euo pipefail
cd "$(dirname "$0")/../.."
tools=${1:-.venv/conformance}
python=${PYTHON:-.venv/bin/python}
mkdir -p "$tools/next"
installed() { [ -e "$1/node_modules/$2/package.json" ]; }
if ! installed "$tools" node || ! installed "$tools" @modelcontextprotocol/conformance || ! installed "$tools" @modelcontextprotocol/inspector; then
  npm install --silent --no-audit --no-fund --no-package-lock --prefix "$tools" \
    node@24 @modelcontextprotocol/conformance@0.1.16 @modelcontextprotocol/inspector@2.12.0
fi
installed "$tools/next" @modelcontextprotocol/conformance ||
  npm install --silent --no-audit --no-fund --no-package-lock --prefix "$tools/next" @modelcontextprotocol/conformance@0.2.0-alpha.12
tools=$(cd "$tools" && pwd)
export PATH="$tools/node_modules/node/bin:$PATH"

port=$("$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$python" tests/conformance/fixture_server.py "$port" &
server=$!
trap 'kill "$server" 2>/dev/null || true' EXIT
url="http://127.0.0.1:$port/mcp"
for _ in $(seq 150); do
  "$python" -c "import socket; socket.create_connection(('127.0.0.1', $port), 1).close()" 2>/dev/null && break
  sleep 0.2
done
failed=0
check() { echo "== $1"; shift; timeout 170 "$@" >"$tools/last.log" 2>&1 || { failed=1; tail -40 "$tools/last.log"; }; tail -3 "$tools/last.log" | cut -c1-160; }

check "conformance 0.1.16, all suites" "$tools/node_modules/.bin/conformance" server \
  --url "$url" --suite all --expected-failures tests/conformance/baseline.yml
check "conformance 0.2, 2026-07-28" "$tools/next/node_modules/.bin/conformance" server \
  --url "$url" --suite all --spec-version 2026-07-28
for scenario in lifecycle capability-negotiation wire-fields request-headers dispatch-and-envelope required-task-error request-state-removal; do
  check "conformance 0.2, tasks-$scenario" "$tools/next/node_modules/.bin/conformance" server \
    --url "$url" --scenario "tasks-$scenario" --force --spec-version 2026-07-28
done
home=$(mktemp -d)
for era in legacy modern; do
  check "inspector --strict, $era" env SOUNDBITE_HOME="$home" SOUNDBITE_LOG_LEVEL=ERROR "$tools/node_modules/.bin/mcp-inspector" \
    --cli --protocol-era "$era" --strict --method tools/list --format json "$python" -m soundbite_server serve
done
exit $failed
