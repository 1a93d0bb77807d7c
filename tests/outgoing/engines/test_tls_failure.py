"""OpenSSL's numbers of what is wrong with a certificate, in words."""

import ssl

import pytest

from esb.outgoing.engines.tls_failure import tls_failure


def test_a_certificate_that_ends_at_no_known_authority_is_one_of_a_stranger() -> None:
    names = {
        "UNABLE_TO_GET_ISSUER_CERT": 2,
        "DEPTH_ZERO_SELF_SIGNED_CERT": 18,
        "SELF_SIGNED_CERT_IN_CHAIN": 19,
        "UNABLE_TO_GET_ISSUER_CERT_LOCALLY": 20,
        "UNABLE_TO_VERIFY_LEAF_SIGNATURE": 21,
    }
    for code in names.values():
        assert "of an authority that is not trusted here" in reason(code)
    for code in (*range(3, 18), *range(22, 62)):
        assert "authority" not in reason(code)


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (9, "is not valid yet"),
        (10, "has expired"),
        (62, "is for another host name"),
        (64, "is for another address"),
        (23, "certificate or handshake was refused"),
    ],
)
def test_whatever_else_is_wrong_with_it_is_told(code: int, told: str) -> None:
    assert reason(code).endswith(told)


@pytest.mark.parametrize(
    ("openssl", "told"),
    [
        ("TLSV13_ALERT_CERTIFICATE_REQUIRED", "wants a TLS certificate of the gateway, and got none"),
        ("SSLV3_ALERT_BAD_CERTIFICATE", "refused the TLS certificate of the gateway"),
        ("SSLV3_ALERT_CERTIFICATE_EXPIRED", "refused the TLS certificate of the gateway"),
        ("TLSV1_ALERT_UNKNOWN_CA", "refused the TLS certificate of the gateway"),
        ("WRONG_VERSION_NUMBER", "does not speak TLS at this port"),
        ("HTTP_REQUEST", "does not speak TLS at this port"),
        ("RECORD_LAYER_FAILURE", "does not speak TLS at this port"),
        ("SSLV3_ALERT_HANDSHAKE_FAILURE", "certificate or handshake was refused"),
        (None, "certificate or handshake was refused"),
    ],
)
def test_what_else_ends_a_handshake_is_told_apart_by_openssls_name_for_it(openssl: str | None, told: str) -> None:
    error = ssl.SSLError()
    error.reason = openssl  # type: ignore[assignment]  # None where OpenSSL has no name for it
    assert str(tls_failure(error)).endswith(told)


def reason(code: int) -> str:
    error = ssl.SSLCertVerificationError()
    error.verify_code = code
    return str(tls_failure(error))
