"""WeCom's API (qyapi.weixin.qq.com): gettoken, app messages, and looking up people."""

import hmac
import json
import re
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any

from esb.sandbox import media, receivers, tokens, wecom_content
from esb.sandbox.inbox import Message, Reply
from esb.sandbox.media import Media
from esb.sandbox.state import Member, State, WecomApp
from esb.sandbox.wire import Call, Refusal

WARNING = "ok. Warning: wrong json format. "
CHATID = re.compile("[A-Za-z0-9_-]{1,64}")
DEDUPE_S = 1800
DEDUPE_MAX_S = 14400
RECALL_S = 86400


def gettoken(state: State, call: Call) -> Reply:
    """GET /cgi-bin/gettoken; an address that gave too many wrong secrets within an hour is banned (45009)."""
    corpid, corpsecret = call.query.get("corpid"), call.query.get("corpsecret")
    if not corpsecret:
        raise Refusal(41004)
    corporation = state.qy.get(corpid or "")
    if corporation is None:
        raise Refusal(40013)
    given = corpsecret.encode()
    app = next((app for app in corporation.apps.values() if hmac.compare_digest(given, app.secret.encode())), None)
    if app is None:
        _count_bad_secret(state, call.remote)
        raise Refusal(40001)
    if not app.enabled:
        raise Refusal(50003)
    if state.now() < state.banned_until.get(call.remote, 0):
        raise Refusal(45009)
    return _issued(state, app), None


def message_send(state: State, call: Call) -> Reply:
    """POST /cgi-bin/message/send: one message to many; whoever is over a frequency limit is dropped in silence."""
    app, body = _opened(state, call)
    _agent(app, body)
    text = wecom_content.app_text(body, state.knobs) or _media_name(state, app, body)
    found = receivers.resolve(app, body)
    per_day = state.knobs.qy_app_per_day
    if per_day and app.sent.today(state.now()) + len(found.members) > per_day:
        raise Refusal(45009)
    key = _duplicate_key(body)
    first = app.recent.find(key, state.now()) if key else None
    if first:
        return _duplicate(state, call, app, first)
    return _deliver(state, call, app, body, text, found, key)


def message_recall(state: State, call: Call) -> Reply:
    """POST /cgi-bin/message/recall: a message of the token's own app, within a day. 40063 for any other msgid."""
    app, body = _opened(state, call)
    msgid, since = body.get("msgid"), state.now() - RECALL_S
    sent = [message for message in state.inbox if message.app == app.name and message.received_at > since]
    found = [message for message in sent if msgid and (message.reply or {}).get("msgid") == msgid]
    if not found:
        raise Refusal(40063)
    for message in found:
        state.inbox.recall(message)
    return {"errcode": 0, "errmsg": "ok"}, None


def appchat_send(state: State, call: Call) -> Reply:
    """POST /cgi-bin/appchat/send: one message to a group chat of the app; nothing is deduplicated."""
    app, body = _opened(state, call)
    chatid = body.get("chatid")
    if not isinstance(chatid, str) or not CHATID.fullmatch(chatid):
        raise Refusal(86001)
    if app.chats is not None and chatid not in app.chats:
        raise Refusal(86003)
    text = wecom_content.chat_text(body, state.knobs) or _media_name(state, app, body)
    message = state.inbox.add(call, state.now(), "qy", app.name, text, [chatid])
    message.reply = {"errcode": 0, "errmsg": "ok"}
    return dict(message.reply), message


def media_upload(state: State, call: Call) -> Reply:
    """POST /cgi-bin/media/upload?type=: a form with the file in its part `media`; its id is good for three days."""
    app = _authorized(state, call)
    if call.method != "POST":
        raise Refusal(40058)
    kind, now = call.query.get("type", ""), state.now()
    name, content = media.uploaded(kind, call.content_type, call.body)
    found = Media(f"media-{next(state.serial):020d}", app.corporation.corpid, name, content, now)
    state.media.add(found)
    told = {"errcode": 0, "errmsg": "ok", "type": kind, "media_id": found.id, "created_at": f"{now:.0f}"}
    return told, None


