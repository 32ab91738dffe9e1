# The commands of a contributor. `.ci/run` and the public workflow run the same lines (tests/test_repository.py).
PYTHON ?= .venv/bin/python

.PHONY: test check docs

test:
	$(PYTHON) -m pytest -n 2

check:
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy

docs:
	$(PYTHON) -m zensical build --strict
