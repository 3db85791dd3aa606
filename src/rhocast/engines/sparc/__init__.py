"""The SPARC engine: nothing outside this folder imports sparc-x-api, which is GPL-3.0."""
