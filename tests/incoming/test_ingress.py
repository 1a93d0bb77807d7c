"""The rim of the gateway over real HTTP: routes, envelopes, bodies, deadlines, and who is told what."""

import asyncio
import gzip
import json
from collections.abc import Awaitable, Callable
from io import BytesIO
from typing import Any

import pytest
from aiohttp import FormData, web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.streams import StreamReader
from aiohttp.test_utils import make_mocked_request

from esb.core.deadlines import ANSWER_SECONDS
from esb.core.events import CallFinished, Crashed, Event
from esb.gateway.app import GATEWAY
from esb.incoming.disconnect import reset
from tests.support.configuration import DEMO, WECOM
from tests.support.gateway import Gateway, OpenGateway, OpenServer, Sandbox
from tests.support.loop_time import movable_loop_time, turns
from tests.support.wire import connection, envelope_of, exchange, read_answer, request, until

COMPONENTS = "/api/c/compapi/"
ECHO = "/api/c/compapi/test/echo/"
NO_CHAIN = "middlewares: []\n"

ROOMS = """\
  - {path: /test/echo/, aliases: [/v2/test/echo/, /test/copy/], use: "tests.support.components:Echo"}
  - {path: "/test/{kind}/items/{item}/", methods: [GET, DELETE], use: "tests.support.components:Echo"}
  - {path: "/test/{anything}/", methods: [PUT], use: "tests.support.components:Echo"}
  - {path: "/test/files/{file:path}", use: "tests.support.components:Echo"}
  - {path: /test/off/, active: false, use: "tests.support.components:Echo"}
  - {path: /test/crash/, use: "tests.support.components:Crash"}
  - {path: "/test/{name}/crash/", name: test.named_crash, use: "tests.support.components:Crash"}
  - {path: /test/times_out/, use: "tests.support.components:TimesOut"}
  - {path: /test/hang/, timeout: 0.05, use: "tests.support.components:Hang"}
  - {path: /test/choice/, use: "tests.support.components:Choice"}
  - {path: /test/small/, max_body: 20, use: "tests.support.components:Echo"}
  - {path: /test/quick/, timeout: 0.05, use: "tests.support.components:Echo"}
  - {path: /test/environment/, use: "tests.support.components:Environment", test_config: {name: staging}}
"""


@pytest.fixture
async def rooms(open_gateway: OpenGateway) -> Gateway:
    """A gateway without a chain: whoever calls is let in."""
    return await open_gateway(ROOMS, more=NO_CHAIN + "server: {max_body: 100000}\n")


async def echoed(gateway: Gateway, path: str, method: str = "GET", **options: Any) -> Any:
    envelope = await envelope_of(await gateway.request(method, path, **options))
    assert (envelope["result"], envelope["code"], envelope["message"]) == (True, 0, "OK"), envelope
    return envelope["data"]


def finished(gateway: Gateway) -> CallFinished:
    """The one call that the log was told of."""
    calls = [event for event in gateway.events if isinstance(event, CallFinished)]
    assert len(calls) == 1, calls
    return calls[0]


# Routes


@pytest.mark.parametrize(
    "path",
    [
        "test/echo/",
        "test/echo",
        "/test/echo/",
        "//test/echo//",
        "v2/test/echo/",
        "v2/test/echo",
        "test/copy/",
        "te%73t/echo/",
        "test/echo/?a=1",
    ],
)
async def test_a_path_is_found_with_or_without_outer_slashes_and_by_its_aliases(rooms: Gateway, path: str) -> None:
    data = await echoed(rooms, COMPONENTS + path)
    assert (data["path"], data["component"]) == ("/test/echo/", "test.echo")


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/api/c/compapi",
        "/api/c/compapi/",
        "/api/c/compapi/test//echo/",
        "/api/c/compapi/test/echo/more/",
        "/api/c/compapi/test/",
        "/api/c/compapi/test/../test/echo/",
        "/api/c/compapi/v3/test/echo/",
        "/api/c/compapi/test/a/items/",
        "/api/c/compapi/test/a/items/b/c/",
        "/api/c/compapi/test%2Fecho/",
        "/api/c/compapi/test/echo%2f",
        "/api/c/compapi/%00/",
        "/c/compapi/test/echo/",
        "/metrics",
    ],
)
async def test_an_unknown_path_is_404_with_an_envelope(rooms: Gateway, path: str) -> None:
    answer = await exchange(rooms.url, request(b"GET", path.encode()))
    envelope = answer.envelope()
    assert (answer.status, envelope["code"], envelope["result"]) == (404, 1306404, False)
    assert envelope["message"] == "The content does not exist"


@pytest.mark.parametrize("method", ["OPTIONS", "PUT", "DELETE", "PATCH", "PROPFIND", "TRACE"])
async def test_a_method_that_a_component_lacks_is_404(gateway: Gateway, method: str) -> None:
    response = await gateway.request(method, "/api/c/compapi/cmsi/send_weixin/")
    assert response.status == 404
    assert len(response.headers["X-Bkapi-Request-Id"]) == 32
    assert (await envelope_of(response))["code"] == 1306404


@pytest.mark.parametrize("path", ["echo/?a=1", "copy?a=1", "red/items/7/?a=1", "files/b/c/?a=1"])
async def test_head_is_answered_as_get_without_a_body(rooms: Gateway, path: str) -> None:
    whole = await rooms.request("GET", f"{COMPONENTS}test/{path}")
    response = await rooms.request("HEAD", f"{COMPONENTS}test/{path}")
    assert (response.status, await response.read()) == (200, b"")
    for name in ("Content-Type", "Content-Length"):
        assert response.headers[name] == whole.headers[name]
    methods = [event.method for event in rooms.events if isinstance(event, CallFinished)]
    assert methods == ["GET", "HEAD"]


