"""The errors of aiohttp's client, as what they mean to a caller. They quote URLs, and access tokens travel in those."""

import ssl

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong

from esb.core.errors import Message
from esb.outgoing.engine import (
    CANNOT_BE_SENT,
    DEFAULT_BOUNDS,
    ExchangeError,
    HeadBounds,
    NoConnection,
    OutOfTime,
    headers_too_large,
)
from esb.outgoing.engines.tls_failure import tls_failure

TOO_MANY_HEADERS = "Too many headers received"
"""The words of aiohttp's parser."""


class RefusedAddress(OSError):
    """The host is, or its name leads to, an address that the request may not reach."""


class TooMuch(ValueError):
    """An answer over MAX_ANSWER."""


def failure_of(error: Exception, bounds: HeadBounds = DEFAULT_BOUNDS) -> ExchangeError:
    """Return the error that an aiohttp error means to a caller; the most telling class first."""
    cause = error.__cause__
    if isinstance(cause, HttpProcessingError) and isinstance(cause.__cause__, HttpProcessingError):
        cause = cause.__cause__
    if isinstance(cause, LineTooLong) or (isinstance(cause, HttpProcessingError) and cause.message == TOO_MANY_HEADERS):
        return ExchangeError(headers_too_large(bounds))
    match error:
        case aiohttp.ConnectionTimeoutError():
            return NoConnection(Message("the connection could not be established in time"))
        case TimeoutError():
            return OutOfTime()
        case aiohttp.ClientConnectorCertificateError():
            return NoConnection(tls_failure(error.certificate_error))
        case aiohttp.ClientConnectorSSLError():
            return NoConnection(tls_failure(error.os_error))
        case aiohttp.ClientOSError() if isinstance(cause, ssl.SSLError):
            return NoConnection(tls_failure(cause))  # with TLS 1.3 a server says so once the client has begun
        case aiohttp.ClientProxyConnectionError() | aiohttp.ClientHttpProxyError():
            return NoConnection(Message("the forward proxy refused or could not be reached"))
        case RefusedAddress() | aiohttp.ClientConnectorError(os_error=RefusedAddress()):
            return ExchangeError(Message("its address is link-local or a cloud's metadata, and refused"), sent=False)
        case aiohttp.ClientConnectorDNSError():
            return NoConnection(Message("the host name could not be resolved"))
        case aiohttp.ClientConnectorError():
            return NoConnection(Message("the connection could not be established"))
        case TooMuch():
            return ExchangeError(Message("the response is too large"))
        case ValueError() | aiohttp.NonHttpUrlClientError():
            return ExchangeError(CANNOT_BE_SENT, sent=False)
        case aiohttp.ClientPayloadError() | aiohttp.ClientResponseError():
            return ExchangeError(Message("the response is not valid HTTP"))
    return ExchangeError(Message("the connection was closed before the response was complete"))
