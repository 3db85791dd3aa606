#!/bin/bash
# Snakemake 9.27.1 neither lists nor runs a job whose own params changed, if the producer of its ancient() input is to run too.
#
# Input: three rules in a row, early -> late -> end, each with a param from the configuration; `late` takes its input as
# `ancient("early.txt")`, whose documentation speaks of the file's time alone. All is made once; then params change.
# Expected: a job whose params changed is listed by `-n` and run, whatever happens to the producer of its input. That is
# so while the producer stays as it was: with `late` changed, `late` and `end` are listed.
# Seen: with `early` and `late` changed, `early` alone is listed; with `end` changed as well, still `early` alone. The run
# ends with "1 of 1 steps (100%) done" and exit code 0, and late.txt and end.txt hold the old values. A second call with
# the same configuration then lists `late` and `end`.
# Ends with 0 while that is so, with 1 if the behaviour has changed.
set -e
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q snakemake==9.27.1
cd "$folder"
export XDG_CACHE_HOME="$folder/cache"
cat > Snakefile <<'RULES'
rule all:
    input: "end.txt"

rule early:
    output: "early.txt"
    params: value=config["early"]
    shell: "echo {params.value} > {output}"

rule late:
    input: ancient("early.txt")
    output: "late.txt"
    params: value=config["late"]
    shell: "echo {params.value} > {output}"

rule end:
    input: "late.txt"
    output: "end.txt"
    params: value=config["end"]
    shell: "echo {params.value} > {output}"
RULES

snakemake() { venv/bin/snakemake --cores 1 --rerun-triggers mtime params input "$@"; }
listed() { snakemake -n --config "$@" 2>&1 | sed -nE 's/^(early|late|end) +1$/\1/p' | sort -u | xargs; }
values() { cat early.txt late.txt end.txt | xargs; }

snakemake --config early=1 late=1 end=1 > log 2>&1
control=$(listed early=1 late=2 end=1)
two=$(listed early=2 late=2 end=1)
three=$(listed early=2 late=2 end=2)
snakemake --config early=2 late=2 end=2 > log 2>&1 # its exit code is 0, or this script ends here
after=$(values)
again=$(listed early=2 late=2 end=2)

echo "Snakemake $(venv/bin/snakemake --version)"
echo "late changed: listed: $control"
echo "expected of early and late changed: early end late; seen: $two"
echo "expected of all three changed: early end late; seen: $three"
echo "expected in the files after the run: 2 2 2; seen: $after"
echo "expected of a second call: nothing; seen: $again"
[ "$control | $two | $three | $after | $again" = "end late | early | early | 2 1 1 | end late" ]
