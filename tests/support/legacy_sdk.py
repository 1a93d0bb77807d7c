"""The client of the generated `blueking.component` SDK, as apps on blueapps carry it: what it puts on the wire.

The SDK is generated for each platform and published nowhere, so this sends the same requests with the same library.
"""

import json
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import requests

from tests.support.identity import hmac_sha1


@dataclass
class LegacyClient:
    """`common`: parameters of every call, the user among them. `signed`: a signature in the place of the secret."""

    endpoint: str
    app_code: str = "esb_demo"
    app_secret: str = "demo-secret"
    common: Mapping[str, Any] = field(default_factory=lambda: {"bk_username": "admin"})
    version: str = "v2"
    language: str | None = None
    use_test_env: bool = False
    signed: bool = False
    clock: Callable[[], float] = time.time
    last: requests.Response | None = None

    def get(self, component: str, **params: Any) -> dict[str, Any]:
        return self._called("GET", component, self._credentials() | params, None)

    def post(self, component: str, **params: Any) -> dict[str, Any]:
        return self._called("POST", component, {}, json.dumps(self._credentials() | params))

    def _credentials(self) -> dict[str, Any]:
        credentials = {"bk_app_code": self.app_code, **self.common}
        return credentials if self.signed else {**credentials, "bk_app_secret": self.app_secret}

    def _called(self, method: str, component: str, query: dict[str, Any], body: str | None) -> dict[str, Any]:
        version = f"/{self.version}" if self.version else ""
        url = f"{self.endpoint}/api/c/compapi{version}/{component}/"
        if self.signed:
            query = self._with_signature(method, urlsplit(url).path, query, body)
        self.last = requests.request(method, url, params=query, data=body, headers=self._headers(), timeout=20)
        answer: dict[str, Any] = self.last.json()  # read whatever the status is
        assert answer["result"] or "message" in answer, "it would say that the format is incorrect"
        return answer

    def _headers(self) -> dict[str, str]:
        headers = {"x-use-test-env": "1"} if self.use_test_env else {}
        return {**headers, "blueking-language": self.language} if self.language else headers

    def _with_signature(self, method: str, path: str, query: dict[str, Any], body: str | None) -> dict[str, Any]:
        query = {**query, "bk_timestamp": int(self.clock()), "bk_nonce": random.randint(1, 2**31 - 1)}
        signs = {**query, "data": body} if body else query
        text = "&".join(f"{name}={value}" for name, value in sorted(signs.items()))
        return {**query, "bk_signature": hmac_sha1(self.app_secret, f"{method}{path}?{text}".encode())}
