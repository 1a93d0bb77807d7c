"""services.users, use: bk_user: BlueKing's user directory over HTTP."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any
from urllib.parse import urlencode

from pydantic import AfterValidator, Field, SecretStr

from esb.config import ConfigModel
from esb.config.urls import BaseUrl
from esb.contracts.checks import Check
from esb.contracts.probes import Probes
from esb.contracts.services import Contact, ProcessServices, Service
from esb.core.call import App, Call
from esb.core.errors import Refused
from esb.core.single_flight import fan_out
from esb.outgoing.client import Target
from esb.outgoing.jwt_signer import GatewayJwt, key_problem
from esb.services._answers import NOBODY, answering

PROFILES = Target("BK_USER", "profiles")
NAMES_PER_CALL = 100
CALLS_AT_ONCE = 4
FIELDS = "username,country_code,telephone,email,wx_userid,status,staff_status"


GATEWAY = App("bk_apigateway")
"""The app in whose name the gateway asks the directory; no user stands beside it."""


def _can_sign(key: SecretStr) -> SecretStr:
    if problem := key_problem(key.get_secret_value()):
        raise ValueError(problem)
    return key


class BkUserConfig(ConfigModel):
    """Where the user directory is."""

    url: BaseUrl = Field(description="address of the user directory")
    headers: dict[str, SecretStr] = Field(default_factory=dict, description="headers that it wants to see")
    jwt_private_key: Annotated[SecretStr, AfterValidator(_can_sign)] | None = Field(
        None, description="RSA key in PEM form that signs the X-Bkapi-JWT, if it wants one"
    )


class BkUsers(Service[BkUserConfig]):
    """A client of `GET {url}/api/v2/profiles/`, at most 100 names a call."""

    service = "users"
    config_type = BkUserConfig

    def __init__(self, config: BkUserConfig, services: ProcessServices) -> None:
        super().__init__(config, services)
        self._url = config.url.rstrip("/") + "/api/v2/profiles/?"
        self._headers = {"Bk-Username": "", "Bk-App-Code": GATEWAY.code} | {
            name: value.get_secret_value() for name, value in config.headers.items()
        }
        key = config.jwt_private_key
        self._jwt = GatewayJwt(key.get_secret_value(), services.clock) if key is not None else None
        self._http = services.http

    def checks(self, probes: Probes) -> Sequence[Check]:
        way = probes.reach(self.config.url, "services.users.config.url")
        return [*way, answering("the directory answers", lambda: self._ask(probes.call(), [probes.send_to or NOBODY]))]

    async def contacts(self, call: Call, usernames: Sequence[str]) -> Mapping[str, Contact]:
        chunks = [usernames[start : start + NAMES_PER_CALL] for start in range(0, len(usernames), NAMES_PER_CALL)]
        answers = await fan_out(partial(self._ask, call), chunks, CALLS_AT_ONCE)
        return {contact.username: contact for answer in answers for contact in answer}

    async def _ask(self, call: Call, usernames: Sequence[str]) -> list[Contact]:
        query = {
            "lookup_field": "username",
            "no_page": "True",
            "best_match": "1",
            "exact_lookups": ",".join(usernames),
            "fields": FIELDS,
        }
        headers = self._headers
        if self._jwt is not None:
            headers = {**headers, "X-Bkapi-JWT": self._jwt.token(GATEWAY, None)}
        answer = await self._http.json(call, PROFILES, "GET", self._url + urlencode(query), headers=headers)
        profiles = answer.get("data")
        if answer.get("result") is False or not isinstance(profiles, list):
            raise Refused(
                "Failed to get users contact information based on username, {message}",
                message=str(answer.get("message") or "")[:200],
            )
        return [_contact(profile) for profile in profiles if isinstance(profile, dict) and _is_active(profile)]


def _is_active(profile: dict[str, Any]) -> bool:
    return profile.get("status") in ("NORMAL", "LOCKED") and profile.get("staff_status") == "IN"


def _contact(profile: dict[str, Any]) -> Contact:
    fields = ("username", "email", "telephone", "country_code", "wx_userid")
    username, email, telephone, country_code, userid = (str(profile.get(field) or "") for field in fields)
    return Contact(username, email, telephone, country_code, {"wx_userid": userid} if userid else {})
