"""Back ends of services.store: the memory that all processes share."""
