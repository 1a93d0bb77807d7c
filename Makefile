# Every target sets up what it needs: a virtual environment in $(VENV), and the packages in it.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PYTEST ?= --numprocesses auto --dist loadfile --no-loadscope-reorder
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check --no-warn-script-location

# Compiled code is kept, also where the environment says no: the tests start a hundred processes.
export PYTHONDONTWRITEBYTECODE :=
MAKEFLAGS += --no-print-directory

OTHER_PYTHONS := $(addprefix test-,3.12 3.13)

.PHONY: demo test test-aiohttp test-lowest $(OTHER_PYTHONS) test-extras test-sdist dist ci check serve format catalogues
.PHONY: redis test-random explain kill soak soak-seeds mutants fuzz clients screenshots bench lock audit

demo: $(VENV)/run
	@$(BIN)/esb demo

test: $(VENV)/dev redis
	$(BIN)/python -m pytest $(PYTEST)

check: $(VENV)/dev redis
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest $(PYTEST)

# The same where httptools is not installed, so that every request goes out by aiohttp's client.
test-aiohttp:
	PYTHONPATH=$(CURDIR)/tests/support/without_httptools$${PYTHONPATH:+:$$PYTHONPATH} $(MAKE) test

# In another order each time; `make test-random SEED=7` is that order again.
test-random: $(VENV)/dev redis
	@seed=$${SEED:-$$(date +%s)}; echo "In the order of SEED=$$seed" >&2; \
	  $(BIN)/python -m pytest $(PYTEST) --random-order --random-order-seed=$$seed

# With the lowest versions that pyproject.toml promises.
test-lowest:
	@mkdir -p .venv-lowest
	@$(PYTHON) .ci/lowest.py > .venv-lowest/constraints.txt
	@PIP_CONSTRAINT=$(CURDIR)/.venv-lowest/constraints.txt $(MAKE) VENV=.venv-lowest .venv-lowest/dev
	@$(MAKE) VENV=.venv-lowest test

# With another Python. One that is missing is named, not fetched.
$(OTHER_PYTHONS): test-%:
	@python=$$(.ci/interpreter $*) || { echo 'There is no Python $* here: nothing is tested with it' >&2; exit 0; }; \
	  $(MAKE) PYTHON=$$python VENV=.venv-$* test

