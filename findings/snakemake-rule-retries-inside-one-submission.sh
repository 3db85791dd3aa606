#!/bin/bash
# Snakemake 9.27.1 runs a failing job with `retries: 2` six times on a cluster, three of them in the first submission.
#
# Input: one rule that fails, with `retries: 2` and `mem_mb` from `attempt`, run by snakemake-executor-plugin-cluster-generic
# 1.0.9; each submission counts up a number that the job sees.
# Expected: three tries, each submitted anew, so that the second gets an allocation with the memory of attempt 2. That is so
# with `--retries 2` on the command line and no directive in the rule.
# Seen: the Snakemake within a submission is called with `--retries 0` and repeats the rule all the same: attempts 1, 2 and 3
# run in the first submission, 2 and 3 in the second, 3 in the third. Attempts 2 and 3 believe in memory that their
# allocation does not have.
# Ends with 0 while that is so, with 1 if the behaviour has changed.
set -e
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q snakemake==9.27.1 snakemake-executor-plugin-cluster-generic==1.0.9
export XDG_CACHE_HOME="$folder/cache"
cat > "$folder/submit.sh" <<'SUBMIT'
#!/bin/bash
echo >> submissions
SUBMISSION=$(wc -l < submissions) bash "$1" > /dev/null 2>&1 &
echo $!
SUBMIT
chmod +x "$folder/submit.sh"

tries() { # of a rule with a directive, and options of the command
  mkdir "$folder/$1"
  cd "$folder/$1"
  cat > Snakefile <<RULES
rule failing:
    output: "out.txt"
    $2
    resources: mem_mb=lambda wildcards, attempt: 100 * attempt
    shell: "echo \$SUBMISSION:{resources.mem_mb} >> tries; exit 1"
RULES
  "$folder/venv/bin/snakemake" --executor cluster-generic --cluster-generic-submit-cmd "$folder/submit.sh" --jobs 1 \
    "${@:3}" > log 2>&1 && return 1
  xargs < tries
}

command=$(tries command "" --retries 2)
rule=$(tries rule "retries: 2")

echo "Snakemake $("$folder/venv/bin/snakemake" --version); submission:mem_mb of each try"
echo "--retries 2: $command"
echo "expected of 'retries: 2' in the rule: 1:100 2:200 3:300; seen: $rule"
[ "$command | $rule" = "1:100 2:200 3:300 | 1:100 1:200 1:300 2:200 2:300 3:300" ]
