"""Refusals that several back ends answer with the same words."""

from esb.core.clock import utc_text
from esb.core.errors import AuthenticationError, Message, PermissionDenied, template
from esb.core.reasons import Reason


def unknown_app(code: str) -> AuthenticationError:
    return AuthenticationError(
        "Invalid APP Code [bk_app_code={code}], please confirm if the APP Code has been registered",
        call_reason=Reason.APP_UNKNOWN,
        code=code[:64],
    )


def bad_secret(code: str, ended: float | None = None) -> AuthenticationError:
    """Refuse a secret; `ended`: it was one of the app's until then, in seconds since 1970."""
    data = None
    if ended is not None:
        hint = template("this secret of the APP ended at {time}; please use the one that followed it")
        data = {"hint": Message(hint, {"time": utc_text(ended)})}
    # "pelase" is how the old ESB spells it, and clients match on the text.
    return AuthenticationError(
        "APP Secret verification failed, pelase confirm if the APP Secret and APP Code [bk_app_code={code}] match",
        data,
        call_reason=Reason.SECRET_WRONG if ended is None else Reason.SECRET_ENDED,
        code=code[:64],
    )


def cannot_sign(code: str) -> AuthenticationError:
    return AuthenticationError(
        "Signature [bk_signature] of APP [bk_app_code={code}] cannot be verified: its secrets are kept as digests only,"
        " please send bk_app_secret instead",
        call_reason=Reason.SIGNATURE_WRONG,
        code=code[:64],
    )


def bad_token() -> AuthenticationError:
    return AuthenticationError(
        "User authentication failed, please check if the bk_token is valid", call_reason=Reason.TOKEN_INVALID
    )


def app_disabled(code: str, *, in_database: bool = False) -> PermissionDenied:
    hint = (
        Message("this APP is switched off; the operators of the gateway can switch it on by `esb app enable`")
        if in_database
        else Message("this APP is switched off by `disabled: true`; the operators of the gateway can switch it on")
    )
    return PermissionDenied(
        "APP [bk_app_code={code}] is disabled", {"hint": hint}, code=code[:64], call_reason=Reason.APP_DISABLED
    )


def app_expired(code: str, since: float, *, in_database: bool = False) -> PermissionDenied:
    """Refuse an app whose time is over; `since` is in seconds since 1970."""
    hint = (
        Message("the time of this APP is over; the operators of the gateway can give it more by `esb app set`")
        if in_database
        else Message("the time of this APP is over; the operators of the gateway can give it more by `expires`")
    )
    return PermissionDenied(
        "APP [bk_app_code={code}] expired at {time}",
        {"hint": hint},
        code=code[:64],
        time=utc_text(since),
        call_reason=Reason.APP_EXPIRED,
    )
