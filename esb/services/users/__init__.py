"""Back ends of services.users: user names to contacts."""