@pytest.mark.parametrize("path", ["test/anything", "test/nothing/more/", "/"])
async def test_head_of_what_answers_no_get_is_404(rooms: Gateway, path: str) -> None:
    response = await rooms.request("HEAD", COMPONENTS + path)
    assert (response.status, await response.read()) == (404, b"")
    assert len(response.headers["X-Bkapi-Request-Id"]) == 32


async def test_options_of_the_whole_server_is_404_with_an_envelope(rooms: Gateway) -> None:
    answer = await exchange(rooms.url, request(b"OPTIONS", b"*"))
    assert (answer.status, answer.envelope()["code"]) == (404, 1306404)


async def test_an_absolute_address_in_the_request_line_is_the_path_it_names(rooms: Gateway) -> None:
    answer = await exchange(rooms.url, request(b"GET", b"http://gateway/api/c/compapi/test/echo/"))
    assert answer.envelope()["result"] is True


async def test_path_variables_reach_the_component(rooms: Gateway) -> None:
    data = await echoed(rooms, COMPONENTS + "test/red/items/7%20a/")
    assert data["path_vars"] == {"kind": "red", "item": "7 a"}
    assert (data["path"], data["component"]) == ("/test/{kind}/items/{item}/", "test.items")


@pytest.mark.parametrize(
    "value",
    [
        *(b"..", b"%2e%2e", b".%2E", b"...", b"a\\b", b"a%5Cb", b"%FF", b"a%3Fb", b"a%23b"),
        *(b"a%3Bb", b"a;b", b"a%00b", b"a%0ab", b"%252F", b"%25252e", b"%20", b"%ED%B0%AF"),
    ],
)
async def test_a_path_variable_with_a_second_meaning_is_refused(rooms: Gateway, value: bytes) -> None:
    for name, path in (("item", b"/test/red/items/%b/"), ("file", b"/test/files/a/%b/b")):
        answer = await exchange(rooms.url, request(b"GET", b"/api/c/compapi" + path % value))
        envelope = answer.envelope()
        assert envelope["code"] == 1306406, path
        assert envelope["message"] == f"Parameters error, param {name} cannot stand in a path"


async def test_an_encoded_slash_is_no_slash_of_the_path(rooms: Gateway) -> None:
    answer = await exchange(rooms.url, request(b"GET", b"/api/c/compapi/test/a/items/b%2Fc/"))
    assert (answer.status, answer.envelope()["code"], finished(rooms).component) == (200, 1306406, "items")


@pytest.mark.parametrize(
    ("path", "value"),
    [("a", "a"), ("a/b/c.d/", "a/b/c.d"), ("a%2Fb", "a/b"), ("a%20b/%C3%BC%26", "a b/ü&")],
)
async def test_a_variable_that_may_hold_slashes_takes_the_rest_of_the_path(
    rooms: Gateway, path: str, value: str
) -> None:
    data = await echoed(rooms, f"{COMPONENTS}test/files/{path}")
    assert data["path_vars"] == {"file": value}


@pytest.mark.parametrize("path", [b"a//b", b"a/../b", b"a/%2e%2e/b", b"..", b"%2F%2Fhost", b"a/./b", b"a/%20/b"])
async def test_a_variable_that_may_hold_slashes_never_climbs(rooms: Gateway, path: bytes) -> None:
    answer = await exchange(rooms.url, request(b"GET", b"/api/c/compapi/test/files/" + path))
    assert answer.envelope()["code"] == 1306406


async def test_methods_choose_among_routes_of_the_same_path(rooms: Gateway) -> None:
    assert (await echoed(rooms, ECHO, "PUT"))["path_vars"] == {"anything": "echo"}
    assert (await echoed(rooms, ECHO, "POST"))["path_vars"] == {}


# The form of every answer


@pytest.mark.parametrize(
    ("path", "body", "status", "code", "message"),
    [
        ("test/nowhere", b"{}", 404, 1306404, "The content does not exist"),
        (
            "test/echo",
            b'{"a": ',
            200,
            1306000,
            "Request JSON string is wrong in format, which cannot be analyzed.",
        ),
        ("test/off", b"{}", 200, 1306405, "Not found, inactive channel"),
        ("test/small", b'{"a": "0123456789"}   ', 413, 1306406, "The request body is too large, the limit is 20 bytes"),
        (
            "test/crash",
            b"{}",
            200,
            1306000,
            "Component error, please contact the component developer to handle it.",
        ),
        (
            "test/times_out",
            b"{}",
            200,
            1306000,
            "Component error, please contact the component developer to handle it.",
        ),
        (
            "test/hang",
            b"{}",
            200,
            1306201,
            "Component request third-party system [test] interface [hang] error: Third-party system interface response"
            " time exceeds 0.05 seconds, please try again later or contact component developer to handle this",
        ),
        (
            "test/environment",
            b'{"a": 1, "a"}',
            200,
            1306000,
            "Request JSON string is wrong in format, which cannot be analyzed.",
        ),
    ],
)
async def test_every_failure_is_an_envelope_with_the_request_id_in_body_and_header(
    rooms: Gateway, path: str, body: bytes, status: int, code: int, message: str
) -> None:
    response = await rooms.request("POST", f"{COMPONENTS}{path}/", data=body)
    envelope = await envelope_of(response)
    assert (response.status, envelope["result"], envelope["code"], envelope["message"]) == (
        status,
        False,
        code,
        message,
    )
    assert set(envelope["data"] or ()) <= {"body", "methods"}
    assert (finished(rooms).status, finished(rooms).code, finished(rooms).id) == (status, code, envelope["request_id"])


