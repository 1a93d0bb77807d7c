"""The one way out: HTTP with pooled connections, deadlines, verified TLS and bounded answers."""
