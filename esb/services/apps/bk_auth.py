"""services.apps, use: bk_auth: BlueKing's directory of apps and their secrets over HTTP. Rights stand in esb.yaml."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any
from urllib.parse import quote

from pydantic import Field, SecretStr

from esb.config.urls import BaseUrl
from esb.contracts.checks import Check
from esb.contracts.explain import Decision, Question, unknown
from esb.contracts.probes import Probes
from esb.contracts.services import ProcessServices, Service
from esb.core.call import App, Call
from esb.core.errors import AuthenticationError, Refused, UpstreamError, template
from esb.core.single_flight import Lookup
from esb.outgoing.client import Target, read_object
from esb.services._answers import answering
from esb.services._refusals import bad_secret, unknown_app
from esb.services._unique import each_once
from esb.services.apps._rights import AppFiles, AppRights

VERIFY = Target("BK_AUTH", "verify_app_secret")
LIST = Target("BK_AUTH", "list_app_secrets")
BKAUTH = "bkauth says if there is such an app, and which secrets it has; it is not asked"


class BkAuthConfig(AppFiles):
    """The address of bkauth, and the rights of apps."""

    url: BaseUrl = Field(description="address of bkauth")
    app_code: str = Field(description="the app code that the gateway shows it")
    app_secret: SecretStr = Field(description="the secret of that app code")
    apps: Annotated[tuple[AppRights, ...], each_once("code")] = Field(
        (), description="rights of apps that have any of their own; their secrets are bkauth's"
    )


class BkAuth(Service[BkAuthConfig]):
    """A client of `POST {url}/api/v1/apps/{code}/access-keys/verify`, and for signatures `GET …/access-keys`.

    What bkauth grants is kept for 300 s, a refusal for 5 s. An app without an entry in `apps` may impersonate nobody.
    """

    service = "apps"
    config_type = BkAuthConfig

    def __init__(self, config: BkAuthConfig, services: ProcessServices) -> None:
        super().__init__(config, services)
        self._url = config.url.rstrip("/") + "/api/v1/apps/"
        self._headers = {"x-bk-app-code": config.app_code, "x-bk-app-secret": config.app_secret.get_secret_value()}
        self._http = services.http
        self._apps = {entry.code: entry.rights("apps", index) for index, entry in enumerate(config.apps)}
        self._verified: Lookup[bytes, bool] = Lookup(
            ttl=300, refusal=AuthenticationError, refusal_ttl=5, clock=services.clock
        )
        self._secrets: Lookup[bytes, Sequence[bytes]] = Lookup(
            ttl=300, refusal=AuthenticationError, refusal_ttl=5, clock=services.clock
        )

    def checks(self, probes: Probes) -> Sequence[Check]:
        code, secret = self.config.app_code, self.config.app_secret.get_secret_value()
        fix = "correct app_code and app_secret of services.apps"
        answer = answering(
            "bkauth knows the gateway's own app", lambda: self._ask_verify(probes.call(), code, secret), fix_of_no=fix
        )
        return [*probes.reach(self.config.url, "services.apps.config.url"), answer]

    async def verify(self, call: Call, code: str, secret: str) -> App:
        key = hashlib.sha256(f"{len(code)}:{code}{secret}".encode()).digest()
        await self._verified.get(key, lambda: self._ask_verify(call.detached(10), code, secret))
        return await self.rights(call, code)

    async def secrets(self, call: Call, code: str) -> Sequence[bytes]:
        key = hashlib.sha256(code.encode()).digest()
        return await self._secrets.get(key, lambda: self._ask_secrets(call.detached(10), code))

    async def rights(self, call: Call, code: str) -> App:
        rights = self._apps.get(code)
        if rights is None:
            return App(code)
        return rights.lasting or rights.at(self.services.clock.since_1970())

    async def explain(self, question: Question) -> Decision:
        """Return what is known here: the rights. What bkauth says of the app, and of its secrets, is not asked."""
        rights = self._apps.get(question.app_code)
        if rights is None:
            return unknown(f"{BKAUTH}; nothing is said of it here", app=App(question.app_code))
        decision = rights.explained(question, BKAUTH)
        return decision if decision.verdict == "refused" else replace(decision, verdict="unknown", why=BKAUTH)

    async def _ask_verify(self, call: Call, code: str, secret: str) -> bool:
        path = f"{_segment(code)}/access-keys/verify"
        data = await self._ask(call, VERIFY, "POST", path, body={"bk_app_secret": secret})
        if not isinstance(data, dict) or data.get("is_match") is not True:
            raise bad_secret(code)
        return True

    async def _ask_secrets(self, call: Call, code: str) -> Sequence[bytes]:
        data = await self._ask(call, LIST, "GET", f"{_segment(code)}/access-keys")
        keys = [key for key in data if isinstance(key, dict)] if isinstance(data, list) else []
        secrets = [key.get("bk_app_secret") for key in keys if key.get("enabled") is not False]
        known = tuple(secret.encode() for secret in secrets if isinstance(secret, str) and secret)
        if not known:
            raise unknown_app(code)
        return known

    async def _ask(self, call: Call, target: Target, method: str, path: str, body: Any = None) -> Any:
        """Return the `data` of bkauth's answer. AuthenticationError if it refuses, Refused if it fails.

        It tells refusals by HTTP status as well as by `code`.
        """
        try:
            answer = await self._http.request(call, target, method, self._url + path, body=body, headers=self._headers)
            content = read_object(target, answer, (answer.status,))
        except UpstreamError:
            raise Refused(
                "request bkauth api error, please try again later or contact component developer to handle"
            ) from None
        if content.get("code") != 0:
            kind = AuthenticationError if answer.status < 500 else Refused  # its own trouble is no refusal to keep
            raise kind(template("bkauth: {message}"), message=str(content.get("message") or "")[:200])
        return content.get("data")

    async def close(self) -> None:
        await self._verified.close()
        await self._secrets.close()


def _segment(code: str) -> str:
    """Return the code as one segment of a URL's path; AuthenticationError if it could lead out of it."""
    if len(code) > 128 or not code.strip("."):
        raise unknown_app(code)
    return quote(code, safe="")