async def test_self_service_paths_are_inactive(rooms: Gateway) -> None:
    response = await rooms.request("POST", "/api/c/self-service-api/anything/at/all/", data=b"{")
    envelope = await envelope_of(response)
    assert (response.status, envelope["code"]) == (200, 1306405)
    assert envelope["message"] == "Not found, inactive buffet component"


async def test_each_call_gets_an_id_of_its_own(rooms: Gateway) -> None:
    assert (await echoed(rooms, ECHO))["id"] != (await echoed(rooms, ECHO))["id"]


@pytest.mark.parametrize("offered", ["0123456789abcdef" * 2, "0123456789ABCDEF" * 2])
@pytest.mark.parametrize("path", [ECHO, "/nowhere"])
async def test_a_well_formed_incoming_request_id_is_kept(rooms: Gateway, path: str, offered: str) -> None:
    response = await rooms.request("GET", path, headers={"X-Bkapi-Request-Id": offered})
    assert (await envelope_of(response))["request_id"] == offered
    assert finished(rooms).id == offered


@pytest.mark.parametrize(
    "offered", [b"", b"0" * 31, b"0" * 33, b"g" * 32, b"0" * 30 + b"\xc3\xa9", b"../../etc/passwd", b"\xff" * 32]
)
async def test_any_other_incoming_request_id_is_replaced(rooms: Gateway, offered: bytes) -> None:
    answer = await exchange(rooms.url, request(b"GET", ECHO.encode(), headers=(b"X-Bkapi-Request-Id: " + offered,)))
    given = answer.envelope()["request_id"]
    assert given != offered.decode("utf-8", "replace")
    assert set(given) <= set("0123456789abcdef")


# What components answer


@pytest.mark.parametrize(
    ("what", "data"),
    [
        ("nothing", None),
        ("list", [1, "二"]),
        ("long integer", {"number": 2**70}),
        ("keys that are no text", {"1": "one", "null": "none"}),
        ("not a number", {"number": None}),
    ],
)
async def test_what_a_component_returns_is_the_data(rooms: Gateway, what: str, data: Any) -> None:
    assert await echoed(rooms, COMPONENTS + "test/choice/", params={"what": what}) == data


async def test_answers_are_not_ascii_escaped(rooms: Gateway) -> None:
    response = await rooms.request("GET", COMPONENTS + "test/choice/", params={"what": "list"})
    assert '"二"'.encode() in await response.read()


async def choose(gateway: Gateway, what: str) -> dict[str, Any]:
    return await envelope_of(await gateway.request("GET", COMPONENTS + "test/choice/", params={"what": what}))


async def test_an_envelope_of_a_components_own_is_completed(rooms: Gateway) -> None:
    envelope = await choose(rooms, "envelope")
    request_id = envelope.pop("request_id")
    assert request_id != "not yours"
    assert envelope == {"result": True, "code": 0, "message": "fine", "data": [1], "total": 7}
    envelope = await choose(rooms, "failed envelope")
    assert (envelope["result"], envelope["code"], envelope["message"], envelope["data"]) == (False, 1306000, "no", None)
    assert (await choose(rooms, "coded envelope"))["code"] == 1306101


async def test_a_components_error_keeps_its_text_and_data(rooms: Gateway) -> None:
    envelope = await choose(rooms, "error")
    assert (envelope["code"], envelope["message"]) == (1306000, "Someone said no")
    assert envelope["data"] == {"why": ["tired"]}
    assert (await choose(rooms, "error with braces"))["message"] == "{not a value}"


@pytest.mark.parametrize(
    "what",
    [
        "set",
        "bytes",
        "lone surrogate",
        "itself",
        "unwritable envelope",
        "error without its value",
        "error with unwritable data",
        "error with a lone surrogate",
        "reply without a body",
        "reply with an odd status",
        "reply with a broken header",
        "broken header",
    ],
)
async def test_what_cannot_be_written_is_a_crash_with_an_envelope(rooms: Gateway, what: str) -> None:
    envelope = await choose(rooms, what)
    assert (envelope["result"], envelope["code"]) == (False, 1306000)
    assert envelope["message"] == "Component error, please contact the component developer to handle it."
    crash = next(event for event in rooms.events if isinstance(event, Crashed))
    assert crash.call_id == envelope["request_id"]


async def test_a_reply_is_written_as_it_is(rooms: Gateway) -> None:
    response = await rooms.request("GET", COMPONENTS + "test/choice/", params={"what": "reply"})
    assert (response.status, response.headers["Content-Type"], await response.read()) == (201, "text/csv", b"a,b")
    assert response.headers.getall("X-Bkapi-Request-Id") == [finished(rooms).id]
    assert finished(rooms).status == 201


async def test_a_reply_may_be_a_stream(rooms: Gateway) -> None:
    response = await rooms.request("GET", COMPONENTS + "test/choice/", params={"what": "stream"})
    assert await response.read() == b"one two"
    assert response.headers["X-Bkapi-Request-Id"] == finished(rooms).id


async def test_the_record_of_a_call_may_add_headers(rooms: Gateway) -> None:
    response = await rooms.request("GET", COMPONENTS + "test/choice/", params={"what": "header"})
    assert response.headers["X-Remaining"] == "7"


