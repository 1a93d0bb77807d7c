"""The scenarios: requests to a contender, and checks of its answers."""

import json
from dataclasses import dataclass
from typing import Any

from contenders import Contender
from load import Batch

CALLER = {"bk_app_code": "bench", "bk_app_secret": "bench-secret", "bk_username": "admin"}
STRANGER = CALLER | {"bk_app_secret": "not-the-secret"}
MESSAGE = {"heading": "Alarm", "message": "The disk of host-1 is 91% full.", "date": "2026-01-01 12:00"}
SEND = {"receiver__username": ["admin"], "data": MESSAGE}
SEND_PATH = "/api/c/compapi/cmsi/send_weixin/"


@dataclass(frozen=True)
class Scenario:
    """One kind of call. `upstream`: the options of the upstream that goes with it."""

    name: str
    batch: Batch
    upstream: tuple[str, ...] = ()

    def asked_of(self, contender: Contender) -> Batch:
        """Return the batch for this contender."""
        return DIRECT if contender.transparent else self.batch


def _request(path: str, caller: dict[str, str], body: dict[str, Any]) -> bytes:
    raw = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"X-Bkapi-Authorization: {json.dumps(caller)}\r\nContent-Length: {len(raw)}\r\n\r\n"
    )
    return head.encode() + raw


def _accepted(body: bytes) -> bool:
    answer = json.loads(body)
    return bool(answer["result"] is True and answer["code"] == 0 and answer["data"]["msgids"] == ["bench-msgid"])


def _refused(body: bytes) -> bool:
    answer = json.loads(body)
    return bool(answer["result"] is False and answer["message"].lower().startswith(("app auth", "app secret")))


def _invalid(body: bytes) -> bool:
    answer = json.loads(body)
    return bool(answer["result"] is False and answer["code"] != 0 and answer["message"])


def _relayed(body: bytes) -> bool:
    answer = json.loads(body)
    return bool(answer["result"] is True and answer["data"] == {"relayed": True})


def _errcode(body: bytes) -> bool:
    answer = json.loads(body)
    return bool(answer["result"] is False and answer["data"]["errcode"] == 81013)


def _delivered(body: bytes) -> bool:
    answer = json.loads(body)
    return bool(answer["errcode"] == 0 and answer["msgid"] == "bench-msgid")


_SEND = _request(SEND_PATH, CALLER, SEND)
DIRECT = Batch(
    _request("/cgi-bin/message/send?access_token=bench-token", CALLER, {"touser": "zhangsan", **SEND}), _delivered
)
"""The request to the upstream itself, and to contenders that pass everything on."""

SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("send", Batch(_SEND, _accepted)),
        Scenario("refused", Batch(_request(SEND_PATH, STRANGER, SEND), _refused)),
        Scenario("invalid", Batch(_request(SEND_PATH, CALLER, {"receiver__username": ["admin"]}), _invalid)),
        Scenario("relay", Batch(_request("/api/c/compapi/bench/relay/", CALLER, SEND), _relayed)),
        Scenario("errcode", Batch(_SEND, _errcode), ("--errcode", "81013")),
        Scenario("slow", Batch(_SEND, _accepted), ("--delay", "0.05")),
        Scenario("tls", Batch(_SEND, _accepted), ("--tls",)),
    )
}
