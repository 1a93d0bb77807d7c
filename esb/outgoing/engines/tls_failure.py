"""The reasons for which TLS with an upstream fails, in words: which side did not like which certificate."""

import ssl
from collections.abc import Mapping

from esb.core.errors import Message, template

UNKNOWN_CA = template("the TLS certificate of the upstream is of an authority that is not trusted here")
OF_CERTIFICATES: Mapping[int, str] = {
    **dict.fromkeys((2, 18, 19, 20, 21), UNKNOWN_CA),
    9: template("the TLS certificate of the upstream is not valid yet"),
    10: template("the TLS certificate of the upstream has expired"),
    62: template("the TLS certificate of the upstream is for another host name"),
    64: template("the TLS certificate of the upstream is for another address"),
}
"""OpenSSL's X509_V_ERR_… -> reason."""
NO_CERTIFICATE = template("the upstream wants a TLS certificate of the gateway, and got none")
OUR_CERTIFICATE = template("the upstream refused the TLS certificate of the gateway")
NO_TLS = template("the upstream does not speak TLS at this port")
OTHER = template("the TLS certificate or handshake was refused")
_OF_ALERTS = (
    ("CERTIFICATE_REQUIRED", NO_CERTIFICATE),
    ("ALERT_BAD_CERTIFICATE", OUR_CERTIFICATE),
    ("ALERT_CERTIFICATE", OUR_CERTIFICATE),  # expired, revoked, unknown
    ("ALERT_UNKNOWN_CA", OUR_CERTIFICATE),
    ("WRONG_VERSION_NUMBER", NO_TLS),
    ("HTTP_REQUEST", NO_TLS),
    ("RECORD_LAYER_FAILURE", NO_TLS),
)
"""Parts of OpenSSL's names for what went wrong -> reason."""


def tls_failure(error: BaseException) -> Message:
    """Return the reason of a failed handshake. The error's own text names hosts and files, and stays here."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return Message(OF_CERTIFICATES.get(error.verify_code, OTHER))
    reason = str(getattr(error, "reason", "") or "")
    return Message(next((text for part, text in _OF_ALERTS if part in reason), OTHER))