async def test_a_crash_tells_the_log_where_and_nobody_the_exceptions_text(rooms: Gateway) -> None:
    envelope = await envelope_of(await rooms.request("GET", COMPONENTS + "test/crash/"))
    crash = next(event for event in rooms.events if isinstance(event, Crashed))
    assert (crash.call_id, crash.kind) == (envelope["request_id"], "ZeroDivisionError")
    assert crash.where[-1].endswith(" handle")
    assert "components.py" in crash.where[-1]
    assert "hunter2" not in repr(rooms.events) + json.dumps(envelope)


async def test_a_crash_tells_the_log_the_path_as_it_is_declared(rooms: Gateway) -> None:
    await rooms.request("GET", COMPONENTS + "test/13800000000/crash/")
    crash = next(event for event in rooms.events if isinstance(event, Crashed))
    assert crash.doing == "/test/{name}/crash/"
    assert "13800000000" not in repr(rooms.events)


# The environment and the options


@pytest.mark.parametrize(
    ("value", "name"), [("1", "staging"), ("true", "staging"), ("0", "production"), ("false", "production")]
)
async def test_the_test_environment_has_its_own_config(rooms: Gateway, value: str, name: str) -> None:
    data = await echoed(rooms, COMPONENTS + "test/environment/", headers={"X-Use-Test-Env": value})
    assert data == {"name": name, "replicas": 1}


async def test_a_component_without_a_test_environment_refuses_such_a_call(
    open_gateway: OpenGateway, sandbox: Sandbox
) -> None:
    plain = """\
  - {path: /test/environment/, use: "tests.support.components:Environment"}
  - {path: /test/echo/, use: "tests.support.components:Echo"}
"""
    gateway = await open_gateway(plain, more=NO_CHAIN)
    switched: dict[str, Any] = {"headers": {"X-Use-Test-Env": "True"}}
    envelope = await envelope_of(await gateway.request("GET", COMPONENTS + "test/environment/", **switched))
    assert envelope["code"] == 1306206
    assert envelope["message"] == "Error, the component does not support access third-party test environment"
    assert (await echoed(gateway, ECHO, **switched))["test_env"] is True


async def test_only_the_headers_that_travel_travel(rooms: Gateway) -> None:
    sent = {
        "Blueking-Language": "zh-hans",
        "Blueking-Timezone": "Asia/Shanghai",
        "Traceparent": "00-" + "a" * 32 + "-" + "b" * 16 + "-01",
        "Accept-Language": "fr",
        "X-Forwarded-For": "1.2.3.4",
        "Authorization": "Basic x",
        "Cookie": "a=b",
    }
    data = await echoed(rooms, ECHO, headers=sent)
    travelled = {key: value for key, value in sent.items() if key[:2] in {"Bl", "Tr"}}
    assert data["headers"] == {**travelled, "X-Bkapi-Request-Id": data["id"]}


@pytest.mark.parametrize("value", [b"", b"\xff", b"\xe4\xb8\xad"])
async def test_a_travelling_header_that_cannot_travel_stays_behind(rooms: Gateway, value: bytes) -> None:
    answer = await exchange(rooms.url, request(b"GET", ECHO.encode(), headers=(b"Blueking-Language: " + value,)))
    assert set(answer.envelope()["data"]["headers"]) == {"X-Bkapi-Request-Id"}


# Bodies


async def test_a_get_has_its_query_and_no_body(rooms: Gateway) -> None:
    data = await echoed(rooms, ECHO + "?a=1&a=2&b=%E4%BA%8C", data=b'{"a": "body"}')
    assert data["args"] == {"a": ["1", "2"], "b": "二"}


async def test_a_post_has_its_body_and_no_query(rooms: Gateway) -> None:
    data = await echoed(rooms, ECHO + "?a=query", "POST", data=b'  {"b": [1, {"c": null}], "b": 2}')
    assert data["args"] == {"b": 2}


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "application/x-www-form-urlencoded", "\t"])
async def test_json_is_known_by_its_first_byte_whatever_the_content_type(rooms: Gateway, content_type: str) -> None:
    data = await echoed(rooms, ECHO, "POST", data=b'{"a": "b=c&d=e"}', headers={"Content-Type": content_type})
    assert data["args"] == {"a": "b=c&d=e"}


async def test_forms_and_multipart_are_parameters_too(rooms: Gateway) -> None:
    assert (await echoed(rooms, ECHO, "POST", data={"a": "1", "b": "二 &"}))["args"] == {"a": "1", "b": "二 &"}
    form = FormData([("a", "1"), ("a", "2")], default_to_multipart=True)
    assert (await echoed(rooms, ECHO, "POST", data=form))["args"] == {"a": ["1", "2"]}


async def test_a_file_that_nobody_would_see_is_refused_by_its_name(rooms: Gateway) -> None:
    form = FormData({"a": "1"}, default_to_multipart=True)
    form.add_field("picture", b"\xff\x00", filename="picture.png")
    envelope = await envelope_of(await rooms.request("POST", ECHO, data=form))
    assert (envelope["code"], "[picture]" in envelope["message"]) == (1306406, True)


async def pieces(*chunks: bytes) -> Any:
    for chunk in chunks:
        yield chunk


async def test_a_chunked_body_is_read_to_its_end(rooms: Gateway) -> None:
    data = await echoed(rooms, ECHO, "POST", data=pieces(b'{"a": ', b'"', "二".encode()[:1], "二".encode()[1:], b'"}'))
    assert data["args"] == {"a": "二"}


