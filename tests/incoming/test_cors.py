"""Pages of other origins: whom `server.cors` lets read an answer, and whose cookies are anybody's word."""

import json
from collections.abc import Mapping
from dataclasses import replace

import pytest
from aiohttp import ClientResponse, web
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from esb.core.events import CallFinished
from esb.gateway.app import GATEWAY
from esb.incoming.cors import Cors, is_cross_site
from esb.incoming.routing import Route, Routes
from tests.support.calls import explode
from tests.support.configuration import DEMO
from tests.support.gateway import OpenGateway, OpenServer
from tests.support.wire import exchange, request

APP, NEIGHBOUR = "https://app.example.com", "https://evil.example.org"
ECHO = "/api/c/compapi/test/echo/"
COMPONENTS = """\
  - path: /test/echo/
    aliases: [/v2/test/echo/]
    methods: [GET, POST]
    use: "tests.support.components:Echo"
  - {path: /test/echo/, methods: [DELETE], use: "tests.support.components:Echo"}
  - {path: "/test/of/{id}/", use: "tests.support.components:Echo"}
  - {path: /test/crash/, use: "tests.support.components:Crash"}
"""
NAMED = f'server: {{cors: {{origins: ["{APP}"]}}}}\n'
WITH_CREDENTIALS = f'server: {{cors: {{origins: ["{APP}"], credentials: true}}}}\n'
ANY = 'server: {cors: {origins: ["*"]}}\n'
ALLOWED = [
    *("Content-Type", "Content-Encoding", "X-Bkapi-Authorization", "X-Bkapi-JWT", "X-Bkapi-Request-Id"),
    *("Blueking-Language", "Blueking-Timezone", "Traceparent"),
    *("Idempotency-Key", "X-Dry-Run", "X-Use-Test-Env", "Prefer"),
]
"""The headers that a page may send."""
NEED_USER = "User authentication failed, please provide a valid user identity, such as bk_token, bk_username"
APP_ONLY = {"X-Bkapi-Authorization": json.dumps({"bk_app_code": "esb_demo", "bk_app_secret": "demo-secret"})}
COOKIE = {**APP_ONLY, "Cookie": "bk_token=demo-token"}


def policy(answer: ClientResponse) -> dict[str, str]:
    """The headers of an answer that are for browsers."""
    return {name: value for name, value in answer.headers.items() if name.lower().startswith(("access-", "vary"))}


