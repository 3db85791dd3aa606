"""Ways to the values of a model at mesh points: compiled kernels, and those of a GPU."""
