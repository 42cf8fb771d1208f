# Two commands for a newcomer: `make demo` and `make test`. Both set up what they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Processes of the suite: one more than cores, since daemons are often waited for; LANDSTING_WORKERS=N makes it N.
WORKERS = $(or $(LANDSTING_WORKERS),$(shell n=$$(nproc 2>/dev/null || echo 2); [ $$n -lt 7 ] || n=7; echo $$((n + 1))))
# A test that hangs where no signal reaches Python: its threads are shown, its process ends, and the suite with it.
HANGING := -o faulthandler_timeout=1000 -o faulthandler_exit_on_timeout=true --max-worker-restart=0
# On a machine whose index has no CPU build of torch: make demo TORCH_INDEX=https://…
TORCH_INDEX ?=
PIP := $(BIN)/python -m pip install -q --disable-pip-version-check --retries 10 --timeout 60 -c constraints.txt $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))

.PHONY: demo test check bench attacks pyz tamper vectors campaigns setup clean help
help:                 ## show these lines
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

demo: $(VENV)/.ok     ## four real regions train together, one is killed and comes back, an audit checks it
	$(BIN)/landsting demo
	$(BIN)/landsting demo --kill 2@8:14

test: $(VENV)/.dev    ## the whole test suite
	$(BIN)/python -m pytest -q -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(HANGING)

check: $(VENV)/.dev   ## lint, format, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.dev   ## every benchmark, with its ratio to the floor of the same run
	$(BIN)/landsting bench all

attacks: $(VENV)/.dev ## each way to be cheated: id, attack, test, passed
	$(BIN)/python -m benchmarks.attacks

pyz: $(VENV)/.dev     ## landsting-audit.pyz: the audit in one file that needs only Python; prints its SHA-256
	$(BIN)/python -m node.audit.pyz landsting-audit.pyz

tamper: $(VENV)/.ok   ## each way to cheat in a log: what was done, the code found, who was named
	$(BIN)/landsting demo --tamper all

vectors: $(VENV)/.dev ## make the vectors anew; a difference means a changed format
	$(BIN)/python tests/vectors/make_vectors.py
	git diff --exit-code -- tests/vectors

campaigns: $(VENV)/.dev ## the long forms of tests that `make test` runs short
	$(BIN)/python -m pytest -q -m slow
	$(BIN)/python -m pytest -q --hypothesis-profile search tests/crypto tests/protocol tests/topologies tests/gossip
	LANDSTING_COURT=1 $(BIN)/python -m pytest -q tests/conformance/test_audit_attacks.py tests/conformance/test_audit_study_attacks.py

setup: $(VENV)/.dev   ## the environment with all tools

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "landsting needs Python 3.11 or newer; found %s. Try: make PYTHON=python3.11 demo" % sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)

# An environment that was broken off while it was made has a python and no pip: it is made anew.
$(VENV)/.ok: pyproject.toml constraints.txt | $(VENV)/bin/python
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@echo "installing into $(VENV) (a minute or two, about 1.4 GB)"
	$(PIP) torch==2.13.0
	$(PIP) -e '.[node]'
	@touch $@

$(VENV)/.dev: $(VENV)/.ok
	$(PIP) -e '.[node,dev]'
	@touch $@

clean:                ## remove the environment
	rm -rf $(VENV) build *.egg-info