def _media_name(state: State, app: WecomApp, body: Mapping[str, Any]) -> str:
    """Return the name of the file that a message shows, "" if it shows none. 40007 for one that cannot be sent."""
    shown = body.get(str(body.get("msgtype")))
    media_id = shown.get("media_id") if isinstance(shown, dict) else None
    return state.media.sent_name(media_id, app.corporation.corpid, state.now())


def agent_get(state: State, call: Call) -> Reply:
    """GET /cgi-bin/agent/get: the token's own app, and who sees it; an app that everybody sees has department 1."""
    app = _authorized(state, call)
    _agent(app, call.query)
    seen_by = [{"userid": userid} for userid in app.visible or ()]
    return {
        "errcode": 0,
        "errmsg": "ok",
        "agentid": app.agentid,
        "name": "sandbox",
        "allow_userinfos": {"user": seen_by},
        "allow_partys": {"partyid": [1] if app.visible is None else []},
        "allow_tags": {"tagid": []},
        "close": 0 if app.enabled else 1,
    }, None


def user_get(state: State, call: Call) -> Reply:
    """GET /cgi-bin/user/get; no mobile, mail or picture, as for every app created since 2022-06-20."""
    app = _authorized(state, call)
    userid = call.query.get("userid", "")
    member = app.corporation.members.get(userid.lower())
    if member is None:
        raise Refusal(60111, userid="", department=[])
    if not receivers.sees(app, member):
        raise Refusal(60011)
    return {
        "errcode": 0,
        "errmsg": "ok",
        "userid": member.userid,
        "name": member.name or member.userid,
        "department": member.departments,
        "status": member.status,
    }, None


def getuserid(state: State, call: Call) -> Reply:
    """POST /cgi-bin/user/getuserid: the member of a mobile number."""
    app, body = _opened(state, call)
    mobile = body.get("mobile")
    return _looked_up(state, app, lambda member: bool(mobile) and member.mobile == mobile)


def get_userid_by_email(state: State, call: Call) -> Reply:
    """POST /cgi-bin/user/get_userid_by_email: of the company address, or with email_type 2 of the private one."""
    app, body = _opened(state, call)
    email, private = body.get("email"), body.get("email_type") == 2
    return _looked_up(
        state, app, lambda member: bool(email) and (member.private_email if private else member.email) == email
    )


def _looked_up(state: State, app: WecomApp, fits: Callable[[Member], bool]) -> Reply:
    """Return the member's userid. 46004 for nobody; `qy.lookup_misses_per_day` of these block all look-ups that day."""
    misses, limit = app.corporation.misses, state.knobs.qy_lookup_misses_per_day
    if limit and misses.today(state.now()) >= limit:
        raise Refusal(45009)
    member = next(filter(fits, app.corporation.members.values()), None)
    if member is None:
        misses.add(state.now())
        raise Refusal(46004, userid="")
    return {"errcode": 0, "errmsg": "ok", "userid": member.userid}, None


def _count_bad_secret(state: State, remote: str) -> None:
    bad, limit = state.bad_secrets[remote], state.knobs.qy_bad_secret_ban_after
    if not limit:
        return
    bad.add(state.now())
    if bad.count(state.now()) >= limit:
        state.banned_until[remote] = state.now() + state.knobs.qy_ban_s


def _issued(state: State, app: WecomApp) -> dict[str, Any]:
    token = tokens.wecom(state, app)
    state.tokens_issued[app.name] += 1
    left = token.expires_at - state.now() if state.knobs.qy_expires_in == "remaining" else state.knobs.token_ttl_s
    return {"errcode": 0, "errmsg": "ok", "access_token": token.value, "expires_in": round(left)}


