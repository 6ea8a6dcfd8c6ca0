#!/usr/bin/env bash
# Packs soundbite.mcpb, which Claude Desktop installs by a double click. Needs Node 22 or later.
# MCPB_VALIDATE_ONLY=1 stops after the manifest has been checked.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# The packer and all it needs, each by the hash in package-lock.json, and none of their install scripts. After a change of
# package.json: npm install --package-lock-only --omit-lockfile-registry-resolved --prefix packaging/mcpb
cp packaging/mcpb/package.json packaging/mcpb/package-lock.json "$work"
npm ci --prefix "$work" --ignore-scripts --no-audit --no-fund --silent
mcpb() { "$work/node_modules/.bin/mcpb" "$@"; }
mcpb validate packaging/mcpb/manifest.json
[ -z "${MCPB_VALIDATE_ONLY:-}" ] || exit 0
bundle=$work/bundle
mkdir "$bundle"
cp -r api engine store tools server pyproject.toml README.md LICENSE "$bundle"
cp packaging/mcpb/manifest.json "$bundle"
install -D packaging/weights_hook.py "$bundle/packaging/weights_hook.py"
# The weights come with the install that uv makes of the bundle, as every other requirement does.
find "$bundle/engine/soundbite_engine/weights" -name 'model.*' -delete
find "$bundle" -name __pycache__ -prune -exec rm -rf {} +
mkdir -p dist
mcpb pack "$bundle" dist/soundbite.mcpb
