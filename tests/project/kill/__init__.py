"""Deliveries while their processes are killed: nothing is lost, and nothing doubled."""
