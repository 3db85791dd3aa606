"""What all rules share: where things lie, and how they take their slice of the configuration."""


def results(path):
    """Return a path in the folder of results."""
    return f"{cfg.results}/{path}"


def log_of(rule_and_wildcards):
    """Return the log file of a rule."""
    return results(f"logs/{rule_and_wildcards}.log")


def benchmark_of(rule_and_wildcards):
    """Return the benchmark file (time and memory that Snakemake measured) of a rule."""
    return results(f"benchmarks/{rule_and_wildcards}.tsv")


def densities_of(dataset):
    """Return the snapshot files of a dataset, in a fixed order."""
    return [
        results(f"densities/{source.system}/{temperature}K/{frame}.h5")
        for source in cfg.datasets[dataset]
        for temperature in source.temperatures_K
        for frame in range(source.frames)
    ]


def slice_of(section):
    """Return a section of the configuration as a rule's param.

    Defaults are left out: a later version's new key must not run anything again. A default that
    changes raises the format version of the rules that it concerns.
    """
    return section.model_dump(exclude_defaults=True)
