"""The state that all processes share, in memory or in Redis: nonces, quota gates, rate limits, access tokens."""
