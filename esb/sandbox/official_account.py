"""The official account's API (api.weixin.qq.com): tokens, template, subscription and customer-service messages."""

import hmac
from collections.abc import Mapping
from typing import Any

from esb.sandbox import template_data, tokens
from esb.sandbox.inbox import Message, Reply
from esb.sandbox.state import Follower, OfficialAccount, State, Token
from esb.sandbox.wire import Call, Refusal

MSGID_BASE = 3_662_956_322_040_938_501  # above 2**53 like real ones, so that a client which rounds them is found out
DEDUPE_S = 600
SERVICE_BYTES = 2048
SERVICE_TYPES = {
    "text": "content",
    "image": "media_id",
    "voice": "media_id",
    "video": "media_id",
    "music": "musicurl",
    "news": "articles",
    "mpnews": "media_id",
    "mpnewsarticle": "article_id",
    "msgmenu": "list",
    "wxcard": "card_id",
    "miniprogrampage": "pagepath",
}


def token(state: State, call: Call) -> Reply:
    """GET /cgi-bin/token."""
    account = _credential(state, call.query, call.remote)
    _daily(state, account, call.path, state.knobs.mp_token_per_day)
    return _issued(state, account, tokens.plain(state, account)), None


def stable_token(state: State, call: Call) -> Reply:
    """POST /cgi-bin/stable_token."""
    request = _body(call)
    account = _credential(state, request, call.remote)
    _daily(state, account, call.path, state.knobs.mp_token_per_day)
    return _issued(state, account, tokens.stable(state, account, force=request.get("force_refresh") is True)), None


def template_send(state: State, call: Call) -> Reply:
    """POST /cgi-bin/message/template/send; the same client_msg_id to the same openid goes out once in 10 minutes."""
    account, request = opened(state, call)
    follower = _follower(account, request)
    data = _template(account, request)
    _quota(state, account, "template", state.knobs.mp_template_per_day)
    now, client_msg_id = state.now(), request.get("client_msg_id")
    key = (follower.openid, client_msg_id)
    first = account.recent.find(key, now) if client_msg_id else None
    if first:
        return _duplicate(state, call, account, first)
    message = _delivered(state, call, account, follower, _template_text(state, data))
    _count(state, account, "template")
    if client_msg_id:
        account.recent.remember(key, message, now + DEDUPE_S)
    msgid = MSGID_BASE + next(state.serial)
    message.reply = {"errcode": 0, "errmsg": "ok", "msgid": msgid}
    state.tell(account, follower, msgid)
    return dict(message.reply), message


def subscribe_bizsend(state: State, call: Call) -> Reply:
    """POST /cgi-bin/message/subscribe/bizsend; one grant of the user's is used up by each message."""
    account, request = opened(state, call)
    follower = _follower(account, request)
    template_id = str(request.get("template_id", ""))
    if follower.grants is not None and not follower.grants.get(template_id):
        raise Refusal(43101)
    data = _template(account, request)
    _quota(state, account, "subscribe", 0)
    if follower.grants is not None:
        follower.grants[template_id] -= 1
    _count(state, account, "subscribe")
    message = _delivered(state, call, account, follower, _template_text(state, data))
    message.reply = {"errcode": 0, "errmsg": "ok"}
    return dict(message.reply), message


def custom_send(state: State, call: Call) -> Reply:
    """POST /cgi-bin/message/custom/send; needs the user's service window open, and has no deduplication."""
    account, request = opened(state, call)
    follower = _follower(account, request)
    _service_window(state, follower)
    text = _service_text(request)
    _quota(state, account, "custom", state.knobs.mp_custom_per_day)
    if follower.service_messages is not None:
        follower.service_messages -= 1
    _count(state, account, "custom")
    message = _delivered(state, call, account, follower, text)
    message.reply = {"errcode": 0, "errmsg": "ok"}
    return dict(message.reply), message


def clear_quota(state: State, call: Call) -> Reply:
    """POST /cgi-bin/clear_quota: all daily counters start anew; itself limited by `mp.clear_quota_per_month`."""
    account, request = opened(state, call)
    if request.get("appid") != account.appid:
        raise Refusal(40013)
    limit = state.knobs.mp_clear_quota_per_month
    if limit and account.cleared.count(state.now()) >= limit:
        raise Refusal(48006)
    account.cleared.add(state.now())
    account.today.clear()
    return {"errcode": 0, "errmsg": "ok"}, None


