"""A Tencent Cloud of our own for tests: checks every signature by itself, then answers as a test tells it to."""

import asyncio
import hashlib
import hmac
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

SECRET_ID = "AKIDtestsecretid"
SECRET_KEY = "test-secret-key-of-tencent"
KEYS = (
    f"tencent_secret_id: {SECRET_ID}, tencent_secret_key: {SECRET_KEY}, sdk_app_id: 1400006666, template_id: '449739'"
)

Answer = Callable[[str, dict[str, Any]], Any]

_AUTHORIZATION = re.compile(
    r"TC3-HMAC-SHA256 Credential=(?P<id>[^/]+)/(?P<date>[^/]+)/(?P<product>[^/]+)/tc3_request, "
    r"SignedHeaders=(?P<headers>[a-z;-]+), Signature=(?P<signature>[0-9a-f]{64})"
)


@dataclass
class Tencent:
    """Requests taken, and answers to give. `statuses`: number -> code other than Ok; `error`: refuses every call."""

    requests: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    statuses: dict[str, str] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    error: tuple[str, str] | None = None
    status: int = 200
    raw: bytes | None = None
    hangs: bool = False
    hanging: asyncio.Event = field(default_factory=asyncio.Event)
    at_once: int = 0
    most_at_once: int = 0
    secret_key: str = SECRET_KEY
    _awaited: int = 0
    _came: asyncio.Event = field(default_factory=asyncio.Event)

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/", self._handle)
        return app

    def wait_for(self, requests: int) -> None:
        """Answer nobody until so many requests are there at once."""
        self._awaited = requests

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [body for _, body in self.requests]

    async def _handle(self, request: web.Request) -> web.Response:
        raw = await request.read()
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if self.at_once >= self._awaited:
                self._came.set()
            await self._came.wait()
            if self.hangs:
                self.hanging.set()
                await asyncio.Event().wait()
            if self.raw is not None:
                return web.Response(body=self.raw, status=self.status)
            return web.json_response({"Response": {**self._answer(request, raw), "RequestId": "r-1"}})
        finally:
            self.at_once -= 1

    def _answer(self, request: web.Request, raw: bytes) -> dict[str, Any]:
        action = request.headers["X-TC-Action"]
        body = json.loads(raw)
        self.requests.append((action, body))
        self.headers.append(dict(request.headers))
        if not self._is_signed(request, raw):
            return _error("AuthFailure.SignatureFailure", "The provided credentials could not be validated.")
        if self.error is not None:
            return _error(*self.error)
        if action == "SendSms":
            return {
                "SendStatusSet": [self._sms(number) for number in body["PhoneNumberSet"] if number not in self.silent]
            }
        if body["CalledNumber"] in self.statuses:
            return _error(self.statuses[body["CalledNumber"]], "the call was refused")
        return {"SendStatus": {"CallId": f"call-{body['CalledNumber']}", "SessionContext": ""}}

    def _sms(self, number: str) -> dict[str, Any]:
        code = self.statuses.get(number, "Ok")
        return {
            "SerialNo": f"serial-{number}" if code == "Ok" else "",
            "PhoneNumber": number,
            "Fee": 1,
            "Code": code,
            "Message": "send success" if code == "Ok" else "the number was refused",
            "IsoCode": "CN",
        }

    def _is_signed(self, request: web.Request, raw: bytes) -> bool:
        claimed = _AUTHORIZATION.fullmatch(request.headers["Authorization"])
        timestamp = request.headers["X-TC-Timestamp"]
        if claimed is None or abs(int(timestamp) - time.time()) > 300 or claimed["id"] != SECRET_ID:
            return False
        names = claimed["headers"].split(";")
        assert {"content-type", "host"} <= set(names)
        date = datetime.fromtimestamp(int(timestamp), UTC).date().isoformat()
        lines = [request.method, request.path, request.query_string]
        lines += [f"{name}:{request.headers[name].strip().lower()}" for name in names]
        lines += ["", claimed["headers"], hashlib.sha256(raw).hexdigest()]
        scope = "/".join([date, claimed["product"], "tc3_request"])
        canonical = hashlib.sha256("\n".join(lines).encode()).hexdigest()
        key = b"TC3" + self.secret_key.encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        signature = hmac.digest(key, "\n".join(["TC3-HMAC-SHA256", timestamp, scope, canonical]).encode(), "sha256")
        return date == claimed["date"] and signature.hex() == claimed["signature"]


def _error(code: str, message: str) -> dict[str, Any]:
    return {"Error": {"Code": code, "Message": message}}


@dataclass
class Relay:
    """A service of the operator's own, behind `dest_url`."""

    answer: Any = field(default_factory=lambda: {"result": True, "data": None})
    status: int = 200
    messages: list[dict[str, Any]] = field(default_factory=list)

    def application(self) -> web.Application:
        app = web.Application(client_max_size=2**26)
        app.router.add_post("/relay", self._handle)
        return app

    async def _handle(self, request: web.Request) -> web.Response:
        self.messages.append(await request.json())
        return web.json_response(self.answer, status=self.status)
