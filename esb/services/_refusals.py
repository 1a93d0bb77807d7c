"""Refusals that several back ends answer with the same words."""

from esb.core.clock import utc_text
from esb.core.errors import AuthenticationError, Message, PermissionDenied
from esb.core.reasons import Reason


def unknown_app(code: str) -> AuthenticationError:
    return AuthenticationError(
        "Invalid APP Code [bk_app_code={code}], please confirm if the APP Code has been registered",
        call_reason=Reason.APP_UNKNOWN,
        code=code[:64],
    )


def bad_secret(code: str) -> AuthenticationError:
    # "pelase" is how the old ESB spells it, and clients match on the text.
    return AuthenticationError(
        "APP Secret verification failed, pelase confirm if the APP Secret and APP Code [bk_app_code={code}] match",
        call_reason=Reason.SECRET_WRONG,
        code=code[:64],
    )


def bad_token() -> AuthenticationError:
    return AuthenticationError(
        "User authentication failed, please check if the bk_token is valid", call_reason=Reason.TOKEN_INVALID
    )


def app_disabled(code: str) -> PermissionDenied:
    hint = Message("this APP is switched off by `disabled: true`; the operators of the gateway can switch it on")
    return PermissionDenied(
        "APP [bk_app_code={code}] is disabled", {"hint": hint}, code=code[:64], call_reason=Reason.APP_DISABLED
    )


def app_expired(code: str, since: float) -> PermissionDenied:
    """Refuse an app whose time is over; `since` is in seconds since 1970."""
    hint = Message("the time of this APP is over; the operators of the gateway can give it more by `expires`")
    return PermissionDenied(
        "APP [bk_app_code={code}] expired at {time}",
        {"hint": hint},
        code=code[:64],
        time=utc_text(since),
        call_reason=Reason.APP_EXPIRED,
    )