def _credential(state: State, request: Mapping[str, Any], remote: str) -> OfficialAccount:
    """Return the account whose appid and secret are right, checked in the order that real answers reveal."""
    appid, secret = request.get("appid"), request.get("secret")
    account = state.mp.get(str(appid))
    if account and account.ip_whitelist and remote not in account.ip_whitelist:
        raise Refusal(40164, f"invalid ip {remote} ipv6 ::ffff:{remote}, not in whitelist")
    if account is None:
        raise Refusal(41002 if appid is None else 40013)
    if request.get("grant_type") != "client_credential":
        raise Refusal(40002)
    if secret is None:
        raise Refusal(41004)
    if not hmac.compare_digest(str(secret).encode(), account.secret.encode()):
        raise Refusal(40125)
    if account.frozen:
        raise Refusal(40243)
    return account


def _issued(state: State, account: OfficialAccount, token: Token) -> dict[str, Any]:
    state.tokens_issued[account.name] += 1
    return {"access_token": token.value, "expires_in": round(token.expires_at - state.now())}


def opened(state: State, call: Call) -> tuple[OfficialAccount, Mapping[str, Any]]:
    """Check what every call with a token needs (method, token, body), and return the account and the body."""
    if call.method != "POST":
        raise Refusal(43002)
    account = tokens.official_account(state, call.query.get("access_token"))
    if not call.body:
        raise Refusal(44002)
    return account, _body(call)


def _body(call: Call) -> Mapping[str, Any]:
    if call.method != "POST":
        raise Refusal(43002)
    if not isinstance(_json(call), dict):
        raise Refusal(47001)
    return call.fields


def _json(call: Call) -> object:
    try:
        return call.document
    except ValueError:
        raise Refusal(47001) from None


def _follower(account: OfficialAccount, request: Mapping[str, Any]) -> Follower:
    touser = request.get("touser")
    follower = account.openids.get(touser) if isinstance(touser, str) else None
    if follower is None:
        raise Refusal(40003)
    if not follower.subscribed:
        raise Refusal(43004)
    if follower.blacklisted:
        raise Refusal(43019)
    if follower.rejects:
        raise Refusal(48002)
    return follower


def _template(account: OfficialAccount, request: Mapping[str, Any]) -> Mapping[str, Any]:
    template_id = request.get("template_id")
    if not template_id or not isinstance(template_id, str):
        raise Refusal(40036)
    if template_id in account.banned_templates:
        raise Refusal(43116)
    if template_id not in account.templates:
        raise Refusal(40037)
    return template_data.check(request.get("data"), account.templates[template_id])


def _template_text(state: State, data: Mapping[str, Any]) -> str:
    return template_data.shown_text(data) if state.knobs.mp_template_text == "shown" else template_data.full_text(data)


def _service_window(state: State, follower: Follower) -> None:
    if follower.service_window_s is not None and state.now() >= state.seeded_at + follower.service_window_s:
        raise Refusal(45015)
    if follower.service_messages == 0:
        raise Refusal(45047)


def _service_text(request: Mapping[str, Any]) -> str:
    kind = request.get("msgtype")
    if kind not in SERVICE_TYPES:
        raise Refusal(40008)
    payload = request.get(kind)
    content = payload.get(SERVICE_TYPES[kind]) if isinstance(payload, dict) else None
    if not content:
        raise Refusal(44004)
    if kind == "text" and len(str(content).encode()) > SERVICE_BYTES:
        raise Refusal(45002)
    return content if isinstance(content, str) else ""


def _daily(state: State, account: OfficialAccount, name: str, limit: int) -> None:
    if limit and account.today[name].today(state.now()) >= limit:
        raise Refusal(45009)
    account.today[name].add(state.now())


def _quota(state: State, account: OfficialAccount, name: str, limit: int) -> None:
    now, per_minute = state.now(), state.knobs.mp_per_minute
    if limit and account.today[name].today(now) >= limit:
        raise Refusal(45009)
    if per_minute and account.minute.count(now) >= per_minute:
        raise Refusal(45011)


def _count(state: State, account: OfficialAccount, name: str) -> None:
    account.today[name].add(state.now())
    if state.knobs.mp_per_minute:
        account.minute.add(state.now())


def _delivered(state: State, call: Call, account: OfficialAccount, follower: Follower, text: str) -> Message:
    return state.inbox.add(call, state.now(), "mp", account.name, text, [follower.openid])


def _duplicate(state: State, call: Call, account: OfficialAccount, first: Message) -> Reply:
    message = state.inbox.add(call, state.now(), "mp", account.name, first.text, [])
    message.duplicate_of = first.id
    if state.knobs.mp_duplicate_errcode:
        raise Refusal(state.knobs.mp_duplicate_errcode)
    message.reply = first.reply
    return dict(first.reply or {}), message