# With each extra alone and with none: every command works, or says which extra it needs.
test-extras: dist
	@$(BIN)/python .ci/extras.py dist/*.whl .venv-extras

# From the sdist, in a folder where nothing else is.
test-sdist: dist
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && tar -xzf dist/*.tar.gz -C "$$folder" && \
	  $(MAKE) -C "$$folder"/* test

# The wheel is built from the sdist, as everybody else has to.
dist: $(VENV)/dev
	@rm -rf dist
	@$(BIN)/python -c 'from setuptools import build_meta; build_meta.build_sdist("dist")' >/dev/null
	@$(BIN)/python -m pip wheel -qq --disable-pip-version-check --no-deps --no-build-isolation -w dist dist/*.tar.gz

# All that pyproject.toml promises: an hour at most on two processors. Each part is tried; the last words are those of
# `make test`, or else the names of the parts that failed.
ci:
	@failed=; for part in test-aiohttp test-lowest $(OTHER_PYTHONS) test-extras test-sdist test; do \
	  echo "make $$part …" >&2; $(MAKE) $$part || failed="$$failed $$part"; done; \
	  [ -z "$$failed" ] || { echo "make ci: these parts failed:$$failed" >&2; exit 1; }

# The tests of the shared store start a redis-server on a free port.
redis:
	@command -v redis-server >/dev/null || { [ "$$(id -u)" -eq 0 ] && command -v apt-get >/dev/null && \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends redis-server; } || \
	  echo 'No redis-server, so its tests are skipped (Debian: apt-get install redis-server)' >&2

# Thousands of messages while WeChat misbehaves in every way: nothing may be lost, doubled or let out.
soak: $(VENV)/run
	@$(BIN)/python bench/soak.py $(SOAK)

# Twenty of them, the last five beside two busy loops.
soak-seeds: $(VENV)/run
	@$(BIN)/python bench/soak_seeds.py $(SOAK)

# Thousands of deliveries while processes are killed at random moments: nothing may be lost or doubled.
kill: $(VENV)/dev
	@$(BIN)/python -m tests.project.kill $(KILL)

# Small bugs, one at a time, where one costs a message, a secret or a right: do the tests notice?
mutants: $(VENV)/dev redis
	@$(BIN)/python -m tests.project.mutants $(MUTANTS)

# What no decent client and no decent upstream sends, to a real gateway: it lives, crashes nothing and logs every call.
fuzz: $(VENV)/dev
	@$(BIN)/python -m tests.project.fuzz $(FUZZ)

# Random configurations and questions: `esb explain` says what a real call gets. CASES of them, from SEED on.
explain: CASES ?= 10000
explain: SEED ?= 16
explain: $(VENV)/dev
	@ESB_EXPLAIN_CASES=$(CASES) ESB_EXPLAIN_SEED=$(SEED) $(BIN)/python -m pytest tests/introspect/test_explain_agrees.py

# The pictures of docs/portal.md, drawn anew.
screenshots: $(VENV)/dev
	@ESB_SCREENSHOTS=1 $(BIN)/python -m pytest tests/portal/test_screenshots.py

# Clients that others' generators make of `esb openapi`: they compile and send. Needs node and npm, and a JDK with Jackson
# and the annotations of Debian, which root gets by apt-get.
clients: $(VENV)/dev .venv/clients-tools
	@command -v javac >/dev/null && [ -e /usr/share/java/jackson-databind.jar ] && [ -e /usr/share/java/jsr305.jar ] && \
	  [ -e /usr/share/java/geronimo-annotation-1.3-spec.jar ] || { apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
	  apt-get install -y -qq --no-install-recommends openjdk-17-jdk-headless libjackson2-databind-java libjsr305-java \
	    libgeronimo-annotation-1.3-spec-java; }
	@$(BIN)/python -m tests.project.generated_clients

.venv/clients-tools: $(VENV)/python
	@$(PYTHON) -m venv --clear .venv/clients
	@.venv/clients/bin/python -m pip install -qq --disable-pip-version-check openapi-generator-cli
	@npm install --silent --no-fund --no-audit --prefix .venv/clients typescript@5 openapi-typescript@7 openapi-fetch
	@touch $@

# How fast, beside its peers: in a quarter of an hour bench/RESULTS.md says it.
bench: $(VENV)/run .venv/bench
	@for tool in valgrind nginx openssl; do command -v $$tool >/dev/null || missing=yes; done; [ -z "$$missing" ] || \
	  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
	    valgrind nginx-light openssl; }
	@$(BIN)/python bench/run.py

# The requirements of the image, each with the digests of its files, for every Python that the gateway runs on.
LOCK := .venv/lock-tool/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --upgrade \
  --no-emit-index-url --no-emit-find-links --no-annotate --custom-compile-command 'make lock'
lock: .venv/lock-tool
	@$(LOCK) pyproject.toml --extra jwt --extra mysql --extra otel --extra postgresql --extra redis --extra saq --extra templates -o requirements/image.txt
	@$(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"])' | \
	  $(LOCK) - -o requirements/build.txt

# Have the locked requirements a known hole? Where no index of advisories can be had, that is said.
audit: .venv/audit-tool
	@$(BIN)/python .ci/audit.py .venv/audit-tool/bin/pip-audit

.venv/lock-tool .venv/audit-tool: .venv/%-tool: $(VENV)/python
	@$(PYTHON) -m venv --clear $@
	@$@/bin/python -m pip install -qq --disable-pip-version-check $(if $(filter lock,$*),uv,pip-audit)

serve: $(VENV)/run
	@$(BIN)/esb serve

format: $(VENV)/dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

PAGES_KEYWORDS = _ gettext ngettext:1,2 text template Refused:2

# Collect the texts of catalogue $(1), in folder $(2), as $(3) and the keywords $(4) say; and compile what stands in its .po.
define catalogue
	$(BIN)/pybabel -q extract -F $(3) --no-default-keywords $(addprefix -k ,$(4)) --no-location --sort-output -o $(VENV)/$(1).pot .
	[ -e $(2)/zh_Hans/LC_MESSAGES/$(1).po ] || $(BIN)/pybabel -q init -D $(1) -d $(2) -l zh_Hans -i $(VENV)/$(1).pot
	$(BIN)/pybabel -q update -D $(1) -d $(2) -l zh_Hans -i $(VENV)/$(1).pot \
	  --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date --width 120
	$(BIN)/pybabel compile -D $(1) -d $(2) --statistics
endef

# The Chinese catalogues, of answers, of the portal's pages and of the sandbox's: collect new texts from the code; then
# compile what translators wrote in the .po.
catalogues: $(VENV)/dev
	$(call catalogue,esb,esb/locale,babel.cfg,$(shell cat babel.keywords))
	$(call catalogue,portal,esb/locale,babel.pages.cfg,$(PAGES_KEYWORDS))
	$(call catalogue,inbox,esb/sandbox/locale,babel.inbox.cfg,$(PAGES_KEYWORDS))

$(VENV)/python:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; name one: make PYTHON=python3.12" \
	    if sys.version_info < (3, 11) else 0)'
	@echo 'Setting up $(VENV), once …' >&2
	@$(PYTHON) -m venv $(VENV)
	@touch $@

# A stamp is younger than what it was made from, so a changed pyproject.toml installs again. What is editable is not
# compiled by pip; and where Python may write no bytecode, every start would compile it all.
$(VENV)/run: $(VENV)/python pyproject.toml
	@$(PIP) --editable .
	@$(BIN)/python -m compileall -q esb
	@touch $@

$(VENV)/dev: $(VENV)/python pyproject.toml
	@$(PIP) --editable '.[dev]'
	@$(BIN)/python -m compileall -q esb
	@touch $@ $(VENV)/run

# The peers of the bench, and what they need, in a virtual environment of their own.
.venv/bench: $(VENV)/python bench/requirements.txt
	@$(PYTHON) -m venv --clear .venv/bench-peers
	@.venv/bench-peers/bin/python -m pip install -qq --disable-pip-version-check -r bench/requirements.txt
	@touch $@
