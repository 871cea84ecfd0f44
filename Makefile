# `make demo` and `make test` do all set-up on a fresh machine with Python 3.11 or newer.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lint docs format benchmark clean

demo: .venv/ready
	@echo "crb tasks fixtures/shop (first lines)"; $(BIN)/crb tasks fixtures/shop | head -n 24; echo "..."
	@echo; echo "crb check fixtures/shop"; $(BIN)/crb check fixtures/shop; status=$$?; \
	echo "(exit code $$status: 1 means findings, 2 that something could not be read; see fixtures/shop/EXPECTED.md)"; test $$status -le 2
	@echo; echo "python -m codemods.migrate --diff fixtures/shop (last lines: what would be rewritten, and what not and why)"; \
	$(BIN)/python -m codemods.migrate --diff fixtures/shop > .venv/demo; status=$$?; tail -n 60 .venv/demo; \
	echo "(exit code $$status: 1 means that files would be rewritten, 2 that something could not be read: pyproject.toml has a wrong key on purpose)"; test $$status -le 2

test: .venv/ready lint
	$(BIN)/python -m pytest -n auto

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m docs.generate --check

docs: .venv/ready
	$(BIN)/python -m docs.generate

format: .venv/ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

benchmark: .venv/ready
	$(BIN)/python -m benchmarks.lint --corpus $(CORPUS)
	$(BIN)/python -m benchmarks.migrate --corpus $(CORPUS)
	$(BIN)/python -m benchmarks.runtime

.venv/ready: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 ...")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch .venv/ready

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist *.egg-info
