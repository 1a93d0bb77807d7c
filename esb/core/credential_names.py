"""The names of credentials, in the header X-Bkapi-Authorization and among the parameters of a call."""

IDENTITIES = ("bk_app_code", "app_code", "bk_username", "username")
"""Names of the app and of its user: no secrets, so components see them."""
CLAIMS = ("bk_app_secret", "app_secret", "bk_token", *IDENTITIES)
"""Parameters that are credentials when the header is absent."""
SECRETS = frozenset(
    {
        "app_secret",
        "bk_access_token",
        "bk_app_secret",
        "bk_nonce",
        "bk_signature",
        "bk_timestamp",
        "bk_token",
        "signature",
    }
)
"""Parameters that no component ever sees."""
SECRETS_BESIDE_A_HEADER = SECRETS - {"signature"}
"""Those that no component sees either where a header says who calls; all other names are plain parameters then."""
CREDENTIALS = SECRETS.union(IDENTITIES, {"access_token"})
"""Parameters that never go upstream where they may say who calls: they are for the gateway."""
NOT_FOR_UPSTREAMS = SECRETS_BESIDE_A_HEADER | {"access_token", "bk_app_code", "bk_username"}
"""Those that never do, wherever credentials stood: an upstream could take the caller's word for the gateway's."""