@pytest.mark.parametrize("path", ["test/echo", "test/small"])
async def test_a_body_over_the_limit_is_refused_by_its_length_and_by_its_content(rooms: Gateway, path: str) -> None:
    address = f"{COMPONENTS}{path}/"
    limit = 100000 if path == "test/echo" else 20
    for body in (b"{" + b" " * limit, pieces(b"{" + b" " * (limit // 2), b" " * limit)):
        response = await rooms.request("POST", address, data=body)
        assert (response.status, (await envelope_of(response))["code"]) == (413, 1306406)
    within = b'{"a": 1}'.ljust(limit)
    assert (await envelope_of(await rooms.request("POST", address, data=within)))["result"] is True


@pytest.mark.parametrize("encoding", [(), (b"Content-Encoding: gzip",)], ids=["plain", "gzip"])
async def test_a_body_that_announces_too_much_is_not_waited_for(rooms: Gateway, encoding: tuple[bytes, ...]) -> None:
    head = request(b"POST", ECHO.encode(), b"{", encoding, length=100001)
    answer = await exchange(rooms.url, head)
    assert (answer.status, answer.envelope()["code"]) == (413, 1306406)


async def test_a_body_of_eleven_megabytes_is_refused_by_the_shipped_limit(gateway: Gateway, sandbox: Sandbox) -> None:
    body = {**DEMO, "receiver": "zhangsan", "data": {"heading": "H", "message": "M" * (11 << 20)}}
    response = await gateway.request(
        "POST", "/api/c/compapi/cmsi/send_weixin/", data=BytesIO(json.dumps(body).encode())
    )
    envelope = await envelope_of(response)
    assert (response.status, envelope["code"]) == (413, 1306406)
    assert await sandbox.messages() == []


async def test_a_compressed_body_is_measured_as_it_is_when_unpacked(rooms: Gateway) -> None:
    packed = {"Content-Encoding": "gzip"}
    small = gzip.compress(b'{"a": 1}', mtime=0)
    for coding, body in (("gzip", small), ("GZip", small), ("identity", b'{"a": 1}')):
        headers = {"Content-Encoding": coding}
        assert (await echoed(rooms, ECHO, "POST", data=body, headers=headers))["args"] == {"a": 1}
    bomb = gzip.compress(b"{" + b" " * (8 << 20), mtime=0)
    assert len(bomb) < 100000
    response = await rooms.request("POST", ECHO, data=bomb, headers=packed)
    assert (response.status, (await envelope_of(response))["code"]) == (413, 1306406)


async def test_a_body_that_is_not_compressed_as_it_says_is_refused(rooms: Gateway) -> None:
    response = await rooms.request("POST", ECHO, data=b'{"a": 1}', headers={"Content-Encoding": "gzip"})
    envelope = await envelope_of(response)
    assert envelope["code"] == 1306406
    assert envelope["message"] == "Parameters error, the request body is incomplete or not valid HTTP"


async def test_a_chunked_body_with_a_broken_chunk_is_refused(rooms: Gateway) -> None:
    head = request(b"POST", COMPONENTS.encode() + b"test/quick/", headers=(b"Transfer-Encoding: chunked",))
    async with connection(rooms.url) as (reader, writer):
        writer.write(head)
        await until(lambda: bool(in_flight(rooms)))
        writer.write(b'5\r\n{"a": \r\nzz\r\n')
        answer = await read_answer(reader)
    assert answer.envelope()["code"] == 1306406


async def test_a_body_that_does_not_arrive_in_time_is_the_callers_doing(rooms: Gateway) -> None:
    answer = await exchange(rooms.url, request(b"POST", COMPONENTS.encode() + b"test/quick/", b'{"a": ', length=100))
    envelope = answer.envelope()
    assert envelope["code"] == 1306406
    assert envelope["message"] == "Parameters error, the request body did not arrive within 0.05 seconds"


async def test_a_caller_that_expects_a_continue_gets_one(rooms: Gateway) -> None:
    head = request(b"POST", ECHO.encode(), headers=(b"Expect: 100-continue",), length=8)
    async with connection(rooms.url) as (reader, writer):
        writer.write(head)
        assert (await read_answer(reader)).status == 100
        writer.write(b'{"a": 1}')
        assert (await read_answer(reader)).envelope()["data"]["args"] == {"a": 1}


async def test_one_that_has_gone_meanwhile_is_no_error_of_ours(
    rooms: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    head = request(b"POST", ECHO.encode(), headers=(b"Expect: 100-continue",), length=8)
    async with connection(rooms.url) as (_, writer):
        writer.write(head)
        assert isinstance(writer.transport, asyncio.Transport)
        reset(writer.transport)
    await until(lambda: bool(rooms.events))
    assert finished(rooms).source == "caller"
    assert caplog.messages == []


async def test_an_unknown_expectation_is_ignored(rooms: Gateway) -> None:
    async with connection(rooms.url) as (reader, writer):
        writer.write(request(b"POST", ECHO.encode(), headers=(b"Expect: miracles",), length=8))
        await until(lambda: bool(rooms.app[GATEWAY].ingress.in_flight))
        writer.write(b'{"a": 1}')
        assert (await read_answer(reader)).envelope()["data"]["args"] == {"a": 1}


# Hostile requests


HOSTILE = {
    "undecodable query": request(b"GET", ECHO.encode() + b"?a=%FF"),
    "escaped bytes in a path variable": request(b"PUT", COMPONENTS.encode() + b"test/%FF/"),
    "lone surrogate in the query": request(b"GET", ECHO.encode() + b"?a=%ED%A0%80"),
    "ten thousand fields": request(b"GET", ECHO.encode() + b"?" + b"&".join(b"%d=" % number for number in range(1500))),
    "authorization that is no text": request(b"GET", ECHO.encode(), headers=(b"X-Bkapi-Authorization: \xff\xfe",)),
    "authorization that is text": request(b"GET", ECHO.encode(), headers=(b"X-Bkapi-Authorization: hello",)),
    "empty authorization": request(b"GET", ECHO.encode(), headers=(b"X-Bkapi-Authorization:",)),
    "cookie that is no text": request(b"GET", ECHO.encode(), headers=(b"Cookie: bk_token=\xff\xfe",)),
    "absurd content type": request(b"POST", ECHO.encode(), b"a=1", (b'Content-Type: \xff;=;;boundary=\xff"',)),
    "form that is no text": request(
        b"POST", ECHO.encode(), b"a=\xff", (b"Content-Type: application/x-www-form-urlencoded",)
    ),
    "multipart without a boundary": request(b"POST", ECHO.encode(), b"--", (b"Content-Type: multipart/form-data",)),
    "multipart that is none": request(
        b"POST", ECHO.encode(), b"hello", (b"Content-Type: multipart/form-data; boundary=x",)
    ),
    "multipart in an unknown character set": request(
        b"POST",
        ECHO.encode(),
        b'--x\r\nContent-Disposition: form-data; name="a"\r\n'
        b"Content-Type: text/plain; charset=klingon\r\n\r\n1\r\n--x--",
        (b"Content-Type: multipart/form-data; boundary=x",),
    ),
    "multipart with an undecodable name": request(
        b"POST",
        ECHO.encode(),
        b'--x\r\nContent-Disposition: form-data; name="\xff"\r\n\r\n1\r\n--x--',
        (b"Content-Type: multipart/form-data; boundary=x",),
    ),
    "multipart with a raw boundary": request(
        b"POST", ECHO.encode(), b"--\xff--", (b"Content-Type: multipart/form-data; boundary=\xff",)
    ),
    "deep json": request(b"POST", ECHO.encode(), b'{"a":' * 10000 + b"1" + b"}" * 10000),
    "deep list": request(b"POST", ECHO.encode(), b'{"a":' + b"[" * 10000 + b"]" * 10000 + b"}"),
    "not a number": request(b"POST", ECHO.encode(), b'{"a": NaN}'),
    "infinity": request(b"POST", ECHO.encode(), b'{"a": 1e999}'),
    "invalid utf-8": request(b"POST", ECHO.encode(), b'{"a": "\xff"}'),
    "utf-16": request(b"POST", ECHO.encode(), '{"a": 1}'.encode("utf-16-le")),
    "escaped lone surrogate": request(b"POST", ECHO.encode(), rb'{"a": "\ud800"}'),
    "raw null byte": request(b"POST", ECHO.encode(), b'{"a": "\x00"}'),
    "integer without end": request(b"POST", ECHO.encode(), b'{"a": ' + b"9" * 5000 + b"}"),
    "binary": request(b"POST", ECHO.encode(), bytes(range(256))),
    "list": request(b"POST", ECHO.encode(), b'[{"a": 1}]'),
    "header of its own": request(b"GET", ECHO.encode(), headers=(b"Blueking-Language: \xff\xfe\x80",)),
    "forwarded by nobody": request(b"GET", ECHO.encode(), headers=(b"X-Forwarded-For: \xff, , 1.2.3.4.5",)),
}


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
async def test_whatever_is_sent_the_answer_is_an_envelope_and_no_crash(rooms: Gateway, hostile: bytes) -> None:
    answer = await exchange(rooms.url, hostile)
    assert answer.status in {200, 404}
    answer.envelope()
    assert [event for event in rooms.events if isinstance(event, Crashed)] == []
    assert finished(rooms).status == answer.status


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
async def test_the_chain_withstands_the_same_requests(open_gateway: OpenGateway, hostile: bytes) -> None:
    gateway = await open_gateway('  - {path: /test/echo/, use: "tests.support.components:Echo"}\n')
    answer = await exchange(gateway.url, hostile)
    assert answer.envelope()["result"] is False
    assert [event for event in gateway.events if isinstance(event, Crashed)] == []


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (b"null", 0),
        (b"{}", 1306000),
        (b"[]", 1306406),
        (b'"text"', 1306406),
        (b"1", 1306406),
        (b"true", 1306406),
        (b"", 1306406),
        (b"{", 1306406),
        (b"\xff", 1306406),
        (b"bk_app_code=esb_demo", 1306406),
        (b"[" * 5000, 1306406),
        (b'{"bk_app_code": ["esb_demo"], "bk_app_secret": {}}', 1306000),
        (b'{"bk_app_code": true, "bk_app_secret": 1.5}', 1306000),
        (b'{"bk_app_code": "esb_demo", "bk_app_secret": "demo-secret", "bk_username": "admin"}', 0),
    ],
)
async def test_the_authorization_header_counts_when_it_is_there_and_not_null(
    open_gateway: OpenGateway, header: bytes, code: int
) -> None:
    gateway = await open_gateway('  - {path: /test/echo/, use: "tests.support.components:Echo"}\n')
    sent = request(b"POST", ECHO.encode(), json.dumps(DEMO).encode(), (b"X-Bkapi-Authorization: " + header,))
    envelope = (await exchange(gateway.url, sent)).envelope()
    assert envelope["code"] == code
    if code == 1306406:
        assert (
            envelope["message"]
            == "Parameters error, request header X-Bkapi-Authorization is not a valid JSON format string"
        )


# Deadline, limits, and callers who leave


async def test_a_component_that_hangs_is_ended_soon_after_its_time(rooms: Gateway) -> None:
    asking = asyncio.ensure_future(rooms.request("GET", COMPONENTS + "test/hang/"))
    await until(lambda: bool(in_flight(rooms)))
    with movable_loop_time() as advance:
        for seconds in (20, ANSWER_SECONDS):  # a jump is as if the loop had been held up, and a moment is given back
            advance(seconds)
            await turns(20)
        assert not in_flight(rooms)
    assert (await envelope_of(await asking))["code"] == 1306201


def in_flight(gateway: Gateway) -> set[asyncio.Task[Any]]:
    return gateway.app[GATEWAY].ingress.in_flight


@pytest.fixture
async def upstream(open_server: OpenServer) -> tuple[str, asyncio.Event]:
    """An upstream that answers when the event is set."""
    go_on = asyncio.Event()

    async def wait(request: web.Request) -> web.Response:
        await go_on.wait()
        return web.json_response({"went": "on"})

    app = web.Application()
    app.router.add_get("/", wait)
    return await open_server(app), go_on


OpenRelay = Callable[..., Awaitable[Gateway]]


@pytest.fixture
def open_relay(open_gateway: OpenGateway, upstream: tuple[str, asyncio.Event]) -> OpenRelay:
    """A gateway whose /test/relay/ asks that upstream."""

    async def open_one(server: str = "{}") -> Gateway:
        relay = (
            f'  - {{path: /test/relay/, use: "tests.support.components:Relay", config: {{url: "{upstream[0]}/"}}}}\n'
        )
        return await open_gateway(relay, more=f"{NO_CHAIN}server: {server}\n")

    return open_one


RELAY = COMPONENTS + "test/relay/"


async def test_more_calls_in_flight_than_allowed_are_told_when_to_come_again(
    open_relay: OpenRelay, upstream: tuple[str, asyncio.Event]
) -> None:
    gateway = await open_relay("{max_in_flight: 2}")
    first = [asyncio.create_task(gateway.request("GET", RELAY)) for _ in range(2)]
    await until(lambda: len(in_flight(gateway)) == 2)
    envelope = await envelope_of(await gateway.request("GET", RELAY))
    assert (envelope["code"], envelope["data"]) == (1306429, {"retry_after": 1.0})
    upstream[1].set()
    assert [(await envelope_of(await call))["data"] for call in first] == [{"went": "on"}] * 2
    assert (await envelope_of(await gateway.request("GET", RELAY)))["result"] is True


async def test_health_is_told_however_many_calls_are_in_flight(
    open_relay: OpenRelay, upstream: tuple[str, asyncio.Event]
) -> None:
    gateway = await open_relay("{max_in_flight: 1}")
    call = asyncio.create_task(gateway.request("GET", RELAY))
    await until(lambda: bool(in_flight(gateway)))
    assert (await gateway.request("GET", "/api/c/healthz/")).status == 200
    assert (await gateway.request("GET", "/api/c/ping/")).status == 200
    upstream[1].set()
    await call


async def test_a_caller_who_hangs_up_leaves_nothing_behind(
    open_relay: OpenRelay, upstream: tuple[str, asyncio.Event]
) -> None:
    gateway = await open_relay()
    async with connection(gateway.url) as (_, writer):
        writer.write(request(b"GET", RELAY.encode()))
        await until(lambda: bool(in_flight(gateway)))
    calls = set(in_flight(gateway))
    upstream[1].set()
    await asyncio.wait(calls, timeout=30)
    assert not in_flight(gateway)
    assert finished(gateway).code == 0


async def test_a_caller_who_hangs_up_within_its_body_leaves_nothing_behind(rooms: Gateway) -> None:
    async with connection(rooms.url) as (_, writer):
        writer.write(request(b"POST", ECHO.encode(), b'{"a": ', length=1000))
        await until(lambda: bool(in_flight(rooms)))
    await until(lambda: not in_flight(rooms))
    assert finished(rooms).code == 1306406
    assert [event for event in rooms.events if isinstance(event, Crashed)] == []


# Draining


async def test_while_draining_calls_in_flight_finish_and_new_ones_are_refused(
    open_relay: OpenRelay, upstream: tuple[str, asyncio.Event]
) -> None:
    gateway = await open_relay()
    call = asyncio.create_task(gateway.request("GET", RELAY))
    await until(lambda: bool(in_flight(gateway)))
    drained = asyncio.create_task(gateway.app[GATEWAY].drain(10))
    await until(lambda: gateway.app[GATEWAY].ingress.draining)
    for path in (RELAY, "/nowhere", "/api/c/self-service-api/x/"):
        response = await gateway.request("POST", path, data=b"{")
        envelope = await envelope_of(response)
        assert (response.status, envelope["result"], envelope["code"]) == (503, False, 1306000)
    assert not drained.done()
    upstream[1].set()
    assert (await envelope_of(await call))["data"] == {"went": "on"}
    await drained


async def test_a_call_cut_short_is_told_to_the_log_all_the_same(open_relay: OpenRelay) -> None:
    gateway = await open_relay()
    async with connection(gateway.url) as (reader, writer):
        writer.write(request(b"GET", RELAY.encode()))
        await until(lambda: bool(in_flight(gateway)))
        await gateway.app[GATEWAY].drain(0)
        assert await reader.read() == b""
    call = finished(gateway)
    assert (call.component, call.status, call.code) == ("relay", 0, 1306000)


# Who called


@pytest.mark.parametrize(
    ("trusted", "forwarded", "client"),
    [
        ("[]", ["1.2.3.4"], "127.0.0.1"),
        ("[10.0.0.0/8]", ["1.2.3.4"], "127.0.0.1"),
        ("[127.0.0.1]", [], "127.0.0.1"),
        ("[127.0.0.1]", ["1.2.3.4"], "1.2.3.4"),
        ("[127.0.0.1]", ["6.6.6.6, 1.2.3.4"], "1.2.3.4"),
        ("[127.0.0.1]", ["6.6.6.6", "1.2.3.4"], "1.2.3.4"),
        ("[127.0.0.1, 10.0.0.0/8]", ["6.6.6.6, 1.2.3.4, 10.1.1.1 ,10.2.2.2"], "1.2.3.4"),
        ("[127.0.0.1, 10.0.0.0/8]", ["10.1.1.1"], "10.1.1.1"),
        ("[127.0.0.1]", ["2001:db8::1"], "2001:db8::1"),
        ("[127.0.0.1]", ["1.2.3.4, <script>"], "127.0.0.1"),
        ("[127.0.0.1]", [""], "127.0.0.1"),
    ],
)
async def test_the_client_is_the_nearest_address_that_is_no_trusted_proxy(
    open_gateway: OpenGateway, trusted: str, forwarded: list[str], client: str
) -> None:
    echo = '  - {path: /test/echo/, use: "tests.support.components:Echo"}\n'
    gateway = await open_gateway(echo, more=f"{NO_CHAIN}server: {{trusted_proxies: {trusted}}}\n")
    headers = tuple(f"X-Forwarded-For: {line}".encode() for line in forwarded)
    assert (await exchange(gateway.url, request(b"GET", ECHO.encode(), headers=headers))).status == 200
    assert finished(gateway).client_ip == client


async def test_a_call_is_told_to_the_log_without_any_parameter(gateway: Gateway) -> None:
    envelope = await gateway.send("zhangsan", data={"heading": "secret heading", "message": "secret message"})
    call = finished(gateway)
    assert (call.id, call.method, call.path) == (envelope["request_id"], "POST", "/cmsi/send_weixin/")
    assert (call.system, call.component) == ("cmsi", "send_weixin")
    assert (call.app, call.user, call.user_source) == ("esb_demo", "admin", "bk_username")
    assert (call.code, call.status, call.client_ip) == (0, 200, "127.0.0.1")
    assert 0 < call.seconds < 600
    told = repr(gateway.events)
    assert not any(word in told for word in ("secret heading", "secret message", "demo-secret", "corp-secret"))


async def test_a_call_that_reached_no_component_is_told_too(rooms: Gateway) -> None:
    await rooms.request("GET", "/api/c/compapi/no/such/path/?bk_token=hunter")
    call = finished(rooms)
    assert (call.path, call.system, call.component) == ("/api/c/compapi/no/such/path/", "", "")
    assert (call.app, call.code, call.reason) == ("", 1306404, "not_found")
    assert "hunter" not in repr(rooms.events)


async def test_a_listener_that_fails_changes_no_answer(
    open_gateway: OpenGateway, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = await open_gateway(WECOM, sandbox_url=sandbox.url)

    def full_disk(event: Event) -> None:
        raise OSError("no space left on device")

    gateway.app[GATEWAY].observer._listeners = (full_disk, gateway.events.append)
    assert (await gateway.send())["result"] is True
    assert finished(gateway).code == 0
    assert "a listener failed" in caplog.text


# Health


async def test_ping_is_answered_with_pong(rooms: Gateway) -> None:
    response = await rooms.request("GET", "/api/c/ping/")
    assert (response.status, await response.text()) == (200, "pong")
    assert rooms.events == []


async def test_health_tells_the_truth(rooms: Gateway) -> None:
    response = await rooms.request("GET", "/api/c/healthz/")
    assert response.status == 200
    assert await response.json() == {"ok": True, "code": "0", "message": "OK", "data": {}}
    ingress = rooms.app[GATEWAY].ingress
    ingress.ready = False
    response = await rooms.request("GET", "/api/c/healthz/")
    assert (response.status, (await response.json())["message"]) == (503, "starting")
    assert (await rooms.request("GET", ECHO)).status == 503
    ingress.ready = ingress.draining = True
    response = await rooms.request("GET", "/api/c/healthz/")
    assert (response.status, (await response.json())["ok"]) == (503, False)


@pytest.mark.parametrize("path", ["/api/c/ping", "/api/c/healthz"])
@pytest.mark.parametrize("ready", [True, False])
async def test_health_is_asked_with_head_and_without_the_last_slash_too(rooms: Gateway, path: str, ready: bool) -> None:
    rooms.app[GATEWAY].ingress.ready = ready
    whole = await rooms.request("GET", f"{path}/")
    assert whole.status == (503 if "health" in path and not ready else 200)
    for method, variant in (("GET", path), ("HEAD", path), ("HEAD", f"{path}/")):
        response = await rooms.request(method, variant)
        assert response.status == whole.status
        assert response.headers["Content-Length"] == whole.headers["Content-Length"]
        assert await response.read() == (await whole.read() if method == "GET" else b"")
    assert rooms.events == []


@pytest.mark.parametrize("path", ["/api/c/ping/", "/api/c/healthz/"])
async def test_health_is_asked_with_get_and_head_only(rooms: Gateway, path: str) -> None:
    assert (await rooms.request("POST", path)).status == 404


async def test_whose_connection_breaks_behind_the_last_byte_has_sent_no_sound_body(rooms: Gateway) -> None:
    content = StreamReader(BaseProtocol(asyncio.get_running_loop()), 2**16, loop=asyncio.get_running_loop())
    content.feed_data(b"{}")
    content.feed_eof()
    content.set_exception(ConnectionResetError())
    asked = make_mocked_request("POST", ECHO, {"Content-Length": "2"}, payload=content)
    await rooms.app[GATEWAY].ingress.handle(asked)
    assert (finished(rooms).code, finished(rooms).source, finished(rooms).client_ip) == (1306406, "caller", "")
