"""The identity of a caller: a component that answers with it, and an independent signer of requests."""

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from yarl import URL

from esb import Call, Component
from esb.core.clock import Clock
from esb.gateway.app import GATEWAY
from tests.support.components import Free
from tests.support.gateway import Gateway

SECRET = "demo-secret"
WHO = "/api/c/compapi/who/is/"
NEED_SECRET = "Signature [bk_signature] and APP Secret [bk_app_secret] cannot be empty at the same time"
NEED_USER = "User authentication failed, please provide a valid user identity, such as bk_token, bk_username"
USED = "Parameter bk_nonce is illegal, it has been used"

APPS = """\
  apps:
    use: static
    config:
      apps:
        - {code: esb_demo, secrets: [demo-secret, next-secret], impersonate: ["*"]}
        - {code: other, secrets: [demo-secret], impersonate: ["*"]}
        - {code: no_users, secrets: [no-users-secret]}
        - {code: no_rights, secrets: [no-rights-secret], impersonate: ["*"], components: [other.*]}
  login: {use: static, config: {tokens: {demo-token: admin}}}
"""
COMPONENTS = """\
components:
  - {path: /who/is/, methods: [GET, POST, PUT], use: "tests.support.identity:Who"}
  - {path: "/who/is/{name}/", name: who.named, methods: [GET], use: "tests.support.identity:Who"}
  - {path: /who/off/, use: "tests.support.identity:Who", active: false}
"""


class Who(Component[Any, Free]):
    """Answers whom it takes the caller for."""

    params_type = Free

    async def handle(self, call: Call, params: Free) -> Any:
        return {
            "app": call.app.code if call.app else None,
            "user": call.user.username if call.user else None,
            "verified": call.user.verified if call.user else None,
            "source": call.record.user_source,
            "args": dict(call.args),
            "component": call.component,
            "path": call.path,
            "path_vars": dict(call.path_vars),
            "options": [call.options.test_env, call.options.dry_run, call.options.idempotency_key],
        }


def configuration(services: str = "", *, apps: str = APPS, more: str = "") -> str:
    """An esb.yaml with these services besides those of `apps`, and top-level keys as `more`."""
    return f"version: 1\n{more}services:\n{apps}{services}{COMPONENTS}"


def hmac_sha1(secret: str, text: bytes) -> str:
    return base64.b64encode(hmac.new(secret.encode(), text, hashlib.sha1).digest()).decode()


def signature_of(
    method: str, path: str, query: Mapping[str, str], body: bytes | None = None, secret: str = SECRET
) -> str:
    """As a client makes it, after BlueKing's description; written without a look at the gateway's own."""
    parts = {name: value.encode() for name, value in query.items()}
    if body is not None:
        parts["data"] = body
    joined = b"&".join(name.encode() + b"=" + value for name, value in sorted(parts.items()))
    return hmac_sha1(secret, f"{method}{path}?".encode() + joined)


def claims(clock: Clock, **changes: str | None) -> dict[str, str]:
    """Return the parameters of a signed GET besides its signature."""
    values = {
        "bk_app_code": "esb_demo",
        "bk_username": "admin",
        "bk_nonce": "123",
        "bk_timestamp": str(int(clock.since_1970())),
        **changes,
    }
    return {name: value for name, value in values.items() if value is not None}


def with_signature(query: dict[str, str], method: str = "GET", path: str = WHO, **signing: Any) -> dict[str, str]:
    """The query of a request, signed; `signing` as signature_of takes it."""
    return {**query, "bk_signature": signature_of(method, path, query, **signing)}


async def fetch(gateway: Gateway, method: str, path: str, query: Mapping[str, str], **options: Any) -> dict[str, Any]:
    """The envelope that this request brings; its path and query go out as they are."""
    url = URL(f"{gateway.url}{path}?{urlencode(query)}", encoded=True)
    async with gateway.http.request(method, url, **options) as response:
        envelope: dict[str, Any] = await response.json()
    return envelope


async def all_inside(gateway: Gateway, calls: int) -> None:
    """Wait until so many calls are under way in the gateway."""
    async with asyncio.timeout(30):
        while len(gateway.app[GATEWAY].ingress.in_flight) < calls:  # noqa: ASYNC110 - nobody tells it
            await asyncio.sleep(0)
