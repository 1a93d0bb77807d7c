"""Back ends of services.store: where the shared memory lies."""
