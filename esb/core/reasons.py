"""Reasons: why a call was refused or failed, in one word for the log. Their set is closed; docs/operating.md has it.

A code of the envelope often means many things, since the old ESB had few of them; a reason means one.
"""

from enum import StrEnum


class Reason(StrEnum):
    """Why a call went wrong. Names are never reused for another meaning."""

    # who calls
    APP_MISSING = "app_missing"
    APP_UNKNOWN = "app_unknown"
    APP_DISABLED = "app_disabled"
    APP_EXPIRED = "app_expired"
    SECRET_MISSING = "secret_missing"  # noqa: S105 - a reason, as those below
    SECRET_WRONG = "secret_wrong"  # noqa: S105
    SECRET_ENDED = "secret_ended"  # noqa: S105
    SIGNATURE_WRONG = "signature_wrong"
    TIMESTAMP_EXPIRED = "timestamp_expired"
    NONCE_USED = "nonce_used"
    TOKEN_INVALID = "token_invalid"  # noqa: S105
    AUTHENTICATION = "authentication"
    FAILURES_LIMITED = "failures_limited"
    USER_MISSING = "user_missing"
    IMPERSONATION_DENIED = "impersonation_denied"
    # what it may do
    NOT_PERMITTED = "not_permitted"
    RATE_LIMITED = "rate_limited"
    OVERLOADED = "overloaded"
    # what it asks
    REQUEST = "request"
    BODY = "body"
    PARAMETERS = "parameters"
    RECEIVERS = "receivers"
    IDEMPOTENCY_KEY = "idempotency_key"
    NOT_FOUND = "not_found"
    INACTIVE = "inactive"
    NO_TEST_ENVIRONMENT = "no_test_environment"
    # other systems
    UPSTREAM = "upstream"
    REFUSED = "refused"
    QUOTA = "quota"
    STORE = "store"
    # this side
    DRAINING = "draining"
    COMPONENT = "component"
    CRASH = "crash"
    CALLER_LEFT = "caller_left"
    CUT_OFF = "cut_off"
