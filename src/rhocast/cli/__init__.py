"""The command line, and what the scripts of the workflow share with it."""
