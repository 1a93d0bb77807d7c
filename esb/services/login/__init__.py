"""Back ends of services.login: bk_token to user name."""
