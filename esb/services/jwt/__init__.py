"""Back ends of services.jwt: header X-Bkapi-JWT to app and user."""
