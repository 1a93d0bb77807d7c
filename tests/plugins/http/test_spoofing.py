"""`use: http` in hostile hands: no caller says who calls in the gateway's name, or gets where it may not."""

import json
from typing import Any

import pytest

from esb.config import load
from esb.core.errors import ConfigError
from esb.gateway.app import create_app
from tests.support.configuration import DEMO
from tests.support.gateway import OpenGateway, OpenServer
from tests.support.servers.recorder import Recorder, proxy, recording

RELAY = "/api/c/compapi/demo/relay/"
BY_HEADER = {"X-Bkapi-Authorization": json.dumps(DEMO)}


def raw(*hosts: str, stanza: str = "", **config: Any) -> str:
    return proxy(*hosts, stanza=stanza, response="raw", **config)


@pytest.fixture
async def upstream(open_server: OpenServer) -> Recorder:
    return await recording(open_server)


# Paths


@pytest.mark.parametrize(
    ("declared", "path"),
    [("/demo/files/{file:path}/", "/f/{file}"), ("/demo/files/{file:path}/", "/f/{file:path}")],
)
async def test_a_value_of_several_segments_goes_on_as_such(
    open_gateway: OpenGateway, upstream: Recorder, declared: str, path: str
) -> None:
    stanza = f'  - {{path: "{declared}", use: http, config: {{hosts: [{upstream.url}], path: "{path}"}}}}\n'
    gateway = await open_gateway(stanza)
    assert (await gateway.call("demo/files/a/b%20c.d"))["result"]
    assert upstream.last.target == "/f/a/b%20c.d"
    assert (await gateway.call("demo/files/a//b"))["code"] == 1306406
    assert len(upstream.seen) == 1


async def test_a_parameter_is_of_several_segments_only_where_the_upstreams_path_says_so(
    open_gateway: OpenGateway, upstream: Recorder
) -> None:
    gateway = await open_gateway(proxy(upstream.url, path="/f/{file:path}/{id}/"))
    assert (await gateway.call("demo/relay", file="a/b", id=1))["result"]
    assert upstream.last.target == "/f/a/b/1/"
    for file, number in (("a/../b", 1), ("/a", 1), ("a/", 1), ("a//b", 1), ("a", "1/delete")):
        assert (await gateway.call("demo/relay", file=file, id=number))["code"] == 1306406
    assert len(upstream.seen) == 1


# HEAD


@pytest.mark.parametrize("config", [{}, {"response": "wrap"}, {"method": "GET"}])
@pytest.mark.parametrize("stanza", ["", "methods: [GET, HEAD], "])
async def test_head_asks_the_upstream_with_get_where_its_answer_is_read(
    open_gateway: OpenGateway, upstream: Recorder, config: dict[str, Any], stanza: str
) -> None:
    gateway = await open_gateway(proxy(upstream.url, stanza=stanza, **config))
    whole = await gateway.request("GET", RELAY, params={**DEMO, "a": "1"})
    response = await gateway.request("HEAD", RELAY, params={**DEMO, "a": "1"})
    assert (response.status, await response.read()) == (200, b"")
    assert response.headers["Content-Length"] == whole.headers["Content-Length"]
    assert [(seen.method, seen.target) for seen in upstream.seen] == [("GET", "/x/?a=1")] * 2


@pytest.mark.parametrize("config", [{}, {"method": "GET"}])
async def test_head_goes_through_raw_as_head(
    open_gateway: OpenGateway, upstream: Recorder, config: dict[str, Any]
) -> None:
    gateway = await open_gateway(raw(upstream.url, **config))
    whole = await gateway.request("GET", RELAY, headers=BY_HEADER)
    response = await gateway.request("HEAD", RELAY, headers=BY_HEADER)
    assert (response.status, await response.read()) == (200, b"")
    assert response.headers["Content-Length"] == whole.headers["Content-Length"]
    assert [seen.method for seen in upstream.seen] == ["GET", "HEAD"]


# Headers


@pytest.mark.parametrize(
    "name",
    [
        *("Bk_Username", "BK_USERNAME", "Bk.Username", "bk-username", "Bk_App-Code", "X_Forwarded_For", "X.Real-IP"),
        *("X.Bkapi.JWT", "X_Bkapi_Authorization", "x_api_key", "X-Api_Key", "x-api-key", "Content_Type"),
    ],
)
async def test_no_header_of_a_caller_stands_in_for_the_gateways(
    open_gateway: OpenGateway, upstream: Recorder, name: str
) -> None:
    gateway = await open_gateway(raw(upstream.url, headers="{X-Api-Key: ours}"))
    await gateway.request("GET", RELAY, headers={**BY_HEADER, name: "spoofed", "X-Other": "mine"})
    seen = upstream.last.headers
    assert "spoofed" not in repr(list(seen.items()))
    assert (seen["Bk-Username"], seen["Bk-App-Code"], seen["X-Api-Key"]) == ("admin", "esb_demo", "ours")
    assert seen["X-Other"] == "mine"


