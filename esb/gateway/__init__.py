"""The whole, put together: config to plugins, chain and routes; built, opened, reloaded and closed."""
