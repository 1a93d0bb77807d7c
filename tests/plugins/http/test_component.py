"""`use: http` over whole round trips: what the upstream sees of a call, and what the caller sees of the answer."""

import json
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from yarl import URL

from esb import Call, Component, Params, UpstreamError
from esb.config import load
from esb.core.errors import ConfigError
from esb.core.events import Crashed, UpstreamFinished
from esb.gateway.app import create_app
from esb.plugins.http.component import Http
from tests.support.configuration import DEMO, SERVICES
from tests.support.gateway import Gateway, OpenGateway, OpenServer
from tests.support.servers.raw_server import answering, raw_server, silent
from tests.support.servers.recorder import Recorder, proxy, recording

RELAY = "/api/c/compapi/demo/relay/"
AUTH_HEADER = {"X-Bkapi-Authorization": json.dumps(DEMO)}


@pytest.fixture
async def upstream(open_server: OpenServer) -> Recorder:
    return await recording(open_server)


class Outer(Component[Any, Params]):
    """Calls the proxy as one component calls another."""

    async def handle(self, call: Call, params: Params) -> Any:
        return await self.services.call(call, "/demo/relay/", {"id": 5, "b": 2})


async def relay(gateway: Gateway, /, **params: Any) -> dict[str, Any]:
    return await gateway.call("demo/relay", **params)


async def get(gateway: Gateway, **params: str) -> dict[str, Any]:
    response = await gateway.request("GET", RELAY, params={**DEMO, **params})
    envelope: dict[str, Any] = await response.json()
    return envelope


# Parameters


async def test_a_post_goes_on_as_json_without_credentials(open_gateway: OpenGateway, upstream: Recorder) -> None:
    gateway = await open_gateway(proxy(upstream.url))
    envelope = await relay(
        gateway, a=1, b=["二"], c={"d": None}, username="x", app_code="y", __esb_skip_comp_perm__="1"
    )
    assert envelope["data"] == [1]
    assert (upstream.last.method, upstream.last.target) == ("POST", "/x/")
    assert json.loads(upstream.last.body) == {"a": 1, "b": ["二"], "c": {"d": None}}
    assert upstream.last.headers["Content-Type"] == "application/json"


async def test_a_get_goes_on_as_a_query(open_gateway: OpenGateway, upstream: Recorder) -> None:
    gateway = await open_gateway(proxy(upstream.url))
    await get(gateway, q="a&b c", page="2", bk_token="")
    assert (upstream.last.method, upstream.last.body) == ("GET", b"")
    assert URL(upstream.last.target).query == {"q": "a&b c", "page": "2"}


@pytest.mark.parametrize(
    ("method", "send", "target", "body"),
    [
        ("DELETE", "", "/x/?a=1&b=2&b=3&c=true&d=%7B%22e%22%3A1%7D", b""),
        ("PUT", "", "/x/", b'{"a":1,"b":[2,3],"c":true,"d":{"e":1},"n":null}'),
        ("POST", "query", "/x/?a=1&b=2&b=3&c=true&d=%7B%22e%22%3A1%7D", b""),
        ("POST", "form", "/x/", b"a=1&b=2&b=3&c=true&d=%7B%22e%22%3A1%7D"),
        ("GET", "json", "/x/", b'{"a":1,"b":[2,3],"c":true,"d":{"e":1},"n":null}'),
    ],
)
async def test_send_says_where_parameters_go(
    open_gateway: OpenGateway, upstream: Recorder, method: str, send: str, target: str, body: bytes
) -> None:
    chosen = {"send": send} if send else {}
    gateway = await open_gateway(proxy(upstream.url, method=method, **chosen))
    await relay(gateway, a=1, b=[2, 3], c=True, d={"e": 1}, n=None)
    assert (upstream.last.method, upstream.last.target, upstream.last.body) == (method, target, body)


