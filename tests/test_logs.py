"""The log: what a line holds, in both forms."""

import io
import json

from esb.logs import listener
from esb.observe import CallFinished, Crashed, TokenFetched, UpstreamFinished

CALL = CallFinished(
    id="0" * 32,
    method="POST",
    path="/cmsi/send_weixin/",
    system="cmsi",
    component="send_weixin",
    app="esb_demo",
    user="admin",
    user_source="bk_token",
    code=0,
    status=200,
    seconds=0.01234,
    client_ip="127.0.0.1",
)


def test_a_call_is_one_json_line_with_who_what_and_how_long() -> None:
    stream = io.StringIO()

    listener({"ESB_LOG": "json"}, stream)(CALL)

    line = json.loads(stream.getvalue())
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "call",
        "level": "info",
        "request_id": "0" * 32,
        "method": "POST",
        "path": "/cmsi/send_weixin/",
        "system": "cmsi",
        "component": "send_weixin",
        "app": "esb_demo",
        "user": "admin",
        "user_source": "bk_token",
        "code": 0,
        "status": 200,
        "ms": 12.3,
        "client_ip": "127.0.0.1",
    }


def test_an_upstream_call_that_failed_is_a_warning_with_its_reason() -> None:
    stream = io.StringIO()
    log = listener({"ESB_LOG": "json"}, stream)

    log(UpstreamFinished("id", "weixin_qy", "send_message", 200, 0, "", 0.001))
    log(UpstreamFinished("id", "weixin_qy", "send_message", None, None, "the connection could not be established", 1))

    fine, failed = map(json.loads, stream.getvalue().splitlines())
    assert (fine["level"], fine["errcode"]) == ("info", 0)
    assert "failure" not in fine
    assert (failed["level"], failed["failure"]) == ("warning", "the connection could not be established")


def test_a_crash_is_an_error_with_its_frames() -> None:
    stream = io.StringIO()

    listener({"ESB_LOG": "json"}, stream)(Crashed("id", "/x/", "ZeroDivisionError", ("plugin.py:3 handle",)))

    line = json.loads(stream.getvalue())
    assert (line["level"], line["error"], line["where"]) == ("error", "ZeroDivisionError", ["plugin.py:3 handle"])


def test_the_readable_form_keeps_control_characters_out_of_terminals() -> None:
    stream = io.StringIO()

    listener({}, stream)(TokenFetched("qy", "公司\n\x1b[2Jforged", "fetched", 0.1))

    assert stream.getvalue().count("\n") == 1
    assert "\x1b" not in stream.getvalue()
    assert "公司" in stream.getvalue()
