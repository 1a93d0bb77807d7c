"""Requests to other systems: HTTP with pooled connections, deadlines, verified TLS and bounded answers."""
