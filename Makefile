# Every target sets up what it needs: a virtual environment in .venv, and the packages in it.
PYTHON ?= python3
BIN := .venv/bin
PYTEST ?= --numprocesses auto --dist loadfile --no-loadscope-reorder
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check --no-warn-script-location

# Compiled code is kept, also where the environment says no: the tests start a hundred processes.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test test-aiohttp check serve format catalogues redis soak mutants bench

demo: .venv/run
	@$(BIN)/esb demo

test: .venv/dev redis
	$(BIN)/python -m pytest $(PYTEST)

check: .venv/dev redis
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest $(PYTEST)

# The same where httptools is not installed, so that every request goes out by aiohttp's client.
test-aiohttp:
	PYTHONPATH=$(CURDIR)/tests/support/without_httptools$${PYTHONPATH:+:$$PYTHONPATH} $(MAKE) test

# The tests of the shared store start a redis-server on a free port.
redis:
	@command -v redis-server >/dev/null || { [ "$$(id -u)" -eq 0 ] && command -v apt-get >/dev/null && \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends redis-server; } || \
	  echo 'No redis-server, so its tests are skipped (Debian: apt-get install redis-server)' >&2

# Thousands of messages while WeChat misbehaves in every way: nothing may be lost, doubled or let out.
soak: .venv/run
	@$(BIN)/python bench/soak.py $(SOAK)

# Small bugs, one at a time, where one costs a message, a secret or a right: do the tests notice?
mutants: .venv/dev redis
	@$(BIN)/python -m tests.project.mutants $(MUTANTS)

# How fast, beside its peers: in a quarter of an hour bench/RESULTS.md says it.
bench: .venv/run .venv/bench
	@for tool in valgrind nginx openssl; do command -v $$tool >/dev/null || missing=yes; done; [ -z "$$missing" ] || \
	  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
	    valgrind nginx-light openssl; }
	@$(BIN)/python bench/run.py

serve: .venv/run
	@$(BIN)/esb serve

format: .venv/dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# The Chinese catalogue: collect new texts from the code; then compile what translators wrote in esb.po.
catalogues: .venv/dev
	$(BIN)/pybabel -q extract -F babel.cfg --no-default-keywords $(addprefix -k ,$(shell cat babel.keywords)) \
	  --no-location --sort-output -o .venv/esb.pot .
	$(BIN)/pybabel -q update -D esb -d esb/locale -l zh_Hans -i .venv/esb.pot \
	  --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date --width 120
	$(BIN)/pybabel compile -D esb -d esb/locale --statistics

.venv/python:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; name one: make PYTHON=python3.12" \
	    if sys.version_info < (3, 11) else 0)'
	@echo 'Setting up .venv, once …' >&2
	@$(PYTHON) -m venv .venv
	@touch $@

# A stamp is younger than what it was made from, so a changed pyproject.toml installs again. What is editable is not
# compiled by pip; and where Python may write no bytecode, every start would compile it all.
.venv/run: .venv/python pyproject.toml
	@$(PIP) --editable .
	@$(BIN)/python -m compileall -q esb
	@touch $@

.venv/dev: .venv/python pyproject.toml
	@$(PIP) --editable '.[dev]'
	@$(BIN)/python -m compileall -q esb
	@touch $@ .venv/run

# The peers of the bench, and what they need, in a virtual environment of their own.
.venv/bench: .venv/python bench/requirements.txt
	@$(PYTHON) -m venv --clear .venv/bench-peers
	@.venv/bench-peers/bin/python -m pip install -qq --disable-pip-version-check -r bench/requirements.txt
	@touch $@
