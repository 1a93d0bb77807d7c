"""Refusals that several back ends answer with the same words."""

from esb.core.errors import AuthenticationError


def unknown_app(code: str) -> AuthenticationError:
    return AuthenticationError(
        "Invalid APP Code [bk_app_code={code}], please confirm if the APP Code has been registered", code=code[:64]
    )


def bad_secret(code: str) -> AuthenticationError:
    # "pelase" is how the old ESB spells it, and clients match on the text.
    return AuthenticationError(
        "APP Secret verification failed, pelase confirm if the APP Secret and APP Code [bk_app_code={code}] match",
        code=code[:64],
    )


def bad_token() -> AuthenticationError:
    return AuthenticationError("User authentication failed, please check if the bk_token is valid")
