# Everything that decides whether a change is good, each by name. BIN is where the programs of your environment are:
#   make check BIN=.venv/bin/
BIN ?=

.PHONY: check test long lint types layers docs format

check: lint types layers docs test long

test:
	$(BIN)python -m pytest

# The short forms; MAILSVC_LONG=1 runs the long ones (hours).
long:
	$(BIN)python -m pytest tests/long

lint:
	$(BIN)ruff check
	$(BIN)ruff format --check

types:
	$(BIN)mypy

layers:
	$(BIN)lint-imports

docs:
	$(BIN)python -m sphinx -W --keep-going -q -b html docs docs/_build

format:
	$(BIN)ruff check --fix
	$(BIN)ruff format
