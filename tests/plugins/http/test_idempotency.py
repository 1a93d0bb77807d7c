"""`idempotency: true` of a `use: http` stanza: a repetition with the same Idempotency-Key asks the upstream nothing."""

import json
from typing import Any

import pytest

from esb.core.errors import ConfigError
from tests.support.configuration import DEMO
from tests.support.engines import needs_httptools
from tests.support.gateway import Gateway, OpenGateway, OpenServer
from tests.support.servers.recorder import Recorder, proxy, recording

BY_HEADER = {"X-Bkapi-Authorization": json.dumps(DEMO)}
RELAY = "/api/c/compapi/demo/relay/"
RESPONSES = ("envelope", "wrap")
ENGINES = ["aiohttp", pytest.param("httptools", marks=needs_httptools)]


@pytest.fixture
async def recorder(open_server: OpenServer) -> Recorder:
    return await recording(open_server)


async def keeping(open_gateway: OpenGateway, recorder: Recorder, response: str = "envelope", more: str = "") -> Gateway:
    return await open_gateway(proxy(recorder.url, stanza="idempotency: true, ", response=response), more=more)


async def ask(
    gateway: Gateway, key: str = "k", *, query: str = "", method: str = "POST", **body: Any
) -> dict[str, Any]:
    headers = {**BY_HEADER, "Idempotency-Key": key}
    answer = await gateway.request(method, RELAY + query, json=body, headers=headers)
    envelope: dict[str, Any] = await answer.json()
    return envelope


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("response", RESPONSES)
async def test_a_repetition_gets_the_first_answer_and_asks_nothing(
    open_gateway: OpenGateway, recorder: Recorder, response: str, engine: str
) -> None:
    gateway = await keeping(open_gateway, recorder, response, f"server: {{outgoing: {engine}}}\n")
    first, second = await ask(gateway, a=1), await ask(gateway, a=1)
    assert first["result"] is second["result"] is True
    assert [second[name] for name in ("code", "message")] == [first[name] for name in ("code", "message")]
    assert len(recorder.seen) == 1
    assert first["request_id"] != second["request_id"]
    await ask(gateway, "another", a=1)
    assert len(recorder.seen) == 2


async def test_an_answer_in_data_tells_that_it_was_kept(open_gateway: OpenGateway, recorder: Recorder) -> None:
    recorder.says = {"result": True, "code": 0, "message": "fine", "data": {"id": 7}}
    gateway = await keeping(open_gateway, recorder)
    assert [(await ask(gateway))["data"] for _ in range(2)] == [{"id": 7}, {"id": 7, "replayed": True}]


@pytest.mark.parametrize(("status", "asked"), [(200, 1), (500, 1), (502, 1), (400, 2), (404, 2), (429, 2)])
async def test_what_an_upstream_may_have_acted_upon_is_not_asked_again(
    open_gateway: OpenGateway, recorder: Recorder, status: int, asked: int
) -> None:
    recorder.says, recorder.status = {"result": False, "code": 40401, "message": "no"}, status
    gateway = await keeping(open_gateway, recorder)
    first, second = await ask(gateway), await ask(gateway)
    assert (first["result"], first["code"], first["message"]) == (False, second["code"], second["message"])
    assert len(recorder.seen) == asked


@pytest.mark.parametrize(
    "other",
    [
        {"a": 2}, {}, {"a": 1, "b": 1}, {"a": 1, "query": "?page=2"}, {"a": 1, "method": "GET"},
        {"a": 1, "idempotency_key": "x"}, {"a": 1, "dry_run": "1"},
    ],
)  # fmt: skip
async def test_another_call_under_the_same_key_is_refused(
    open_gateway: OpenGateway, recorder: Recorder, other: dict[str, Any]
) -> None:
    gateway = await keeping(open_gateway, recorder)
    await ask(gateway, a=1)
    answer = await ask(gateway, **other)
    assert (answer["result"], answer["code"]) == (False, 1306406)
    assert "idempotency key" in answer["message"]
    assert len(recorder.seen) == 1


async def test_a_parameter_of_that_name_is_the_upstreams(open_gateway: OpenGateway, recorder: Recorder) -> None:
    gateway = await keeping(open_gateway, recorder)
    for _ in range(2):
        await gateway.request("POST", RELAY, json={"idempotency_key": "k"}, headers=BY_HEADER)
    assert [json.loads(seen.body) for seen in recorder.seen] == [{"idempotency_key": "k"}] * 2


async def test_without_the_key_of_the_stanza_the_header_is_refused(
    open_gateway: OpenGateway, recorder: Recorder
) -> None:
    gateway = await open_gateway(proxy(recorder.url))
    answer = await ask(gateway, a=1)
    assert (answer["code"], "takes no Idempotency-Key" in answer["message"]) == (1306406, True)
    assert recorder.seen == []


async def test_with_it_a_dry_run_is_refused_all_the_same(open_gateway: OpenGateway, recorder: Recorder) -> None:
    gateway = await keeping(open_gateway, recorder)
    for more in ({}, {"Idempotency-Key": "k"}):
        answer = await gateway.request("POST", RELAY, json={"a": 1}, headers={**BY_HEADER, "X-Dry-Run": "1", **more})
        said = await answer.json()
        assert (said["code"], "no dry run" in said["message"]) == (1306406, True)
    assert recorder.seen == []


async def test_no_answer_is_kept_that_is_passed_on_as_it_comes(open_gateway: OpenGateway, recorder: Recorder) -> None:
    with pytest.raises(ConfigError, match="idempotency"):
        await keeping(open_gateway, recorder, "raw")