async def test_fixed_parameters_win_and_defaults_give_way(open_gateway: OpenGateway, upstream: Recorder) -> None:
    gateway = await open_gateway(
        proxy(
            upstream.url,
            params='{key: "k", level: 3, on: true}',
            defaults='{bk_supplier_account: "0", page: 1}',
            username_param="creator",
        )
    )
    await relay(gateway, key="mine", level=9, page=7, creator="root")
    assert json.loads(upstream.last.body) == {
        "bk_supplier_account": "0",
        "page": 7,
        "creator": "admin",
        "key": "k",
        "level": 3,
        "on": True,
    }


async def test_a_fixed_parameter_wins_over_the_users_name(open_gateway: OpenGateway, upstream: Recorder) -> None:
    gateway = await open_gateway(proxy(upstream.url, params="{creator: system}", username_param="creator"))
    await relay(gateway, creator="root")
    assert json.loads(upstream.last.body) == {"creator": "system"}


@pytest.mark.parametrize(
    ("query", "target"),
    [
        ("a=1&a=2", "/x/?a=1&a=2&page=1&creator=admin&key=k"),
        ("page=7&page=8", "/x/?page=7&page=8&creator=admin&key=k"),
        ("page=&key=mine&creator=root&key=", "/x/?page=&creator=admin&key=k"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_what_goes_on_as_it_came_has_fixed_parameters_and_each_default_once(
    open_gateway: OpenGateway, upstream: Recorder, method: str, query: str, target: str
) -> None:
    config = {"params": "{key: k}", "defaults": "{page: 1}", "username_param": "creator"}
    gateway = await open_gateway(proxy(upstream.url, response="raw", **config))
    body = {"data": b"mine"} if method == "POST" else {}
    await gateway.request(method, f"{RELAY}?{query}", headers=AUTH_HEADER, **body)
    assert (upstream.last.target, upstream.last.body) == (target, b"mine" if body else b"")


# The path


@pytest.mark.parametrize(
    ("value", "segment"),
    [("7", "7"), (7, "7"), ("a b&ü", "a%20b%26%C3%BC"), ("50%", "50%25"), ("a%20b", "a%2520b"), (True, "true")],
)
async def test_a_variable_comes_from_a_parameter_and_stays_in_its_segment(
    open_gateway: OpenGateway, upstream: Recorder, value: Any, segment: str
) -> None:
    gateway = await open_gateway(proxy(upstream.url, path="/x/{id}/y/"))
    assert (await relay(gateway, id=value, b=2))["result"]
    assert upstream.last.target == f"/x/{segment}/y/"
    assert json.loads(upstream.last.body) == {"b": 2}


@pytest.mark.parametrize(
    "value",
    [
        *(
            "..",
            ".",
            "...",
            ".. ",
            " ",
            "../x",
            "a/../b",
            "..\\x",
            "/..",
            "a\x00b",
            "a\nb",
            "1/delete",
            "a\\b",
            "a?b",
            "a#b",
        ),
        *(
            "a;b",
            "1%2Fdelete",
            "1%2fdelete",
            "%2e%2E",
            "1%252Fdelete",
            "1%5Cdelete",
            "a%00b",
            "a%3Fb",
            "a%ffb",
            "%u002e",
        ),
    ],
)
async def test_no_variable_leads_out_of_its_segment(open_gateway: OpenGateway, upstream: Recorder, value: str) -> None:
    gateway = await open_gateway(proxy(upstream.url, path="/x/{id}/y/"))
    envelope = await relay(gateway, id=value)
    assert (envelope["code"], envelope["message"]) == (1306406, "Parameters error, param id cannot stand in a path")
    assert upstream.seen == []


async def test_two_variables_in_one_segment_make_no_dots(open_gateway: OpenGateway, upstream: Recorder) -> None:
    gateway = await open_gateway(proxy(upstream.url, path="/x/{a}{b}/"))
    assert (await relay(gateway, a=".a", b="b."))["result"]
    assert upstream.last.target == "/x/.ab./"
    gateway = await open_gateway(proxy(upstream.url, path="/x/.{a}/"))
    assert (await relay(gateway, a="."))["code"] == 1306406


@pytest.mark.parametrize("params", [{}, {"id": None}, {"id": ""}])
async def test_a_variable_without_a_value_is_an_error(
    open_gateway: OpenGateway, upstream: Recorder, params: dict[str, Any]
) -> None:
    gateway = await open_gateway(proxy(upstream.url, path="/x/{id}/"))
    envelope = await relay(gateway, **params)
    assert (envelope["code"], envelope["message"]) == (1306406, "Parameters error, param id is required")
    assert upstream.seen == []


async def test_a_variable_must_be_a_text_or_a_number(open_gateway: OpenGateway, upstream: Recorder) -> None:
    gateway = await open_gateway(proxy(upstream.url, path="/x/{id}/"))
    envelope = await relay(gateway, id=[1])
    assert envelope["message"] == "Parameters error, param id must be a text or a number"


async def test_a_variable_of_the_called_path_wins_over_a_parameter(
    open_gateway: OpenGateway, upstream: Recorder
) -> None:
    config = f'hosts: [{upstream.url}], path: "/t/{{id}}/{{b}}/"'
    stanza = f'  - {{path: "/demo/tasks/{{id}}/", use: http, config: {{{config}}}}}\n'
    gateway = await open_gateway(stanza)
    await gateway.call("demo/tasks/12", id="13", b="c")
    assert (upstream.last.target, upstream.last.body) == ("/t/12/c/", b"{}")


async def test_a_host_may_have_a_path(open_gateway: OpenGateway, upstream: Recorder) -> None:
    gateway = await open_gateway(proxy(f'"{upstream.url}/base/"', path="/ä~%2F/"))
    assert (await relay(gateway))["result"]
    assert upstream.last.target == "/base/%C3%A4~%2F/"


# Identity


async def test_identity_and_what_travels_are_told_in_headers(open_gateway: OpenGateway, upstream: Recorder) -> None:
    gateway = await open_gateway(proxy(upstream.url, headers='{X-Api-Key: "k", Host: inner.example}'))
    headers = {
        "Bk-Username": "root",
        "Bk-App-Code": "bk_paas",
        "Blueking-Language": "zh-hans",
        "Traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "Cookie": "bk_token=demo-token",
        "Accept-Language": "de",
        "X-Own": "x",
    }
    response = await gateway.post({**DEMO, "a": 1}, "demo/relay", headers)
    seen = upstream.last.headers
    assert (seen["Bk-Username"], seen["Bk-App-Code"]) == ("admin", "esb_demo")
    assert (seen["X-Api-Key"], seen["Host"]) == ("k", "inner.example")
    assert seen["Blueking-Language"] == "zh-hans"
    assert seen["Traceparent"].startswith("00-0af7651916cd43dd8448eb211c80319c-")
    assert seen["X-Bkapi-Request-Id"] == (await response.json())["request_id"]
    assert not {"cookie", "accept-language", "x-own", "x-bkapi-jwt"} & {name.lower() for name in seen}


async def test_identity_may_be_kept_back(open_gateway: OpenGateway, upstream: Recorder) -> None:
    gateway = await open_gateway(proxy(upstream.url, identity="none"))
    await relay(gateway)
    assert not {"bk-username", "bk-app-code"} & {name.lower() for name in upstream.last.headers}


async def test_no_credential_goes_upstream_by_any_way(open_gateway: OpenGateway, upstream: Recorder) -> None:
    gateway = await open_gateway(proxy(upstream.url) + proxy(upstream.url, response="raw").replace("relay", "raw"))
    secrets = {"bk_app_secret": "demo-secret", "bk_token": "demo-token", "access_token": "demo-access"}
    headers = {
        "X-Bkapi-Authorization": json.dumps({**DEMO, "bk_token": "demo-token"}),
        "Cookie": "bk_token=demo-token",
        "Authorization": "Bearer demo-bearer",
        "Proxy-Authorization": "Basic demo-basic",
    }
    query = "?bk_token=demo-token&bk_app_secret=demo-secret&access_token=demo-access&bk_nonce=1"
    for component in ("relay", "raw"):
        await gateway.request("POST", f"/api/c/compapi/demo/{component}/", json={**DEMO, **secrets})
        await gateway.request("GET", f"/api/c/compapi/demo/{component}/{query}&bk_app_code=esb_demo&bk_username=a")
        await gateway.request("GET", f"/api/c/compapi/demo/{component}/{query}", headers=headers)
    assert len(upstream.seen) == 6
    assert "demo-" not in repr([(seen.target, seen.body, list(seen.headers.items())) for seen in upstream.seen])


@pytest.mark.parametrize("response", ["wrap", "raw"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_beside_a_header_app_code_username_and_signature_are_parameters(
    open_gateway: OpenGateway, upstream: Recorder, response: str, method: str
) -> None:
    gateway = await open_gateway(proxy(upstream.url, response=response))
    own = {"app_code": "theirs", "username": "theirs", "signature": "theirs", "q": "1"}
    ours = dict.fromkeys(
        ("bk_app_secret", "app_secret", "bk_token", "bk_signature", "bk_nonce", "bk_timestamp", "bk_username"), "secret"
    )
    headers = {"X-Bkapi-Authorization": json.dumps(DEMO)}
    if method == "GET":
        del ours["bk_signature"]  # beside a header it is refused
        await gateway.request("GET", RELAY, params={**own, **ours}, headers=headers)
        assert URL(upstream.last.target).query == own
    elif response != "raw":
        await gateway.request("POST", RELAY, json={**own, **ours}, headers=headers)
        assert json.loads(upstream.last.body) == own
    else:
        await gateway.request("POST", RELAY, params={**own, "bk_token": "secret"}, headers=headers)
        assert URL(upstream.last.target).query == own


# Answers


async def test_an_envelope_is_completed(open_gateway: OpenGateway, upstream: Recorder) -> None:
    gateway = await open_gateway(proxy(upstream.url))
    upstream.says = {"result": True, "data": {"id": 1}, "total": 3, "request_id": "theirs"}
    envelope = await relay(gateway)
    assert envelope.pop("request_id") != "theirs"
    assert envelope == {"result": True, "code": 0, "message": "", "data": {"id": 1}, "total": 3}
    upstream.says = {"result": False, "code": 40000, "message": "no such task"}
    envelope = await relay(gateway)
    assert (envelope["result"], envelope["code"], envelope["message"]) == (False, 40000, "no such task")


@pytest.mark.parametrize("says", [[1, 2], "text", 7, None, {"a": {"b": 1}}])
async def test_any_json_may_be_wrapped(open_gateway: OpenGateway, upstream: Recorder, says: Any) -> None:
    gateway = await open_gateway(proxy(upstream.url, response="wrap"))
    upstream.says = says
    envelope = await relay(gateway)
    assert (envelope["result"], envelope["message"], envelope["data"]) == (True, "OK", says)


async def test_created_and_nothing_to_say_are_successes(open_gateway: OpenGateway, upstream: Recorder) -> None:
    gateway = await open_gateway(proxy(upstream.url, response="wrap"))
    for upstream.status in (201, 299):
        upstream.says = {"id": 1}
        assert (await relay(gateway))["data"] == {"id": 1}

    async def nothing(request: web.Request) -> web.Response:
        return web.Response(status=204)

    upstream.answer = nothing
    assert (await relay(gateway))["data"] is None


@pytest.mark.parametrize(
    ("status", "says", "reason"),
    [
        (500, {}, "Status Code: 500, Error Message: third-party system interface response status code is not 200"),
        (404, {}, "Status Code: 404, Error Message: third-party system interface response status code is not 200"),
        (300, {}, "Status Code: 300, Error Message: third-party system interface response status code is not 200"),
        (302, {}, "Status Code: 302, Error Message: third-party system interface response status code is not 200"),
        (200, [1], "interface response is not the JSON format"),
    ],
)
async def test_trouble_of_the_upstream_is_told_in_the_old_words(
    open_gateway: OpenGateway, upstream: Recorder, status: int, says: Any, reason: str
) -> None:
    gateway = await open_gateway(proxy(upstream.url))
    upstream.status, upstream.says = status, says
    envelope = await relay(gateway)
    assert (envelope["result"], envelope["code"]) == (False, 1306201)
    assert envelope["message"] == (
        f"Component request third-party system [demo] interface [relay] error: {reason}, "
        "please try again later or contact component developer to handle this"
    )


@pytest.mark.parametrize("response", ["envelope", "wrap"])
async def test_a_page_for_people_is_no_success(open_gateway: OpenGateway, upstream: Recorder, response: str) -> None:
    async def page(request: web.Request) -> web.Response:
        return web.Response(text="<html>please log in</html>", content_type="text/html")

    upstream.answer = page
    envelope = await relay(await open_gateway(proxy(upstream.url, response=response)))
    assert (envelope["result"], envelope["code"], envelope["data"]) == (False, 1306201, None)
    assert "interface response is not the JSON format" in envelope["message"]


async def test_an_attempt_has_its_own_time_by_kind(open_gateway: OpenGateway, opened: AsyncExitStack) -> None:
    server = await opened.enter_async_context(raw_server(silent))
    gateway = await open_gateway(proxy(server.url, timeout="{query: 0.05, operate: 0.07}"))
    for envelope, seconds in ((await get(gateway), "0.05"), (await relay(gateway), "0.07")):
        assert envelope["code"] == 1306201
        assert f"response time exceeds {seconds} seconds" in envelope["message"]


async def test_a_secret_of_the_config_is_in_no_event_and_no_error(
    open_gateway: OpenGateway, upstream: Recorder
) -> None:
    gateway = await open_gateway(
        proxy(
            upstream.url,
            headers="{X-Api-Key: key-nobody-may-see}",
            params="{token: token-nobody-may-see}",
            send="query",
        )
    )
    upstream.status = 500
    envelope = await relay(gateway)
    assert "token-nobody-may-see" in upstream.last.target
    assert upstream.last.headers["X-Api-Key"] == "key-nobody-may-see"
    assert "nobody-may-see" not in repr(gateway.events) + json.dumps(envelope)
    [told] = [event for event in gateway.events if isinstance(event, UpstreamFinished)]
    assert (told.system, told.interface, told.status) == ("demo", "relay", 500)


async def test_a_dry_run_is_refused(open_gateway: OpenGateway, upstream: Recorder) -> None:
    gateway = await open_gateway(proxy(upstream.url))
    response = await gateway.post({**DEMO, "a": 1}, "demo/relay", {"X-Dry-Run": "1"})
    assert "this component has no dry run" in (await response.json())["message"]
    assert upstream.seen == []


async def test_the_test_environment_may_have_hosts_of_its_own(open_gateway: OpenGateway, upstream: Recorder) -> None:
    stanza = proxy("http://127.0.0.1:9").rstrip("}\n") + f"}}, test_config: {{hosts: [{upstream.url}]}}}}\n"
    gateway = await open_gateway(stanza)
    response = await gateway.post({**DEMO}, "demo/relay", {"X-Use-Test-Env": "1"})
    assert (await response.json())["result"]
    assert (await relay(gateway))["code"] == 1306201


async def test_a_component_may_call_a_proxy(open_gateway: OpenGateway, upstream: Recorder) -> None:
    inner = proxy(upstream.url, response="wrap", path="/in/{id}/")
    outer = '  - {path: /demo/outer/, use: "tests.plugins.http.test_component:Outer"}\n'
    gateway = await open_gateway(inner + outer)
    assert (await gateway.call("demo/outer"))["data"] == upstream.says
    assert (upstream.last.target, upstream.last.body) == ("/in/5/", b'{"b":2}')


class Noting(Http):
    """Writes into its answer whether something may have been sent."""

    async def handle(self, call: Call, params: Params) -> Any:
        with suppress(UpstreamError):
            await super().handle(call, params)
        return call.record.sent


@pytest.mark.parametrize("response", ["envelope", "wrap"])
@pytest.mark.parametrize(("status", "sent"), [(200, True), (502, True), (404, False)])
async def test_whatever_an_upstream_says_it_may_have_acted_unless_its_status_forbids(
    open_gateway: OpenGateway, upstream: Recorder, response: str, status: int, sent: bool
) -> None:
    upstream.says, upstream.status = {"result": False}, status
    stanza = proxy(upstream.url, response=response).replace("use: http", f"use: {__name__}:Noting")
    gateway = await open_gateway(stanza)
    assert (await relay(gateway))["data"] is sent


# What `esb check` finds


def mistakes(folder: Path, stanza: str) -> list[str]:
    path = folder / "esb.yaml"
    path.write_text(f"{SERVICES}components:\n{stanza}")
    with pytest.raises(ConfigError) as caught:
        create_app(load(path, {}))
    return [f"{mistake.key}: {mistake.text}" for mistake in caught.value.mistakes]


@pytest.mark.parametrize(
    ("stanza", "found"),
    [
        ('path: "/x y/"', "path: a path holds no white space, no query and no fragment"),
        ('path: "x/"', "path: a path starts with /"),
        ('path: "/x/{a b}/"', "path: a {variable} is made of letters, digits, _ and -"),
        ("headers: {Content-Length: '1'}", "headers: the header Content-Length belongs to the connection"),
        ('headers: {X-A: "a\\0b"}', "headers: the header 'X-A' has a name or a value that no header can have"),
        ('headers: {"X A": "a"}', "headers: the header 'X A' has a name or a value that no header can have"),
        ('headers: {"X-A:s3cret": "a"}', "headers: the header 'X-A' has a name or a value that no header can have"),
        ("headers: {transfer-encoding: a}", "headers: the header transfer-encoding belongs to the connection"),
        ('path: "/x/{a}}/"', "path: a {variable} is made of letters, digits, _ and -"),
        ('path: "/x/?a=b"', "path: a path holds no white space, no query and no fragment"),
        ('path: "/x/#a"', "path: a path holds no white space, no query and no fragment"),
        ("hosts: [], allow_link_local: true", "hosts: expected one or more hosts"),
        ("retries: 11", "retries: expected"),
        ("retries: -1", "retries: expected"),
        ("max_concurrency: 0", "max_concurrency: expected a number of at least 1"),
        ("idle_timeout: 0", "idle_timeout: expected"),
        ("timeout: {query: 0}", "timeout.query: expected"),
        ('headers: {X-A: "a\\r\\nB: c"}', "headers: the header 'X-A' has a name or a value that no header can have"),
        ("identity: jwt", "config: `identity: jwt` needs `jwt_private_key`"),
        ("identity: jwt, jwt_private_key: x", "config: expected an RSA private key of at least 2048 bits"),
        ("tls: {ca: /nowhere.pem}", "tls: `ca`: /nowhere.pem: No such file or directory"),
        ("tls: {key: /nowhere.pem}", "tls: `key` needs `cert`"),
        ("method: FETCH", "method: expected"),
        ("breaker: {failures: 0, seconds: 1}", "breaker.failures: expected a number of at least 1"),
        ("send: xml", "send: expected 'query', 'json' or 'form', found 'xml'"),
        ("retry: 3", "retry: unknown key (did you mean 'retries'?)"),
    ],
)
def test_a_mistake_is_told_with_its_key(tmp_path: Path, stanza: str, found: str) -> None:
    path = "" if stanza.startswith("path:") else "path: /x/, "
    hosts = "" if stanza.startswith("hosts:") else "hosts: ['http://a'], "
    [told] = mistakes(tmp_path, f"  - {{path: /demo/relay/, use: http, config: {{{hosts}{path}{stanza}}}}}\n")
    assert found in told


@pytest.mark.parametrize(
    "host",
    [
        "http://169.254.169.254",
        "http://169.254.0.23:80",
        "http://[fe80::1]",
        "http://[fd00:ec2::254]:80",
        "http://[::ffff:169.254.169.254]",
        "http://[64:ff9b::a9fe:a9fe]",
        "http://[2002:a9fe:a9fe::1]",
        "http://2852039166",
        "http://0xa9.0xfe.0xa9.0xfe",
        "http://169.254.43518",
        "http://100.100.100.200",
    ],
)
def test_a_link_local_or_metadata_address_is_refused_unless_allowed(tmp_path: Path, host: str) -> None:
    [told] = mistakes(tmp_path, proxy("http://a", f'"{host}"'))
    assert told.startswith("components[0].config.hosts[1]: a link-local or metadata address is refused")
    path = tmp_path / "esb.yaml"
    path.write_text(f"{SERVICES}components:\n{proxy(f'{chr(34)}{host}{chr(34)}', allow_link_local='true')}")
    create_app(load(path, {}))


@pytest.mark.parametrize(
    ("host", "found"),
    [
        ("ftp://a", "not a URL such as http://host:8000"),
        ("http://", "not a URL such as http://host:8000"),
        ("http://a:x", "not a URL such as http://host:8000"),
        ("http://a b", "not a URL such as http://host:8000"),
        ("http://user:hunter2@a", "a host has no user, no query and no fragment"),
        ("http://a/?key=hunter2", "a host has no user, no query and no fragment"),
        ("http://a/#hunter2", "a host has no user, no query and no fragment"),
        ("http://@a", "a host has no user, no query and no fragment"),
        ("http://a\\\\b", "not a URL such as http://host:8000"),
    ],
)
def test_a_host_is_the_beginning_of_a_url(tmp_path: Path, host: str, found: str) -> None:
    [told] = mistakes(tmp_path, proxy(f'"{host}"'))
    assert found in told
    assert "hunter2" not in told


def test_no_limit_is_for_who_streams(tmp_path: Path) -> None:
    [told] = mistakes(tmp_path, proxy("http://a", stanza="max_body: null, "))
    assert told.startswith("components[0].max_body: null is no limit, which is for components that stream")
    path = tmp_path / "esb.yaml"
    path.write_text(f"{SERVICES}components:\n{proxy('http://a', stanza='max_body: null, ', response='raw')}")
    create_app(load(path, {}))


# Upstreams that would bring the gateway down


@pytest.mark.parametrize("levels", [200, 254, 255, 500, 900, 1000, 1020, 1100, 10_000])
@pytest.mark.parametrize("response", ["envelope", "wrap"])
async def test_an_answer_nested_too_deep_is_answered_or_told_but_no_crash(
    open_gateway: OpenGateway, opened: AsyncExitStack, response: str, levels: int
) -> None:
    body = b'{"result": true, "data": ' + b"[" * levels + b"]" * levels + b"}"
    server = await opened.enter_async_context(raw_server(answering(body)))
    gateway = await open_gateway(proxy(server.url, response=response))
    answer = await gateway.post({**DEMO}, "demo/relay")
    text = await answer.text()
    assert '"code":1306201' in text or "[" * levels + "]" * levels in text
    assert levels > 250 or '"result":true' in text
    assert not [event for event in gateway.events if isinstance(event, Crashed)]


@pytest.mark.parametrize("response", ["envelope", "wrap"])
async def test_a_lone_surrogate_of_an_upstream_is_replaced(
    open_gateway: OpenGateway, opened: AsyncExitStack, response: str
) -> None:
    body = rb'{"result": true, "\ud800": "\udfff", "data": "a\ud83db"}'
    server = await opened.enter_async_context(raw_server(answering(body)))
    envelope = await relay(await open_gateway(proxy(server.url, response=response)))
    seen = envelope if response == "envelope" else envelope["data"]
    assert (seen["\ufffd"], seen["data"]) == ("\ufffd", "a\ufffdb")


@pytest.mark.parametrize("number", ["18446744073709551616", "-9223372036854775809", "1" * 400, "1" * 5000])
@pytest.mark.parametrize("response", ["envelope", "wrap"])
async def test_a_long_integer_is_answered_or_told_but_no_crash(
    open_gateway: OpenGateway, opened: AsyncExitStack, response: str, number: str
) -> None:
    body = b'{"result": true, "data": %b}' % number.encode()
    server = await opened.enter_async_context(raw_server(answering(body)))
    gateway = await open_gateway(proxy(server.url, response=response))
    envelope = await relay(gateway)
    assert envelope["result"] is True or envelope["code"] == 1306201
    assert not [event for event in gateway.events if isinstance(event, Crashed)]
