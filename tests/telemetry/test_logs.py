"""The log: a line for each event, JSON or readable, and no line that is not its own."""

import asyncio
import io
import json
import re
import time
from datetime import datetime
from typing import Any

import pytest

from esb.core.events import (
    AuthenticationLimited,
    CallFinished,
    Crashed,
    Event,
    GateClosed,
    LimitReached,
    Reloaded,
    StoreTurned,
    TokenFetched,
    UpstreamFinished,
)
from esb.core.process_events import DatabaseTurned, LastGoodNotKept, LastGoodServed, LogLinesDropped
from esb.outgoing.host_bulkheads import host_of
from esb.telemetry import logs
from tests.support.gateway import Gateway, Sandbox

ID = "0123456789abcdef" * 2


def call(**changes: Any) -> CallFinished:
    values: dict[str, Any] = {
        "id": ID,
        "method": "POST",
        "path": "/cmsi/send_weixin/",
        "system": "cmsi",
        "component": "send_weixin",
        "app": "shop",
        "user": "anna",
        "user_source": "bk_token",
        "code": 0,
        "status": 200,
        "seconds": 0.01234,
        "client_ip": "10.0.0.1",
    }
    return CallFinished(**{**values, **changes})


UPSTREAM = UpstreamFinished(ID, "WEIXIN_QY", "message/send", 200, 0, "", 0.5)
REFUSED = UpstreamFinished(ID, "WEIXIN_QY", "message/send", 200, 40003, "", 0.5, "receiver")
HELD = UpstreamFinished(ID, "WEIXIN", "message/send", 200, 40252, "", 0.5, "held")
UNREACHABLE = "the connection could not be established"
FAILED = UpstreamFinished(ID, "WEIXIN_QY", "message/send", None, None, UNREACHABLE, 0.5, "network")
TOKEN = TokenFetched("qy", "ww1", "fetched", 0.25)
CRASH = Crashed(ID, "/api/c/compapi/a/b/", "KeyError", ("a.py:1 handle", "b.py:2 inner"))


def written(*events: Event, environ: dict[str, str] | None = None) -> str:
    stream = io.StringIO()
    log = logs.listener({"ESB_LOG": "text"} if environ is None else environ, stream)
    for event in events:
        log(event)
    return stream.getvalue()


def as_json(event: Event) -> dict[str, Any]:
    line = written(event, environ={"ESB_LOG": "json"})
    assert line.endswith("\n")
    assert line.count("\n") == 1
    parsed: dict[str, Any] = json.loads(line)
    assert parsed.pop("timestamp").endswith("Z")
    return parsed


def test_a_call_is_one_line_of_json() -> None:
    assert as_json(call()) == {
        "event": "call",
        "level": "info",
        "request_id": ID,
        "method": "POST",
        "path": "/cmsi/send_weixin/",
        "system": "cmsi",
        "component": "send_weixin",
        "app": "shop",
        "user": "anna",
        "user_source": "bk_token",
        "code": 0,
        "status": 200,
        "ms": 12.3,
        "client_ip": "10.0.0.1",
    }


def test_a_call_in_trouble_says_where_the_trouble_came_from() -> None:
    assert as_json(call(code=1306201, source="upstream"))["source"] == "upstream"
    assert "source=caller" in written(call(code=1306000, source="caller"))
    assert "source" not in written(call()).replace("user_source", "")


@pytest.mark.parametrize(("event", "level"), [(UPSTREAM, "info"), (HELD, "info"), (REFUSED, "warning")])
def test_an_upstream_call_has_its_class_and_is_a_warning_when_it_was_refused(
    event: UpstreamFinished, level: str
) -> None:
    line = as_json(event)
    assert (line["class"], line["level"]) == (event.kind, level)
    text = written(event)
    assert f" [{level} " in text
    assert f" class={event.kind} " in text


def test_an_upstream_call_is_one_line_of_json_and_a_warning_when_it_failed() -> None:
    line = as_json(UPSTREAM)
    assert (line["event"], line["level"], line["request_id"]) == ("upstream call", "info", ID)
    assert (line["system"], line["interface"], line["status"], line["errcode"], line["ms"]) == (
        "WEIXIN_QY",
        "message/send",
        200,
        0,
        500.0,
    )
    assert "failure" not in line
    line = as_json(FAILED)
    assert (line["level"], line["class"], line["status"], line["failure"]) == ("warning", "network", None, UNREACHABLE)


def test_a_token_that_was_fetched_is_told_by_its_account() -> None:
    line = as_json(TOKEN)
    assert (line["platform"], line["account"], line["outcome"], line["ms"]) == ("qy", "ww1", "fetched", 250.0)


