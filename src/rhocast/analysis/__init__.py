"""Analysis: errors and error bars of models, summaries, tables and pictures."""
