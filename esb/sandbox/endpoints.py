"""The endpoints by their paths, and the way from a call to a complete answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from esb.sandbox import account_queries, error_texts, official_account, robot, tencent, wecom
from esb.sandbox.faults import Subject
from esb.sandbox.inbox import Message, Reply
from esb.sandbox.state import State
from esb.sandbox.wire import Answer, Call, Code, Refusal, encode, headers

MP_HEADERS = headers(Content_Type="application/json; encoding=utf-8")
QY_CONTENT_TYPE = "application/json; charset=UTF-8"
QY_HEADERS = headers(Server="nginx", Content_Type=QY_CONTENT_TYPE, error_code="0", error_msg="ok")
TENCENT_HEADERS = headers(Server="nginx", Content_Type="application/json")
NOT_FOUND = Answer(404, headers(), b"")


@dataclass(frozen=True, slots=True)
class Platform:
    """One of the platforms: the body of its refusals, the headers of its answers, and the code in the body of one.

    `verbatim` is the body of a refusal with words that somebody chose.
    """

    refuse: Callable[[State, Refusal, str], dict[str, Any]]
    headers: Callable[[dict[str, Any]], Mapping[str, str]]
    verbatim: Callable[[State, Refusal, str], dict[str, Any]]
    code: Callable[[dict[str, Any]], Code]


def _mp_headers(reply: dict[str, Any]) -> Mapping[str, str]:
    return MP_HEADERS


def _qy_headers(reply: dict[str, Any]) -> Mapping[str, str]:
    if reply["errmsg"] == "ok":
        return QY_HEADERS
    message = reply["errmsg"].encode("ascii", "replace").decode().replace("\r", " ").replace("\n", " ")
    return headers(Server="nginx", Content_Type=QY_CONTENT_TYPE, error_code=str(reply["errcode"]), error_msg=message)


def _tencent_headers(reply: dict[str, Any]) -> Mapping[str, str]:
    return TENCENT_HEADERS


def _wechat_verbatim(state: State, refusal: Refusal, remote: str) -> dict[str, Any]:
    return {"errcode": refusal.errcode, "errmsg": refusal.wording}


def _wechat_code(reply: dict[str, Any]) -> Code:
    code: int = reply.get("errcode", 0)
    return code


MP = Platform(error_texts.official_account, _mp_headers, _wechat_verbatim, _wechat_code)
QY = Platform(error_texts.wecom, _qy_headers, _wechat_verbatim, _wechat_code)
TENCENT = Platform(tencent.refuse, _tencent_headers, tencent.refuse, tencent.code_of)

ENDPOINTS: dict[str, tuple[Platform, Callable[[State, Call], Reply]]] = {
    "/cgi-bin/token": (MP, official_account.token),
    "/cgi-bin/stable_token": (MP, official_account.stable_token),
    "/cgi-bin/message/template/send": (MP, official_account.template_send),
    "/cgi-bin/message/subscribe/bizsend": (MP, official_account.subscribe_bizsend),
    "/cgi-bin/message/custom/send": (MP, official_account.custom_send),
    "/cgi-bin/clear_quota": (MP, official_account.clear_quota),
    "/cgi-bin/template/get_all_private_template": (MP, account_queries.private_templates),
    "/cgi-bin/openapi/quota/get": (MP, account_queries.quota),
    "/cgi-bin/gettoken": (QY, wecom.gettoken),
    "/cgi-bin/message/send": (QY, wecom.message_send),
    "/cgi-bin/message/recall": (QY, wecom.message_recall),
    "/cgi-bin/appchat/send": (QY, wecom.appchat_send),
    "/cgi-bin/media/upload": (QY, wecom.media_upload),
    "/cgi-bin/agent/get": (QY, wecom.agent_get),
    "/cgi-bin/user/get": (QY, wecom.user_get),
    "/cgi-bin/user/getuserid": (QY, wecom.getuserid),
    "/cgi-bin/user/get_userid_by_email": (QY, wecom.get_userid_by_email),
    "/cgi-bin/webhook/send": (QY, robot.webhook_send),
    tencent.SEND_SMS: (TENCENT, tencent.send_sms),
    tencent.SEND_VOICE: (TENCENT, tencent.send_voice),
}
UNKNOWN_ACTION = (TENCENT, tencent.unknown_action)


def name_of(method: str, path: str, given: Mapping[str, str]) -> str:
    """Return the name of the endpoint that a request with these headers asks for: its path, or Tencent's action."""
    return tencent.action_of(method, path, given) or path


def answer(state: State, call: Call) -> tuple[Answer, Message | None]:
    """Return the platform's answer, and the message if it took one."""
    found = _found(call)
    if found is None:
        return NOT_FOUND, None
    platform, respond = found
    try:
        reply, message = respond(state, call)
    except Refusal as refusal:
        return _answer(platform, platform.refuse(state, refusal, call.remote)), None
    return _answer(platform, reply), message


def refused(state: State, call: Call, refusal: Refusal) -> tuple[Answer, dict[str, Any]]:
    """Return an answer with the refusal's errcode and its body, in the form of the platform that has this path."""
    platform, _ = _found(call) or (MP, None)
    refuse = platform.refuse if refusal.wording is None else platform.verbatim
    reply = refuse(state, refusal, call.remote)
    return _answer(platform, reply), reply


def subject(state: State, call: Call) -> Subject:
    """Return for whom a call speaks, and to whom, as rules of faults match it."""
    numbers = tencent.numbers_of(call)
    return Subject(app_of(state, call), "|".join(numbers) if numbers else call.fields.get("touser"))


def app_of(state: State, call: Call) -> str | None:
    """Return the app that a call speaks for, by its token, key or credential; None if none of them names one."""
    if not call.path.startswith("/"):
        return tencent.app_of(call)
    if token := state.tokens.get(call.query.get("access_token", "")):
        return token.owner.name
    if (key := call.query.get("key")) in state.robots:
        return key
    if corporation := state.qy.get(call.query.get("corpid", "")):
        secret = call.query.get("corpsecret")
        return next((app.name for app in corporation.apps.values() if app.secret == secret), None)
    appid = call.query.get("appid") or call.fields.get("appid")
    return appid if isinstance(appid, str) and appid in state.mp else None


def _answer(platform: Platform, reply: dict[str, Any]) -> Answer:
    return Answer(200, platform.headers(reply), encode(reply), platform.code(reply))


def _found(call: Call) -> tuple[Platform, Callable[[State, Call], Reply]] | None:
    return ENDPOINTS.get(call.path, None if call.path.startswith("/") else UNKNOWN_ACTION)
