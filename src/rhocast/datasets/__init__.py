"""Datasets: lists of snapshot files, made by engines or imported; checked, split, published."""