def preflight(origin: str, method: str = "POST") -> dict[str, str]:
    return {"Origin": origin, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": "content-type"}


@pytest.mark.parametrize("path", [ECHO, "/api/c/compapi/v2/test/echo/", "/api/c/compapi/test/of/7/", ECHO.rstrip("/")])
async def test_a_browser_is_told_what_a_named_origin_may_send(open_gateway: OpenGateway, path: str) -> None:
    gateway = await open_gateway(COMPONENTS, more=NAMED)
    answer = await gateway.request("OPTIONS", path, headers=preflight(APP))
    told = policy(answer)
    methods = told.pop("Access-Control-Allow-Methods")
    assert methods.split(", ") == ["GET", "HEAD", "POST"] + (["DELETE"] if path.startswith(ECHO.rstrip("/")) else [])
    assert told.pop("Access-Control-Allow-Headers").split(", ") == ALLOWED
    assert told.pop("Access-Control-Expose-Headers").startswith("X-Bkapi-Request-Id")
    assert told == {"Access-Control-Allow-Origin": APP, "Access-Control-Max-Age": "600", "Vary": "Origin"}
    assert (answer.status, await answer.read()) == (204, b"")
    (call,) = [event for event in gateway.events if isinstance(event, CallFinished)]
    assert (call.method, call.status, call.id) == ("OPTIONS", 204, answer.headers["X-Bkapi-Request-Id"])


@pytest.mark.parametrize("asked", ["GET", "DELETE", "PUT"])
def test_a_preflight_is_for_the_component_of_the_method_that_it_asks_for(asked: str) -> None:
    read, delete = (
        Route("/a/b/", "a.b", frozenset({method}), True, 30.0, 1000, 1000, explode, explode)
        for method in ("GET", "DELETE")
    )
    cors = Cors([APP], credentials=False)
    found = cors.preflight(
        make_mocked_request("OPTIONS", "/api/c/compapi/a/b/", preflight(APP, asked)),
        Routes([(read, ["/a/b/"]), (delete, ["/a/b/"])]),
    )
    assert found is not None
    assert found[0] is (delete if asked == "DELETE" else read)
    assert found[1]["Access-Control-Allow-Methods"] == "GET, HEAD, DELETE"


def test_an_upstreams_policy_is_replaced_whole_and_nothing_else_is() -> None:
    headers = CIMultiDict(
        [("Access-Control-Allow-Origin", "*"), ("access-control-max-age", "1"), ("Vary", "Accept"), ("X-A", "b")]
    )
    headers.add("Access-Control-Allow-Origin", NEIGHBOUR)
    Cors([APP], credentials=True).replace(headers, {"X-A": "c"}, APP)
    assert sorted(headers.items()) == [
        ("Access-Control-Allow-Credentials", "true"),
        ("Access-Control-Allow-Origin", APP),
        (
            "Access-Control-Expose-Headers",
            "X-Bkapi-Request-Id, RateLimit, RateLimit-Policy, Retry-After, Location, Preference-Applied",
        ),
        ("Vary", "Accept"),
        ("Vary", "Origin"),
        ("X-A", "c"),
    ]


def test_only_a_named_origin_with_credentials_is_trusted() -> None:
    assert Cors([APP], credentials=True).trusts(APP)
    assert not Cors([APP], credentials=True).trusts(NEIGHBOUR)
    assert not Cors([APP], credentials=False).trusts(APP)


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        (ECHO, preflight(NEIGHBOUR)),
        (ECHO, preflight("null")),
        (ECHO, preflight(f"{APP}.evil.org")),
        (ECHO, preflight(APP.upper())),
        (ECHO, {"Origin": APP}),
        (ECHO, {"Access-Control-Request-Method": "POST"}),
        ("/api/c/compapi/test/nothing/", preflight(APP)),
        ("/other/test/echo/", preflight(APP)),
        ("/test/echo/", preflight(APP)),
        ("/api/c/compapi", preflight(APP)),
    ],
)
async def test_nobody_else_is_told_anything(open_gateway: OpenGateway, path: str, headers: dict[str, str]) -> None:
    gateway = await open_gateway(COMPONENTS, more=NAMED)
    answer = await gateway.request("OPTIONS", path, headers=headers)
    assert answer.status == 404
    assert "Access-Control-Allow-Methods" not in answer.headers
    assert ("Access-Control-Allow-Origin" in answer.headers) == (headers.get("Origin") == APP)
    assert answer.headers["Vary"] == "Origin"


async def test_without_a_policy_no_answer_speaks_of_origins(open_gateway: OpenGateway) -> None:
    gateway = await open_gateway(COMPONENTS)
    for answer in (
        await gateway.request("OPTIONS", ECHO, headers=preflight(APP)),
        await gateway.request("POST", ECHO, json=DEMO, headers={"Origin": APP}),
    ):
        assert policy(answer) == {}


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (ECHO, DEMO, 200),
        (ECHO, {}, 200),
        ("/api/c/compapi/test/crash/", DEMO, 200),
        ("/api/c/compapi/test/nothing/", DEMO, 404),
        (ECHO, {"text": "x" * 4096}, 413),
    ],
)
async def test_a_page_reads_every_answer(
    open_gateway: OpenGateway, path: str, body: dict[str, str], status: int
) -> None:
    limited = NAMED.replace("{cors", "{max_body: 1000, cors")
    gateway = await open_gateway(COMPONENTS, more=limited)
    answer = await gateway.request("POST", path, json=body, headers={"Origin": APP})
    assert answer.status == status
    told = policy(answer)
    assert told.pop("Access-Control-Expose-Headers").startswith("X-Bkapi-Request-Id")
    assert told == {"Access-Control-Allow-Origin": APP, "Vary": "Origin"}
    assert policy(await gateway.request("POST", path, json=body, headers={"Origin": NEIGHBOUR})) == {"Vary": "Origin"}
    assert policy(await gateway.request("POST", path, json=body)) == {"Vary": "Origin"}


