"""Stand-ins for what the gateway speaks to, each a real server."""
