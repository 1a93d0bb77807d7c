"""Signatures of callbacks, by Standard Webhooks: standardwebhooks.com.

What signs is derived from a secret of the app, so that the app knows it and nobody has to hand one over; and whoever
checks signatures for the app learns from it nothing with which the app could be called.
"""

import hmac
from base64 import b64encode
from collections.abc import Iterable

PURPOSE = b"esb callback"
"""The text of which the HMAC with an app's secret is the key of its signatures."""
PREFIX = "whsec_"


def signing_key(app_secret: bytes) -> bytes:
    """Return the key with which callbacks are signed for an app that has this secret: 32 bytes."""
    return hmac.digest(app_secret, PURPOSE, "sha256")


def signing_secret(app_secret: bytes) -> str:
    """Return the same as libraries of Standard Webhooks take it: `whsec_` and base64."""
    return PREFIX + b64encode(signing_key(app_secret)).decode()


def signed_headers(identity: str, timestamp: int, body: bytes, app_secrets: Iterable[bytes]) -> dict[str, str]:
    """Return the headers of a callback: with a signature for each secret of the app, while it replaces one.

    `identity` is the same at each attempt to tell the same; `timestamp` is the attempt's, in seconds since 1970.
    """
    content = b".".join((identity.encode(), str(timestamp).encode(), body))
    signatures = [b64encode(hmac.digest(signing_key(secret), content, "sha256")).decode() for secret in app_secrets]
    return {
        "webhook-id": identity,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
