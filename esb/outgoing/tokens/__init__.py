"""Access tokens of upstreams: fetched once, refreshed ahead, shared between processes."""
