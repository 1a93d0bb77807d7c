"""The texts of WeChat's refusals. The same code means different things on its platforms, so there are two tables."""

from typing import Any

from esb.sandbox.state import State
from esb.sandbox.wire import Code, Refusal

OFFICIAL_ACCOUNT: dict[Code, str] = {
    -1: "system error",
    40001: "invalid credential, access_token is invalid or not latest, could get access_token by getStableAccessToken, "
    "more details at https://mmbizurl.cn/s/JtxxFh33r",
    40002: "invalid grant_type",
    40003: "invalid openid",
    40008: "invalid message type",
    40013: "invalid appid",
    40014: "invalid access_token",
    40036: "invalid template_id size",
    40037: "invalid template_id",
    40125: "invalid appsecret, view more at http://t.cn/RAEkdVq",
    40243: "AppSecret is frozen",
    41001: "access_token missing",
    41002: "appid missing",
    41004: "appsecret missing",
    42001: "access_token expired",
    43002: "require POST method",
    43004: "require subscribe",
    43019: "require remove blacklist",
    43101: "user refuse to accept the msg",
    43116: "This template_id is banned",
    44002: "empty post data",
    44004: "empty content",
    45002: "content size out of limit",
    45009: "reach max api daily quota limit",
    45011: "api minute-quota reach limit must slower retry next minute",
    45015: "response out of time limit or subscription is canceled",
    45047: "out of response count limit",
    47001: "data format error",
    48002: "user block receive message",
    48006: "forbid to clear quota because of reaching the limit",
    50002: "user limited",
    76021: "cgi_path not found, please check",
}

WECOM: dict[Code, str] = {
    -1: "system busy",
    40001: "invalid credential",
    40004: "invalid media type",
    40006: "invalid media size",
    40007: "invalid media_id",
    40008: "invalid message type",
    40009: "invalid image size",
    40013: "invalid corpid",
    40014: "invalid access_token",
    40032: "invalid userid list length",
    40056: "invalid agentid",
    40058: "invalid Request Parameter",
    40063: "invalid msgid",
    41001: "access_token missing",
    41004: "corpsecret missing",
    41005: "media data missing",
    41011: "agentid missing",
    42001: "access_token expired",
    44004: "empty content",
    45001: "media size out of limit",
    45002: "content size out of limit",
    45008: "article size out of limit",
    45009: "api freq out of limit",
    45033: "api concurrent out of limit",
    46004: "user not exist",
    50003: "app is disabled",
    60011: "no privilege to access/modify contact/party/agent",
    60020: "not allow to access from your ip",
    60111: "userid not found",
    81013: "user & party & tag all invalid",
    82001: "All touser & toparty & totag are empty",
    82002: "too many parties",
    82003: "too many tags",
    86001: "invalid chatid",
    86003: "chatid not exist",
    93000: "invalid webhook url",
    93004: "robot is disabled",
    301002: "not allow operate another agent with this accesstoken",
    301019: "media md5 not match",
}
UNKNOWN = "system error"


def official_account(state: State, refusal: Refusal, remote: str) -> dict[str, Any]:
    """Return wording with ` rid: …` behind it, or ` hint: […]` as in answers before 2020, as `mp.errmsg_tail` says."""
    wording = refusal.wording or OFFICIAL_ACCOUNT.get(refusal.errcode, UNKNOWN)
    return {"errcode": refusal.errcode, "errmsg": wording + _tail(state), **refusal.fields}


def wecom(state: State, refusal: Refusal, remote: str) -> dict[str, Any]:
    """Return wording, then hint, caller's address and link. Real answers with 40014 come without the hint."""
    wording = refusal.wording or WECOM.get(refusal.errcode, UNKNOWN)
    if refusal.errcode != 40014:
        wording += f", hint: [{int(state.now()):010d}{state.random.randrange(10**12):012d}]"
    link = f"https://open.work.weixin.qq.com/devtool/query?e={refusal.errcode}"
    return {
        "errcode": refusal.errcode,
        "errmsg": f"{wording}, from ip: {remote}, more info at {link}",
        **refusal.fields,
    }


def _tail(state: State) -> str:
    first, second = state.random.getrandbits(32), state.random.getrandbits(32)
    match state.knobs.mp_errmsg_tail:
        case "rid":
            return f" rid: {int(state.now()):08x}-{first:08x}-{second:08x}"
        case "hint":
            return f" hint: [{first:08x}]"
        case _:
            return ""