@pytest.mark.parametrize("outcome", ["refused", "failed"])
def test_a_token_that_did_not_come_is_a_warning_with_cause_and_remedy(outcome: str) -> None:
    line = as_json(TokenFetched("qy", "ww1", outcome, 0.25, 40001, "invalid credential", "Check the secret."))
    assert (line["event"], line["level"], line["outcome"]) == ("access token", "warning", outcome)
    assert (line["errcode"], line["errmsg"], line["hint"]) == (40001, "invalid credential", "Check the secret.")


@pytest.mark.parametrize(
    ("action", "outcome", "errcode"),
    [
        ({"errcode": 40001, "errmsg": "invalid credential"}, "refused", 40001),
        ({"errcode": 45009, "errmsg": "reach max api daily quota limit"}, "failed", 45009),
        ({"status": 500}, "failed", None),
    ],
)
async def test_a_failing_token_fetch_says_why(
    gateway: Gateway, sandbox: Sandbox, action: dict[str, Any], outcome: str, errcode: int | None
) -> None:
    await sandbox.post("faults", {"match": {"path": "/cgi-bin/gettoken"}, "action": action, "times": 0})
    await gateway.send()
    fetched = [event for event in gateway.events if isinstance(event, TokenFetched)]
    assert [(event.outcome, event.errcode) for event in fetched] == [(outcome, errcode)]
    assert action.get("errmsg", "500") in fetched[0].errmsg
    assert bool(fetched[0].hint) is (errcode is not None)
    assert "corp-secret" not in repr(fetched)


async def test_an_upstream_call_tells_its_host_and_which_try_it_is(gateway: Gateway, sandbox: Sandbox) -> None:
    busy = {"match": {"path": "/cgi-bin/message/send"}, "action": {"errcode": -1}, "times": 2}
    await sandbox.post("faults", busy)
    await gateway.send()
    calls = [event for event in gateway.events if isinstance(event, UpstreamFinished)]
    assert [(event.interface, event.attempt) for event in calls] == [
        ("get_token", 1),
        ("send_message", 1),
        ("send_message", 2),
        ("send_message", 3),
    ]
    assert {event.host for event in calls} == {sandbox.url.removeprefix("http://")}


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://a.example.com/b?c=https://d/", "a.example.com"),
        ("http://user:hunter2@a.example.com:81/", "a.example.com:81"),
        ("http://a.example.com?key=hunter2", "a.example.com"),
        ("http://[::1]:80#x", "[::1]:80"),
        ("/a/b", ""),
    ],
)
def test_a_host_is_told_without_path_query_and_password(url: str, host: str) -> None:
    assert host_of(url) == host


def test_a_quota_that_is_used_up_is_a_warning_with_its_account() -> None:
    line = as_json(GateClosed("mp", "wx1", 45009, 60.0))
    assert (line["event"], line["level"], line["platform"], line["account"]) == (
        "quota gate closed",
        "warning",
        "mp",
        "wx1",
    )
    assert (line["errcode"], line["seconds"]) == (45009, 60.0)


def test_who_fails_to_prove_an_app_too_often_is_a_warning_with_the_address() -> None:
    line = as_json(AuthenticationLimited("198.51.100.1", "esb_\ud800", 45.04))
    assert (line["event"], line["level"]) == ("authentications limited", "warning")
    assert (line["client_ip"], line["claimed_app"], line["seconds"]) == ("198.51.100.1", "esb_?", 45.0)


def test_a_store_that_goes_is_an_error_and_that_it_is_back_is_told() -> None:
    gone, back = as_json(StoreTurned("it is full")), as_json(StoreTurned(""))
    assert (gone["event"], gone["level"], gone["reason"]) == ("store away", "error", "it is full")
    assert (back["event"], back["level"]) == ("store connected", "info")


def test_a_database_that_goes_is_an_error_and_that_it_is_back_is_told() -> None:
    gone, back = as_json(DatabaseTurned("it is full")), as_json(DatabaseTurned(""))
    assert (gone["event"], gone["level"], gone["reason"]) == ("database away", "error", "it is full")
    assert (back["event"], back["level"]) == ("database connected", "info")


def test_a_limit_that_is_reached_is_told_by_its_name() -> None:
    line = as_json(LimitReached("heads", 3))
    assert line == {"event": "limit reached", "level": "warning", "reason": "heads", "refused": 3}


def test_dropped_lines_are_told_by_their_number() -> None:
    line = as_json(LogLinesDropped(12))
    assert line == {"event": "log lines dropped", "level": "error", "lines": 12}


def test_a_crash_is_an_error_with_its_frames() -> None:
    line = as_json(CRASH)
    assert (line["level"], line["request_id"], line["error"]) == ("error", ID, "KeyError")
    assert line["where"] == ["a.py:1 handle", "b.py:2 inner"]


