"""Group robots of WeCom (webhook/send): no token, the key in the URL is the credential; nothing is deduplicated."""

from collections.abc import Mapping
from typing import Any

from esb.sandbox import wecom_content
from esb.sandbox.inbox import Reply
from esb.sandbox.state import State
from esb.sandbox.wecom import WARNING, json_object
from esb.sandbox.wire import Call, Refusal

MENTIONS = ("mentioned_list", "mentioned_mobile_list")


def webhook_send(state: State, call: Call) -> Reply:
    """POST /cgi-bin/webhook/send?key=."""
    robot = state.robots.get(call.query.get("key", ""))
    if robot is None:
        raise Refusal(93000)
    if not robot.enabled:
        raise Refusal(93004)
    body = json_object(call)
    errmsg, delivered, text = "ok", [robot.key], ""
    try:
        text = wecom_content.robot_text(body, state.knobs)
    except wecom_content.NotUnderstood:
        errmsg, delivered = WARNING, []
    now, per_minute = state.now(), state.knobs.robot_per_minute
    if per_minute and robot.minute.count(now) >= per_minute:
        raise Refusal(45009)
    if per_minute:
        robot.minute.add(now)
    message = state.inbox.add(call, now, "robot", robot.key, text, delivered)
    message.reply = {"errcode": 0, "errmsg": WARNING if _misread(body) else errmsg}
    return dict(message.reply), message


def _misread(body: Mapping[str, Any]) -> bool:
    text = body.get("text")
    return isinstance(text, dict) and any(not isinstance(text.get(key, []), list) for key in MENTIONS)
