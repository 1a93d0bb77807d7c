"""What must be one for the whole gateway, in memory or in Redis: nonces, gates, windows, shared tokens."""