async def test_with_credentials_a_named_origin_may_send_cookies(open_gateway: OpenGateway) -> None:
    gateway = await open_gateway(COMPONENTS, more=WITH_CREDENTIALS)
    for method, headers in (("OPTIONS", preflight(APP)), ("POST", {"Origin": APP})):
        answer = await gateway.request(method, ECHO, headers=headers)
        assert answer.headers["Access-Control-Allow-Credentials"] == "true"
        assert answer.headers["Access-Control-Allow-Origin"] == APP


async def test_any_origin_may_read_what_no_cookie_decides(open_gateway: OpenGateway) -> None:
    gateway = await open_gateway(COMPONENTS, more=ANY)
    answer = await gateway.request("POST", ECHO, json=DEMO, headers={"Origin": NEIGHBOUR})
    told = policy(answer)
    del told["Access-Control-Expose-Headers"]
    assert told == {"Access-Control-Allow-Origin": "*"}
    answer = await gateway.request("POST", ECHO, headers={**COOKIE, "Origin": NEIGHBOUR})
    assert (await answer.json())["message"] == NEED_USER


async def test_whoever_names_no_origin_asks_for_nobody(open_gateway: OpenGateway) -> None:
    gateway = await open_gateway(COMPONENTS, more=ANY)
    answer = await gateway.request("OPTIONS", ECHO, headers={"Access-Control-Request-Method": "POST"})
    assert (answer.status, "Access-Control-Allow-Methods" in answer.headers) == (404, False)


async def test_a_call_that_looks_like_a_preflight_is_a_call(open_gateway: OpenGateway) -> None:
    gateway = await open_gateway(COMPONENTS, more=NAMED)
    answer = await gateway.request("POST", ECHO, json=DEMO, headers=preflight(APP))
    assert (await answer.json())["result"]


async def test_an_upstream_has_no_policy_of_its_own(open_gateway: OpenGateway, open_server: OpenServer) -> None:
    async def open_to_all(request: web.Request) -> web.Response:
        headers = {"Access-Control-Allow-Origin": "*", "access-control-allow-credentials": "true", "Vary": "Accept"}
        return web.Response(text="theirs", headers=headers)

    upstream = web.Application()
    upstream.router.add_route("*", "/x/", open_to_all)
    raw = f"{{hosts: [{await open_server(upstream)}], path: /x/, response: raw}}"
    gateway = await open_gateway(f"  - {{path: /test/raw/, use: http, config: {raw}}}\n", more=NAMED)
    answer = await gateway.request("POST", "/api/c/compapi/test/raw/", json=DEMO, headers={"Origin": NEIGHBOUR})
    assert await answer.text() == "theirs"
    assert {*policy(answer)} == {"Vary"}
    assert answer.headers.getall("Vary") == ["Accept", "Origin"]
    answer = await gateway.request("POST", "/api/c/compapi/test/raw/", json=DEMO, headers={"Origin": APP})
    assert answer.headers.getall("Access-Control-Allow-Origin") == [APP]
    assert "Access-Control-Allow-Credentials" not in answer.headers


async def test_the_policy_changes_with_a_reload(open_gateway: OpenGateway) -> None:
    gateway = await open_gateway(COMPONENTS, more=NAMED)
    inside = gateway.app[GATEWAY]
    other = inside.config.server.model_copy(update={"cors": None})
    await inside.reload(replace(inside.config, server=other))
    assert (await gateway.request("OPTIONS", ECHO, headers=preflight(APP))).status == 404


