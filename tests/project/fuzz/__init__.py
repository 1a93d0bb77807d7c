"""Fuzzing of a real gateway: requests and upstream answers that no decent peer sends. `make fuzz` runs it."""
