"""Traces: whose span is whose child, what spans tell, and what happens when nobody takes them."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web

from esb.config import ConfigSource
from esb.core.events import CallFinished, Observer
from esb.server import instrumentation
from esb.server.deployment import deployed
from esb.telemetry import tracing
from esb.telemetry.tracing import Tracing
from tests.support.configuration import SEND_WEIXIN, WECOM
from tests.support.gateway import OpenServer
from tests.support.processes.deployment import Watched, watched
from tests.support.servers.collector import Collector

TRACE, PARENT = "a" * 32, "b" * 16
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"
Traced = Callable[..., AbstractAsyncContextManager[Watched]]


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of the machine that runs the tests."""
    for name in list(os.environ):
        if name.startswith("OTEL_"):
            monkeypatch.delenv(name)


@pytest.fixture
def collector() -> Collector:
    return Collector()


@pytest.fixture
async def traced(
    collector: Collector, open_server: OpenServer, tmp_path: Path, http: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> Traced:
    """Open a deployment that sends its traces to the collector; they have arrived when it is closed."""
    url = await open_server(collector.app())

    @asynccontextmanager
    async def open_one(
        components: str = WECOM, more: str = "sandbox: {port: 0}\n", **environ: str
    ) -> AsyncIterator[Watched]:
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": url, **environ}
        for name, value in variables.items():
            monkeypatch.setenv(name, value)  # the library reads them itself
        async with watched(tmp_path, http, components, more=more, environ=variables) as deployment:
            yield deployment

    return open_one


# Who is whose child


async def test_a_call_is_a_span_and_what_it_asks_are_its_children(traced: Traced, collector: Collector) -> None:
    async with traced() as deployment:
        envelope = await deployment.send()
    call = collector.only("cmsi/send_weixin")
    assert (call.kind, call.parent, call.failed) == ("server", "", False)
    assert call.attributes == {
        "http.request.method": "POST",
        "http.route": "/cmsi/send_weixin/",
        "http.response.status_code": 200,
        "esb.request_id": envelope["request_id"],
        "esb.app": "esb_demo",
        "esb.code": "0",
    }
    fetch, send = collector.only("weixin_qy/get_token"), collector.only("weixin_qy/send_message")
    for child in (fetch, send):
        assert (child.kind, child.parent, child.trace, child.failed) == ("client", call.id, call.trace, False)
        assert call.start <= child.start <= child.end <= call.end
    assert fetch.end <= send.start
    assert send.attributes == {
        "peer.service": "weixin_qy",
        "http.response.status_code": 200,
        "esb.request_id": envelope["request_id"],
        "esb.interface": "send_message",
        "esb.errcode": "0",
        "esb.class": "ok",
    }
    assert len(collector.spans) == 3


async def test_a_callers_trace_goes_on(traced: Traced, collector: Collector) -> None:
    async with traced() as deployment:
        await deployment.send(headers={"traceparent": TRACEPARENT})
    assert collector.only("cmsi/send_weixin").parent == PARENT
    assert {span.trace for span in collector.spans} == {TRACE}


@pytest.mark.parametrize(
    "header", ["", "nonsense", "00-0-0-00", f"00-{'0' * 32}-{PARENT}-01", f"00-{TRACE}-{'0' * 16}-01"]
)
async def test_a_header_that_names_no_trace_begins_one(traced: Traced, collector: Collector, header: str) -> None:
    async with traced() as deployment:
        assert (await deployment.send(headers={"traceparent": header}))["result"]
    call = collector.only("cmsi/send_weixin")
    assert call.parent == ""
    assert call.trace not in {TRACE, "0" * 32}


async def test_what_the_caller_does_not_sample_is_not_sent(traced: Traced, collector: Collector) -> None:
    async with traced() as deployment:
        assert (await deployment.send(headers={"traceparent": TRACEPARENT[:-2] + "00"}))["result"]
    assert collector.spans == []


async def test_two_calls_are_two_traces(traced: Traced, collector: Collector) -> None:
    async with traced() as deployment:
        for _ in range(2):
            await deployment.send()
    first, second = (span for span in collector.of("server"))
    assert first.trace != second.trace
    children = {span.trace: span.parent for span in collector.of("client") if "send" in span.name}
    assert children == {first.trace: first.id, second.trace: second.id}


# Headers for upstreams


class Upstreams:
    """All that a chain may ask, in one server; notes which headers came with what."""

    def __init__(self) -> None:
        self.headers: dict[str, Mapping[str, str]] = {}

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        return app

    async def _answer(self, request: web.Request) -> web.Response:
        name = request.path.strip("/").split("/")[-1]
        self.headers[name] = request.headers
        profile = {"username": "admin", "wx_userid": "zhangsan", "status": "NORMAL", "staff_status": "IN"}
        answers: dict[str, Any] = {
            "is_login": {"result": True, "data": {"username": "admin"}},
            "profiles": {"result": True, "data": [profile]},
            "verify": {"code": 0, "data": {"is_match": True, "bk_app_code": "esb_demo"}},
            "gettoken": {"errcode": 0, "access_token": "TOKEN", "expires_in": 7200},
            "send": {"errcode": 0, "errmsg": "ok", "msgid": "1"},
        }
        return web.json_response(answers.get(name, {"code": 0, "result": True, "data": {"is_match": True}}))


CHAIN = """\
version: 1
services:
  apps: {use: bk_auth, config: {url: "{url}", app_code: esb, app_secret: SECRET-auth}}
  login: {use: bk_login, config: {url: "{url}", app_token: SECRET-login}}
  users: {use: bk_user, config: {url: "{url}", headers: {X-Key: SECRET-user}}}
components:
  - path: /cmsi/send_weixin/
    use: cmsi_send_weixin
    config: {wx_type: qy, wx_qy_corpid: ww1, wx_qy_corpsecret: SECRET-corp, wx_qy_agentid: 1, wx_qy_host: "{url}"}
"""


@asynccontextmanager
async def chained(
    folder: Path, http: ClientSession, open_server: OpenServer, environ: dict[str, str]
) -> AsyncIterator[tuple[Upstreams, Callable[..., Any]]]:
    """A gateway all of whose look-ups are remote; what they are asked, and a call of it by user name."""
    upstreams = Upstreams()
    url = await open_server(upstreams.app())
    (folder / "esb.yaml").write_text(CHAIN.replace("{url}", url))
    async with deployed(ConfigSource(folder / "esb.yaml", environ), None, 0, []) as deployment:

        async def call(**headers: str) -> Any:
            body = {
                "bk_app_code": "esb_demo",
                "bk_app_secret": "SECRET-app",
                "bk_token": "SECRET-token",
                "receiver__username": "admin",
                "data": {"heading": "SECRET-heading", "message": "SECRET-message"},
            }
            target = f"{deployment.url}/api/c/compapi/{SEND_WEIXIN}/"
            async with http.post(
                target, json=body, headers={**headers, "Cookie": "bk_token=SECRET-cookie"}
            ) as response:
                return await response.json()

        yield upstreams, call


async def test_every_remote_look_up_of_the_chain_is_a_span_and_is_told_of_it(
    tmp_path: Path,
    http: ClientSession,
    open_server: OpenServer,
    collector: Collector,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = await open_server(collector.app())
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
    async with chained(tmp_path, http, open_server, {"OTEL_EXPORTER_OTLP_ENDPOINT": url}) as (upstreams, call):
        envelope = await call(traceparent=TRACEPARENT, tracestate="vendor=1")
        assert envelope["result"], envelope
    server = collector.only("cmsi/send_weixin")
    asked = {span.name: span for span in collector.of("client")}
    assert {name.partition("/")[0] for name in asked} == {"BK_AUTH", "BK_LOGIN", "BK_USER", "weixin_qy"}
    assert {(span.trace, span.parent) for span in asked.values()} == {(TRACE, server.id)}
    told = {name: headers["Traceparent"] for name, headers in upstreams.headers.items()}
    assert sorted(told.values()) == sorted(f"00-{TRACE}-{span.id}-01" for span in asked.values())
    assert told["send"] == f"00-{TRACE}-{asked['weixin_qy/send_message'].id}-01"
    assert {headers["Tracestate"] for headers in upstreams.headers.values()} == {"vendor=1"}
    everything = collector.raw.decode("latin-1") + repr(collector.spans)
    assert "SECRET" not in everything
    assert "access_token" not in everything
    assert "TOKEN" not in everything
    assert "127.0.0.1" not in everything


async def test_without_traces_upstreams_are_told_what_the_caller_said(
    tmp_path: Path, http: ClientSession, open_server: OpenServer
) -> None:
    async with chained(tmp_path, http, open_server, {}) as (upstreams, call):
        assert (await call(traceparent=TRACEPARENT))["result"]
        assert {headers["Traceparent"] for headers in upstreams.headers.values()} == {TRACEPARENT}
        upstreams.headers.clear()
        assert (await call())["result"]
        assert {headers.get("Traceparent") for headers in upstreams.headers.values()} == {None}


# How it went


async def test_a_callers_mistake_is_no_error_of_ours(traced: Traced, collector: Collector) -> None:
    async with traced() as deployment:
        url = f"{deployment.deployment.url}/api/c/compapi/"
        await deployment.http.post(f"{url}{SEND_WEIXIN}/", json={"bk_app_code": "nobody"})
        await deployment.http.get(f"{url}some/thing/that/nobody/declared/")
    refused, unknown = collector.only("cmsi/send_weixin"), collector.only("unknown")
    assert (refused.failed, refused.attributes["esb.source"], refused.attributes["esb.code"]) == (
        False,
        "caller",
        "1306000",
    )
    assert (unknown.failed, unknown.attributes["http.response.status_code"]) == (False, 404)
    assert "declared" not in repr(collector.spans)


async def test_an_upstreams_failure_is_an_error_of_both(
    traced: Traced, collector: Collector, sandbox_fault: Any
) -> None:
    async with traced() as deployment:
        await sandbox_fault(deployment, {"errcode": 60020, "errmsg": "not allow to access from your ip"})
        assert not (await deployment.send())["result"]
        await sandbox_fault(deployment, {"status": 502})
        assert not (await deployment.send())["result"]
    first, second = collector.of("server")
    assert first.failed
    assert second.failed
    assert first.attributes["esb.source"] == "upstream"
    refused, *failed = (span for span in collector.of("client") if "send" in span.name)
    assert (refused.failed, refused.why, refused.attributes["esb.class"]) == (True, "", "config")
    assert refused.attributes["esb.errcode"] == "60020"
    assert all(span.failed for span in failed)
    assert {span.attributes["esb.class"] for span in failed} == {"http"}
    assert "502" in failed[0].why


@pytest.fixture
def sandbox_fault() -> Callable[[Watched, dict[str, Any]], Any]:
    """Let the deployment's own sandbox do this to every message."""

    async def fault(deployment: Watched, action: dict[str, Any]) -> None:
        assert deployment.deployment.sandbox is not None
        url = deployment.deployment.sandbox.url
        await deployment.http.delete(f"{url}/_sandbox/faults")
        body = {"match": {"path": "/cgi-bin/message/send"}, "action": action, "times": 0}
        await deployment.http.post(f"{url}/_sandbox/faults", json=body)

    return fault


# Who sends, and where to


async def test_the_service_has_a_name_and_a_version(traced: Traced, collector: Collector) -> None:
    async with traced() as deployment:
        await deployment.send()
    assert {resource["service.name"] for resource in collector.resources} == {"esb-gateway"}
    assert {resource["service.version"] for resource in collector.resources} == {"0.1.0"}


@pytest.mark.parametrize(
    "variables",
    [{"OTEL_SERVICE_NAME": "ours"}, {"OTEL_RESOURCE_ATTRIBUTES": "service.name=ours,deployment.environment=test"}],
)
async def test_the_standard_variables_name_it_otherwise(
    traced: Traced, collector: Collector, variables: dict[str, str]
) -> None:
    async with traced(**variables) as deployment:
        await deployment.send()
    assert {resource["service.name"] for resource in collector.resources} == {"ours"}


async def test_the_standard_variables_say_how_to_send(traced: Traced, collector: Collector) -> None:
    variables = {
        "OTEL_EXPORTER_OTLP_HEADERS": "x-tenant=7",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
        "OTEL_TRACES_SAMPLER": "always_on",
    }
    async with traced(**variables) as deployment:
        await deployment.send(headers={"traceparent": TRACEPARENT[:-2] + "00"})
    assert collector.headers[0]["x-tenant"] == "7"
    assert collector.headers[0]["Content-Encoding"] == "gzip"
    assert collector.only("cmsi/send_weixin").trace == TRACE


@pytest.mark.parametrize("answers", [400, 503])
async def test_a_collector_that_refuses_holds_nobody_up(
    traced: Traced, collector: Collector, answers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracing, "FLUSH_SECONDS", 0.01)
    collector.answers = answers
    async with traced(OTEL_BSP_SCHEDULE_DELAY="1") as deployment:
        for _ in range(3):
            assert (await deployment.send())["result"]
        async with asyncio.timeout(30):
            await collector.arrived.wait()


# Whether at all


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": ""},
        {"OTEL_SERVICE_NAME": "x", "OTEL_EXPORTER_OTLP_HEADERS": "a=b"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_SDK_DISABLED": "true"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_TRACES_EXPORTER": "none"},
    ],
)
async def test_nothing_is_traced_unless_somebody_asks(
    environ: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    async with instrumentation.traced(environ) as tracer:
        assert tracer is None
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("environ", "why"),
    [
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "OTEL_TRACES_EXPORTER=zipkin is not known here; use otlp"),
        (
            {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            "the OTLP protocol grpc is not spoken here; use http/protobuf",
        ),
    ],
)
async def test_what_cannot_be_done_is_told_and_the_gateway_works(
    environ: dict[str, str], why: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with instrumentation.traced(environ) as tracer:
        assert tracer is None
    assert f"no traces are sent: {why}" in caplog.text


async def test_a_missing_extra_is_told(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.delitem(sys.modules, "esb.telemetry.tracing", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.context", None)
    async with instrumentation.traced({"OTEL_TRACES_EXPORTER": "otlp"}) as tracer:
        assert tracer is None
    assert "pip install 'esb-gateway[otel]'" in caplog.text


@pytest.mark.parametrize("exporter", ["", "otlp"])
async def test_an_endpoint_or_an_exporter_asks_for_traces(exporter: str, monkeypatch: pytest.MonkeyPatch) -> None:
    environ = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:9/v1/traces", "OTEL_TRACES_EXPORTER": exporter}
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    async with instrumentation.traced(environ) as tracer:
        assert isinstance(tracer, Tracing)


def test_a_span_that_fails_does_not_fail_the_call(caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        headers: dict[str, str] = {}  # noqa: RUF012 - never changed

        def end(self, event: object) -> None:
            raise OSError("no space left on device")

    told: list[Any] = []
    event = CallFinished("0" * 32, "POST", "/", "a", "b", "", "", "", 0, 200, 0.1, "")
    Observer([told.append]).end(event, Broken())
    assert told == [event]
    assert "a span failed" in caplog.text


def test_the_library_is_loaded_by_nobody_who_does_not_trace() -> None:
    script = (
        "import asyncio, sys; from esb.server import instrumentation\n"
        "async def main():\n"
        "    async with instrumentation.traced({}):\n"
        "        print([name for name in sys.modules if name.startswith('opentel')])\n"
        "asyncio.run(main())"
    )
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "[]\n"
