"""Assembly of the gateway: config to plugins, chain and routes; built, opened, reloaded and closed."""