async def test_no_caller_takes_the_gateways_headers_away(open_gateway: OpenGateway, upstream: Recorder) -> None:
    gateway = await open_gateway(raw(upstream.url, headers="{X-Api-Key: ours}"))
    named = "close, Bk-Username, bk-app-code, X-Bkapi-Request-Id, X-Api-Key, Blueking-Language, Content-Type, X-Hop"
    headers = {**BY_HEADER, "Connection": named, "X-Hop": "x", "Blueking-Language": "en", "Content-Type": "text/x-tea"}
    await gateway.request("POST", RELAY, headers=headers, data=b"tea")
    seen = upstream.last.headers
    assert (seen["Bk-Username"], seen["Bk-App-Code"], seen["X-Api-Key"]) == ("admin", "esb_demo", "ours")
    assert (seen["Blueking-Language"], seen["Content-Type"]) == ("en", "text/x-tea")
    assert len(seen["X-Bkapi-Request-Id"]) == 32
    assert "X-Hop" not in seen


async def test_headers_in_names_all_headers_of_a_caller_that_pass(
    open_gateway: OpenGateway, upstream: Recorder
) -> None:
    gateway = await open_gateway(raw(upstream.url, stanza="headers_in: [X-Own, accept, X-Hop], "))
    hop = {"Connection": "X-Hop", "X-Hop": "3"}
    headers = {"x-own": "1", "Accept": "text/csv", "X-Other": "2", "Range": "bytes=0-", "User-Agent": "mine", **hop}
    tea = {"Content-Type": "text/x-tea", "Content-Encoding": "tea"}
    await gateway.request("POST", RELAY, headers={**BY_HEADER, **headers, **tea}, data=b"tea")
    seen = upstream.last.headers
    assert (seen["X-Own"], seen["Accept"], seen["User-Agent"]) == ("1", "text/csv", "esb-gateway")
    assert (seen["Content-Type"], seen["Content-Encoding"], seen["Content-Length"]) == ("text/x-tea", "tea", "3")
    assert not {"X-Other", "X-Hop", "Range"} & set(seen)
    await gateway.request("POST", RELAY, headers=headers, json={**DEMO, "a": 1})
    assert upstream.last.headers["X-Own"] == "1"
    assert not {"X-Other", "X-Hop", "Range"} & set(upstream.last.headers)


async def test_headers_in_may_be_empty(open_gateway: OpenGateway, upstream: Recorder) -> None:
    gateway = await open_gateway(raw(upstream.url, stanza="headers_in: [], "))
    await gateway.request("GET", RELAY, headers={**BY_HEADER, "X-Own": "1"})
    names = {name.lower() for name in upstream.last.headers}
    assert names == {"host", "user-agent", "bk-username", "bk-app-code", "x-bkapi-request-id"}


@pytest.mark.parametrize(
    ("names", "index", "text"),
    [
        ("[Accept, Connection]", 1, "it ends with the connection it came on"),
        ("[Content-Type]", 0, "it belongs to the body"),
        ("[Cookie]", 0, "it never passes"),
        ("[X-Bkapi-JWT]", 0, "it never passes"),
        ("[X_Own]", 0, "it never passes"),
        ('["X Own"]', 0, "no header has such a name"),
    ],
)
def test_a_header_that_cannot_pass_is_a_mistake(tmp_path: Any, names: str, index: int, text: str) -> None:
    path = tmp_path / "esb.yaml"
    path.write_text("version: 1\ncomponents:\n" + raw("http://a", stanza=f"headers_in: {names}, "))
    with pytest.raises(ConfigError) as caught:
        create_app(load(path))
    [mistake] = caught.value.mistakes
    assert mistake.key == f"components[0].headers_in[{index}]"
    assert text in mistake.text


def test_headers_in_without_a_stream_is_a_mistake(tmp_path: Any) -> None:
    path = tmp_path / "esb.yaml"
    path.write_text("version: 1\ncomponents:\n" + proxy("http://a", stanza="headers_in: [Accept], "))
    with pytest.raises(ConfigError, match=r"components\[0\]\.headers_in: headers pass through components that stream"):
        create_app(load(path))