@pytest.mark.parametrize("event", [call(), UPSTREAM, FAILED, TOKEN, CRASH])
def test_every_event_is_one_readable_line_too(event: Event) -> None:
    line = written(event)
    assert line.count("\n") == 1
    assert "\x1b" not in line  # colours are for terminals
    assert as_json(event)["event"] in line


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    "event",
    [
        call(),
        call(app="", user="o'neil = \x1b[2J", code="E\t1"),
        UPSTREAM,
        FAILED,
        TOKEN,
        CRASH,
        Reloaded(2, ("a", "b"), 1),
        LastGoodServed("/kept", ("a", "b")),
        LastGoodNotKept("/kept", "No space left on device"),
    ],
)
def test_a_terminal_gets_the_same_line_in_colours(event: Event) -> None:
    stream = Terminal()
    logs.listener({}, stream)(event)
    coloured = stream.getvalue()
    assert "\x1b[" in coloured
    _, _, line = written(event).partition(" ")
    _, _, shown = re.sub(r"\x1b\[[0-9]*m", "", coloured).partition(" ")
    assert shown == line


def test_a_readable_line_has_its_time() -> None:
    stamp, _, _ = written(call()).partition(" ")
    assert abs(datetime.fromisoformat(stamp).timestamp() - time.time()) < 60


FORGED = "eve\n2026-01-01T00:00:00Z [info     ] call           code=0 user=root\x1b[2J\r\u2028\x85"


@pytest.mark.parametrize("environ", [{"ESB_LOG": "text"}, {"ESB_LOG": "json"}])
def test_a_name_that_a_caller_chose_writes_no_line_of_its_own(environ: dict[str, str]) -> None:
    line = written(call(user=FORGED), environ=environ)
    assert line.index("\n") == len(line) - 1
    assert "\x1b" not in line
    assert "\r" not in line


def test_the_readable_form_keeps_control_characters_out_of_terminals() -> None:
    line = written(TokenFetched("qy", "公司\n\x1b[2Jforged", "fetched", 0.1))
    assert line.count("\n") == 1
    assert "\x1b" not in line
    assert "公司" in line


@pytest.mark.parametrize("environ", [{"ESB_LOG": "text"}, {"ESB_LOG": "json"}])
def test_a_name_without_end_is_cut(environ: dict[str, str]) -> None:
    assert len(written(call(user="x" * 1_000_000), environ=environ)) < 1000


@pytest.mark.parametrize("environ", [{"ESB_LOG": "text"}, {"ESB_LOG": "json"}])
def test_whatever_a_path_holds_can_be_written(environ: dict[str, str]) -> None:
    line = written(Crashed(ID, "/a/\udcff\n/", "KeyError", ()), environ=environ)
    line.encode()
    assert len(line.splitlines()) == 1


def test_names_of_every_language_are_readable() -> None:
    assert "张三" in written(call(user="张三"))
    assert "张三" in written(call(user="张三"), environ={"ESB_LOG": "json"})


@pytest.mark.parametrize("environ", [{"ESB_LOG": "text"}, {"ESB_LOG": "json"}])
async def test_a_whole_sending_leaves_no_value_and_no_secret_in_the_log(
    gateway: Gateway, sandbox: Sandbox, environ: dict[str, str]
) -> None:
    await gateway.send("zhangsan", data={"heading": "hunter-heading", "message": "hunter-message"})
    await gateway.send("zhangsan", wx_qy_corpsecret="hunter-secret", wx_qy_agentid=1000002)
    await gateway.send("hunter-receiver")
    await gateway.call(bk_app_secret="hunter-app")
    await gateway.call(auth={"bk_app_code": "esb_demo", "bk_app_secret": "demo-secret", "bk_token": "hunter-token"})
    text = written(*gateway.events, environ=environ)
    assert text.count("upstream call") >= 3
    for secret in ("hunter", "demo-secret", "corp-secret", "access_token=", "http://"):
        assert secret not in text


async def test_one_call_is_one_line_and_one_for_each_upstream(gateway: Gateway) -> None:
    answer = await gateway.send()
    lines = [json.loads(written(event, environ={"ESB_LOG": "json"})) for event in gateway.events]
    assert [line["event"] for line in lines] == ["upstream call", "access token", "upstream call", "call"]
    told = [line["request_id"] for line in lines if "request_id" in line]
    assert told == [answer["request_id"]] * 3


async def test_a_refused_call_names_nobody_who_was_not_verified(gateway: Gateway) -> None:
    await gateway.call(auth={"bk_app_code": "esb_demo", "bk_app_secret": "wrong", "bk_username": "admin"})
    (event,) = [event for event in gateway.events if isinstance(event, CallFinished)]
    assert (event.app, event.user, event.code) == ("", "", 1306000)


async def test_the_lines_of_one_turn_of_the_loop_are_written_together() -> None:
    writes: list[str] = []

    class Stream(io.StringIO):
        def write(self, text: str) -> int:
            writes.append(text)
            return len(text)

    log = logs.listener({"ESB_LOG": "json"}, Stream(), at_once=False)
    log(call())
    log(TOKEN)
    assert writes == []
    await asyncio.sleep(0)
    assert [text.count("\n") for text in writes] == [2]
