"""Logs, metrics and traces: the forms that events have outside."""
