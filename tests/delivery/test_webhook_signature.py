"""Signatures of callbacks: the library of Standard Webhooks takes them, with the secret that an app can work out."""

import base64
import hashlib
import hmac
import subprocess
import time

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from esb.delivery.webhook_signature import signed_headers, signing_secret

BODY = '{"type":"delivery.done","data":{"名":"张三"}}'.encode()


def headers(*secrets: bytes) -> dict[str, str]:
    return signed_headers("0192f", int(time.time()), BODY, secrets)


def test_the_library_of_standard_webhooks_takes_it() -> None:
    assert Webhook(signing_secret(b"app secret")).verify(BODY, headers(b"app secret"))["type"] == "delivery.done"


def test_while_an_app_replaces_its_secret_either_one_verifies() -> None:
    both = headers(b"new", b"old")
    for secret in (b"new", b"old"):
        Webhook(signing_secret(secret)).verify(BODY, both)
    with pytest.raises(WebhookVerificationError):
        Webhook(signing_secret(b"older")).verify(BODY, both)


@pytest.mark.parametrize("changed", ["webhook-id", "webhook-timestamp"])
def test_id_and_time_are_signed_too(changed: str) -> None:
    forged = headers(b"secret")
    forged[changed] = str(int(forged[changed], 16 if changed == "webhook-id" else 10) + 1)
    with pytest.raises(WebhookVerificationError):
        Webhook(signing_secret(b"secret")).verify(BODY, forged)


def test_an_app_works_its_signing_secret_out_from_its_own() -> None:
    digest = hmac.new(b"app secret", b"esb callback", hashlib.sha256).digest()
    assert signing_secret(b"app secret") == "whsec_" + base64.b64encode(digest).decode()
    command = "printf 'esb callback' | openssl dgst -sha256 -hmac \"$SECRET\" -binary | base64"
    environment = {"SECRET": "app secret", "PATH": "/usr/bin:/bin"}
    shown = subprocess.run(["/bin/sh", "-c", command], check=True, capture_output=True, text=True, env=environment)
    assert f"whsec_{shown.stdout.strip()}" == signing_secret(b"app secret")
