#!/usr/bin/env bash
# The package itself, from the folder that Snakemake was started in; its dependencies are conda's.
set -euo pipefail
pip install --no-deps --no-build-isolation --editable .
