# `make help` lists the targets. Both demo and test set up .venv by themselves.
PYTHON ?= python3
PY := .venv/bin/python
TASK ?= all
STAMP := .venv/.installed

.DEFAULT_GOAL := help
.PHONY: help install demo test lint format clean

help:  ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-9s %s\n", $$1, $$2}'

install: $(STAMP)  ## set up .venv from pyproject.toml and constraints.txt

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; ok = (3, 10) <= sys.version_info < (3, 14); sys.exit(0 if ok else "expected Python 3.10 to 3.13 but found " + sys.version.split()[0] + "; name another with make PYTHON=...")'
	$(PYTHON) -m venv .venv
	$(PY) -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: install  ## teacher, student alone, student distilled on generated data: table, pictures, report
	$(PY) tools/demo.py --task $(TASK)

test: install  ## lint and tests
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	OMP_NUM_THREADS=1 $(PY) -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

lint: install  ## lint only
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .

format: install  ## format and mend what ruff can mend
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

clean:  ## remove .venv and what the demo made; your data and runs stay
	rm -rf .venv data/demo work_dirs/demo
