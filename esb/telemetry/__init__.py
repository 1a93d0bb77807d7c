"""Logs, metrics and traces: what events become outside."""
