"""Studies: several models trained and measured to answer one question, with a table and a figure.

Each has a module of its own. Their models are compared and thrown away.
"""
