"""Reading what Snakemake says of the job graph."""

import re


def jobs_of(output: str) -> dict[str, int]:
    """Read the table of job counts; empty where there was nothing to do."""
    if "Job stats:" not in output:
        return {}
    table = output.split("Job stats:")[1].split("\n\n")[0]
    return {name: int(n) for name, n in re.findall(r"^(\w+) +(\d+)$", table, re.MULTILINE)}
