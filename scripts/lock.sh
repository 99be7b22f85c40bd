#!/bin/sh
# Write the lock files: names, versions, hashes and markers, no URLs.
set -eu
cd "$(dirname "$0")/.."
uv="${UV:-.venv/bin/uv}"
compile() {
    "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
        --no-emit-index-url --no-emit-find-links "$@"
}
# `run` and `uv` are cut from `dev`, so that the three never disagree about a version.
compile pyproject.toml --all-extras --group dev ${UPGRADE:+--upgrade} -o requirements/dev.lock
compile pyproject.toml --extra accounts --group run -c requirements/dev.lock -o requirements/run.lock
echo uv | compile - -c requirements/dev.lock -o requirements/uv.lock
# An environment of its own: a test runs Flask-AppBuilder there, unedited.
echo flask-appbuilder | compile - pyproject.toml ${UPGRADE:+--upgrade} -o requirements/appbuilder.lock
npm install --package-lock-only --no-fund --no-audit --loglevel=error
(cd scripts/browser && npm install --package-lock-only --no-fund --no-audit --loglevel=error)
if grep -n '://' requirements/*.lock || grep -n '"resolved": "[a-z+]*://' package-lock.json scripts/browser/package-lock.json; then
    echo "A lock file contains a URL. Remove it: lock files have only names, versions and hashes." >&2
    exit 1
fi