FROM_ELSEWHERE: tuple[Mapping[str, str], ...] = (
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": NEIGHBOUR},
    {"Sec-Fetch-Site": "same-site", "Origin": NEIGHBOUR},
    {"Origin": NEIGHBOUR},
    {"Origin": "null"},
    {"Origin": ""},
    {"Origin": "127.0.0.1"},
)
FROM_HERE: tuple[Mapping[str, str], ...] = (
    {},
    {"Sec-Fetch-Site": "same-origin", "Origin": "https://behind.a.proxy"},
    {"Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
    {"Sec-Fetch-Site": "none", "Origin": "https://behind.a.proxy"},
)


@pytest.mark.parametrize("headers", FROM_ELSEWHERE)
@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/json"])
async def test_a_page_of_another_site_does_not_speak_for_the_user_of_its_browser(
    open_gateway: OpenGateway, headers: Mapping[str, str], kind: str
) -> None:
    gateway = await open_gateway(COMPONENTS, more=NAMED)
    answer = await gateway.request("POST", ECHO, data=b"{}", headers={**COOKIE, "Content-Type": kind, **headers})
    assert (await answer.json())["message"] == NEED_USER
    answer = await gateway.request("GET", ECHO, headers={**COOKIE, **headers})
    assert (await answer.json())["message"] == NEED_USER
    answer = await gateway.request("POST", ECHO, json=DEMO, headers={**headers})
    assert (await answer.json())["result"], "credentials that no browser adds by itself count as before"


@pytest.mark.parametrize("headers", FROM_HERE)
async def test_a_page_of_our_own_does(open_gateway: OpenGateway, headers: Mapping[str, str]) -> None:
    gateway = await open_gateway(COMPONENTS)
    answer = await gateway.request("GET", ECHO, headers={**COOKIE, **headers})
    assert (await answer.json())["result"]
    own = {"Origin": gateway.url, **({"Sec-Fetch-Site": "same-site"} if "Sec-Fetch-Site" in headers else {})}
    assert (await (await gateway.request("POST", ECHO, headers={**COOKIE, **own})).json())["result"]


@pytest.mark.parametrize("site", ["cross-site", "same-site", None])
async def test_a_named_origin_speaks_for_the_user_if_it_may_send_credentials(
    open_gateway: OpenGateway, site: str | None
) -> None:
    headers = {**COOKIE, "Origin": APP, **({} if site is None else {"Sec-Fetch-Site": site})}
    gateway = await open_gateway(COMPONENTS, more=WITH_CREDENTIALS)
    assert (await (await gateway.request("POST", ECHO, headers=headers)).json())["result"]
    gateway = await open_gateway(COMPONENTS, more=NAMED)
    assert (await (await gateway.request("POST", ECHO, headers=headers)).json())["message"] == NEED_USER


@pytest.mark.parametrize(
    ("host", "origin", "own"),
    [
        ("esb.example.com", "https://esb.example.com", True),
        ("ESB.example.com:443", "https://esb.example.com", True),
        ("esb.example.com:80", "http://esb.example.com", True),
        ("esb.example.com:8443", "https://esb.example.com:8443", True),
        ("esb.example.com", "HTTPS://ESB.example.com", True),
        ("[::1]:8080", "http://[::1]:8080", True),
        ("esb.example.com", "https://esb.example.com:8443", False),
        ("esb.example.com", "https://esb.example.com.evil.org", False),
        ("", "https://", False),
        ("", "null", False),
    ],
)
def test_an_origin_is_the_gateways_own_by_the_name_it_was_asked_for(host: str, origin: str, *, own: bool) -> None:
    assert is_cross_site(CIMultiDict({"Host": host, "Origin": origin}), None) != own


async def test_odd_origins_do_no_harm(open_gateway: OpenGateway) -> None:
    gateway = await open_gateway(COMPONENTS, more=ANY)
    for origin in (b"\xff\xfe", b"\xed\xa0\x80", b"a, b", b"\t", b"x" * 8000):
        headers = (b"Origin: " + origin, b"Access-Control-Request-Method: \xff", b"Sec-Fetch-Site: \xff")
        for method in (b"OPTIONS", b"POST"):
            answer = await exchange(gateway.url, request(method, ECHO.encode(), headers=headers))
            assert answer.status in {200, 204}
            assert answer.header("Access-Control-Allow-Origin") == "*"


def test_no_origin_that_is_not_named_is_repeated() -> None:
    cors = Cors([APP], credentials=True)
    assert cors.headers("https://a\r\nX-Evil: 1") == cors.headers(None) == {"Vary": "Origin"}
