"""Back ends of services.access_tokens: header access_token to app and user."""
