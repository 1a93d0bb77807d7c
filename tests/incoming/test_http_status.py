"""HTTP statuses of failures, for callers who look at nothing else."""

import pytest

from esb.core.errors import (
    AuthenticationError,
    Draining,
    EsbError,
    GatewayJwtError,
    Inactive,
    Limited,
    NotFound,
    PermissionDenied,
    Refused,
    RequestError,
    TooLarge,
    UpstreamError,
)
from esb.incoming.http_status import retry_after, status_of


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (AuthenticationError("x"), 401),
        (GatewayJwtError("x"), 401),
        (PermissionDenied("x"), 403),
        (NotFound("x"), 404),
        (Inactive("x"), 404),
        (RequestError("x"), 400),
        (TooLarge("x"), 413),
        (Draining("x"), 503),
    ],
)
def test_what_the_caller_has_to_mend_is_final(error: EsbError, status: int) -> None:
    assert status_of(error, sent=False) == status


@pytest.mark.parametrize(
    ("error", "sent", "status", "seconds"),
    [
        (Limited("x", 2.5), False, 503, 2.5),
        (Limited("x", 2.5), True, 422, 2.5),
        (UpstreamError("s", "i", "x", sent=False, transient=True), False, 503, None),
        (UpstreamError("s", "i", "x", sent=False), False, 422, None),
        (UpstreamError("s", "i", "x", sent=True), True, 422, None),
        (Refused("x", {"retryable": True, "retry_after": 7}), False, 503, 7),
        (Refused("x", {"retryable": False, "retry_after": None}), False, 422, None),
        (UpstreamError("s", "i", "x", sent=False, transient=True, data={"retryable": False}), False, 422, None),
        (EsbError("x", [1]), False, 400, None),
    ],
)
def test_the_status_follows_what_is_known(error: EsbError, sent: bool, status: int, seconds: float | None) -> None:
    assert (status_of(error, sent=sent), retry_after(error)) == (status, seconds)