def _authorized(state: State, call: Call) -> WecomApp:
    app = tokens.wecom_app(state, call.query.get("access_token"))
    if app.trusted_ips and call.remote not in app.trusted_ips:
        raise Refusal(60020)
    return app


def _opened(state: State, call: Call) -> tuple[WecomApp, Mapping[str, Any]]:
    app = _authorized(state, call)
    return app, json_object(call)


def json_object(call: Call) -> Mapping[str, Any]:
    """Return the body of a POST; anything but a JSON object, and any other method, is 40058."""
    try:
        document = call.document
    except ValueError:
        raise Refusal(40058) from None
    if call.method != "POST" or not isinstance(document, dict):
        raise Refusal(40058)
    return document


def _agent(app: WecomApp, body: Mapping[str, Any]) -> None:
    """Check the agentid: a number or a string of digits, that of the token's own app."""
    agentid = body.get("agentid")
    if agentid is None:
        raise Refusal(41011)
    try:
        number = int(agentid)
    except (TypeError, ValueError, OverflowError):
        raise Refusal(40056) from None
    if number not in app.corporation.apps:
        raise Refusal(40056)
    if number != app.agentid:
        raise Refusal(301002)


def _deliver(
    state: State, call: Call, app: WecomApp, body: Mapping[str, Any], text: str, found: receivers.Receivers, key: bytes
) -> Reply:
    now = state.now()
    dropped = [userid for userid in found.members if not _within_limits(state, app, userid)]
    delivered = [userid for userid in found.members if userid not in dropped] if dropped else found.members
    app.sent.add(now, len(found.members))
    message = state.inbox.add(call, now, "qy", app.name, text, delivered)
    message.dropped, message.invalid = dropped, found.invalid()
    message.reply = _reply(state, body, found)
    if key:
        app.recent.remember(key, message, now + _duplicate_interval(body))
    return dict(message.reply), message


def _reply(state: State, body: Mapping[str, Any], found: receivers.Receivers) -> dict[str, Any]:
    empty = state.knobs.qy_invalid_fields == "empty"
    reply: dict[str, Any] = {"errcode": 0, "errmsg": WARNING if found.misread else "ok"}
    reply.update((name, value) for name, value in found.invalid_fields().items() if value or empty)
    reply["msgid"] = f"sandbox-{next(state.serial):020d}"
    if wecom_content.is_interactive(body):
        reply["response_code"] = f"response-{next(state.serial):020d}"
    return reply


def _within_limits(state: State, app: WecomApp, userid: str) -> bool:
    now, knobs = state.now(), state.knobs
    if not (knobs.qy_member_per_minute or knobs.qy_member_per_hour):
        return True
    limits = (
        (app.minutes[userid], knobs.qy_member_per_minute),
        (app.hours[userid], knobs.qy_member_per_hour),
    )
    switched_on = [(window, limit) for window, limit in limits if limit]
    if any(window.count(now) >= limit for window, limit in switched_on):
        return False
    for window, _ in switched_on:
        window.add(now)
    return True


def _duplicate_key(body: Mapping[str, Any]) -> bytes:
    """Return a digest of the whole request JSON if the sender asked for the duplicate check, otherwise b""."""
    if str(body.get("enable_duplicate_check")) != "1":
        return b""
    return sha256(json.dumps(body, sort_keys=True).encode()).digest()


def _duplicate_interval(body: Mapping[str, Any]) -> int:
    try:
        return min(int(body.get("duplicate_check_interval", DEDUPE_S)), DEDUPE_MAX_S)
    except (TypeError, ValueError, OverflowError):
        return DEDUPE_S


def _duplicate(state: State, call: Call, app: WecomApp, first: Message) -> Reply:
    message = state.inbox.add(call, state.now(), "qy", app.name, first.text, [])
    message.duplicate_of = first.id
    if state.knobs.qy_duplicate_errcode:
        raise Refusal(state.knobs.qy_duplicate_errcode)
    message.reply = first.reply
    return dict(first.reply or {}), message
