"""Back ends of services.apps: app codes, their secrets and rights."""
