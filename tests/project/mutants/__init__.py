"""Mutation testing: small bugs, one at a time, and whether a test notices. `make mutants` runs it."""
