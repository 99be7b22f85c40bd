# Every target sets up what it needs. A clean clone needs only Python >= 3.11, Node >= 20.19 and make.
#
# A stamp file (.ready) in a folder says that the folder is complete. It is removed before the work begins and
# created when it is done, so the next call repeats an interrupted set-up.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
UV     := UV_PYTHON_DOWNLOADS=never $(BIN)/uv --quiet --no-progress
EDIT   := $(UV) pip install --python $(BIN)/python --no-deps --no-build-isolation -e .

HOST  ?= 127.0.0.1
PORT  ?= 5000
FRESH ?=
ARGS  ?=
export HOST PORT FRESH

JS_FILES  := $(shell find js/src -type f 2>/dev/null) $(wildcard js/package.json js/tsdown.config.ts js/tsconfig.json tsconfig.base.json)
WEB_FILES := $(shell find examples/tasks/web -type f -not -path '*/dist/*' -not -path '*/node_modules/*' 2>/dev/null)

# Python and Node are set up side by side; recipes are single, so nothing else runs in parallel.
MAKEFLAGS += -j2
# Without bytecode, each Python process of the tests would compile Flask and SQLAlchemy again, which takes 2 s.
unexport PYTHONDONTWRITEBYTECODE

# One worker per processor, at most four. Tests that start programs are distributed by file: they share a server.
PYTEST  := $(BIN)/python -m pytest --numprocesses logical --maxprocesses 4
BESIDE  := $(BIN)/python scripts/side_by_side.py
# tests/support/stages.py finds the tests that start programs. A path in ARGS runs all tests below it.
QUICK   := -m "not slow and (not process or journey)"
REST    := -m "process and not journey and not slow"
NAMED   := $(filter tests% ./tests% %.py,$(ARGS))

.DEFAULT_GOAL := help
.PHONY: help setup run test test-processes lint format bench deep docs browser nginx screenshots lock clean

help:
	@echo "make run     the demo on http://localhost:$(PORT)  (PORT=, HOST=, FRESH=1 for new data, ARGS=)"
	@echo "make test    the quick tests, a few minutes        (ARGS= for pytest; a path runs all tests below it, no JavaScript)"
	@echo "make test-processes   the tests that start servers, browsers and other programs"
	@echo "make lint    style, types, import layers           (make format fixes what can be fixed automatically)"
	@echo "make bench   benchmarks against other libraries    (ARGS= names the benchmarks)"
	@echo "make deep    races, fuzzing, mutation testing: minutes to hours"
	@echo "make docs    the documentation as HTML"
	@echo "make setup   only install what the other targets need"
	@echo "make lock    write the lock files; make clean: delete all generated files, also the demo's data"

setup: $(VENV)/.ready node_modules/.ready

# --- Python -----------------------------------------------------------------------------------------

$(VENV)/.uv: requirements/uv.lock scripts/check_tools.py
	@$(PYTHON) scripts/check_tools.py
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.lock
	@touch $@

# The packages of the demo. This installs and does not prune, so a full set-up stays complete.
$(VENV)/.ready-run: requirements/run.lock pyproject.toml | $(VENV)/.uv
	@rm -f $@
	$(UV) pip install --compile-bytecode --python $(BIN)/python --require-hashes -r requirements/run.lock
	$(EDIT)
	@touch $@

# `sync` removes packages that are not in the lock file, also the project itself, so install that again afterwards.
$(VENV)/.ready: requirements/dev.lock requirements/run.lock pyproject.toml | $(VENV)/.uv
	@rm -f $@
	$(UV) pip sync --compile-bytecode --python $(BIN)/python --require-hashes requirements/dev.lock
	$(EDIT)
	@touch $(VENV)/.ready-run $@

# --- Node -------------------------------------------------------------------------------------------

node_modules/.ready: package-lock.json package.json .npmrc $(wildcard js/package.json examples/tasks/web/package.json)
	@$(PYTHON) scripts/check_tools.py
	@rm -f $@
	npm ci --no-fund --no-audit --loglevel=error
	@touch $@

js/dist/.ready: $(JS_FILES) | node_modules/.ready
	@rm -f $@
	npm run build --workspace js --silent
	@touch $@

examples/tasks/web/dist/.ready: $(WEB_FILES) js/dist/.ready | node_modules/.ready
	@rm -f $@
	npm run build --workspace examples/tasks/web --silent
	@touch $@

# --- Commands ---------------------------------------------------------------------------------------

run: $(VENV)/.ready-run examples/tasks/web/dist/.ready
	@exec $(BIN)/python examples/tasks/serve.py $(ARGS)

browser: $(VENV)/.browser
$(VENV)/.browser: scripts/browser.py scripts/browser/package-lock.json | $(VENV)/.ready
	@$(BIN)/python scripts/browser.py $@

nginx: $(VENV)/.nginx
$(VENV)/.nginx: scripts/nginx.py | $(VENV)/.ready
	@$(BIN)/python scripts/nginx.py $@

test: setup browser js/dist/.ready examples/tasks/web/dist/.ready $(if $(NAMED),nginx)
ifeq ($(NAMED),)
	@$(BESIDE) "npm test --workspaces --if-present" -- $(PYTEST) --dist worksteal $(QUICK) $(ARGS)
else
	$(PYTEST) --dist loadfile $(ARGS)
endif

test-processes: setup browser nginx js/dist/.ready examples/tasks/web/dist/.ready
	$(PYTEST) --dist loadfile $(REST) $(ARGS)

# The slowest first. The checks use the existing build: npm would build the package again while others read it.
lint: setup js/dist/.ready
	@npm_config_ignore_scripts=true $(BESIDE) \
		"node_modules/.bin/pyright --warnings" \
		"npm run typecheck --workspaces --if-present" \
		"npm run lint:package --workspaces --if-present" \
		"npm run --silent lint" \
		"node js/scripts/mutants.mjs --check" \
		"$(BIN)/ruff check ." \
		"$(BIN)/ruff format --check ." \
		"$(BIN)/lint-imports --no-logo" \
		"$(BIN)/python scripts/api_page.py --check" \
		"$(BIN)/python scripts/typescript_types.py --check" \
		"$(BIN)/vermin --quiet --no-tips -t=3.10- --violations src" \
		"$(BIN)/codespell"

format: setup
	-$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	npm run --silent format
	$(BIN)/python scripts/api_page.py
	$(BIN)/python scripts/typescript_types.py

# The end-to-end benchmark needs wrk. Without it, that benchmark is skipped with a message.
bench: setup js/dist/.ready
	@command -v wrk >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get install -y -q wrk; } || true
	$(BIN)/python -m benchmarks $(ARGS)

screenshots: setup browser js/dist/.ready examples/tasks/web/dist/.ready
	$(BIN)/python examples/tasks/screenshots.py

deep: setup browser js/dist/.ready examples/tasks/web/dist/.ready
	$(BIN)/python -m pytest -m slow $(ARGS)
	npm run mutants --workspace js
	npm run test:react18 --workspace js
	$(BIN)/python scripts/removal_drill.py
	$(BIN)/python scripts/mutate.py

docs: setup
	$(BIN)/sphinx-build -W --keep-going -q -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

lock: setup
	scripts/lock.sh

clean:
	rm -rf $(VENV) node_modules js/node_modules examples/tasks/web/node_modules scripts/browser/node_modules
	rm -rf js/dist examples/tasks/web/dist docs/_build build dist js/mutants mutants instance examples/*/instance
	rm -rf .pytest_cache .ruff_cache .hypothesis .import_linter_cache .coverage test-results
