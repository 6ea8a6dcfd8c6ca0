#!/usr/bin/env bash
# The official conformance tool against the product's server with its fixtures. Needs npm; brings its own Node 24.
# Use: tests/conformance/run.sh [FOLDER for the npm packages]
set -euo pipefail
cd "$(dirname "$0")/../.."
tools=${1:-.venv/conformance}
python=${PYTHON:-.venv/bin/python}
if [ ! -x "$tools/node_modules/.bin/conformance" ] || [ ! -x "$tools/node_modules/node/bin/node" ]; then
  mkdir -p "$tools"
  npm install --silent --no-audit --no-fund --prefix "$tools" node@24 @modelcontextprotocol/conformance@0.1.16
fi
port=$("$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$python" tests/conformance/fixture_server.py "$port" &
server=$!
trap 'kill "$server" 2>/dev/null || true' EXIT
for _ in $(seq 150); do
  "$python" -c "import socket; socket.create_connection(('127.0.0.1', $port), 1).close()" 2>/dev/null && break
  sleep 0.2
done
PATH="$PWD/$tools/node_modules/node/bin:$tools/node_modules/node/bin:$PATH" timeout 170 "$tools/node_modules/.bin/conformance" server \
  --url "http://127.0.0.1:$port/mcp" --suite all --expected-failures tests/conformance/baseline.yml
