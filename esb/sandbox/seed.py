"""Seeds of a world: the default one, the JSON of POST /_sandbox/seed, and changes to a running world."""

from collections.abc import Callable, Hashable, Iterable
from typing import Any, TypeVar

from esb.sandbox import control_values
from esb.sandbox.control_values import BadControl, flag, items, mapping, text, texts, whole
from esb.sandbox.knobs import Knobs
from esb.sandbox.state import (
    Corporation,
    Follower,
    MailServer,
    Member,
    OfficialAccount,
    Robot,
    Seed,
    State,
    TencentAccount,
    TencentApp,
    WecomApp,
)
from esb.sandbox.template_data import TYPES

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")
Reader = Callable[[object, str], Any]

DEFAULT = {
    "mp": [
        {
            "appid": "wx0000000000000001",
            "secret": "mp-secret",
            "openids": ["o" + "A" * 27],
            "templates": {"T" * 43: {}},
        }
    ],
    "qy": [
        {
            "corpid": "ww0000000000000001",
            "members": ["zhangsan", "lisi", "wangwu"],
            "apps": [{"agentid": 1000002, "secret": "corp-secret"}],
        }
    ],
    "robots": ["bot-key"],
    "tencent": [
        {
            "secret_id": "AKIDsandbox",
            "secret_key": "tencent-secret",
            "sms": [{"sdk_app_id": "1400000001", "signs": ["sandbox"], "templates": {"1000001": "{1}"}}],
            "voice": [{"sdk_app_id": "1400000002", "templates": {"1000002": "{1}"}}],
        }
    ],
}


PATCHED = ("knobs", "mp/APPID", "qy/CORPID", "qy/CORPID/AGENTID", "tencent/SECRET_ID", "mail")
"""The things that can be changed in a running world."""


def default_seed() -> Seed:
    return parse(DEFAULT)


def parse(document: object) -> Seed:
    """Read a seed from JSON; raises BadControl naming the place of the first mistake. What is left out is empty."""
    seed = mapping(document, "seed", ("mp", "qy", "robots", "tencent", "mail", "knobs"))
    return Seed(
        mp=_keyed(_each(seed.get("mp", []), "mp", _account), lambda account: account.appid, "mp: appid"),
        qy=_keyed(_each(seed.get("qy", []), "qy", _corporation), lambda corporation: corporation.corpid, "qy: corpid"),
        robots=_keyed(_each(seed.get("robots", []), "robots", _robot), lambda robot: robot.key, "robots: key"),
        tencent=_keyed(
            _each(seed.get("tencent", []), "tencent", _tencent_account),
            lambda account: account.secret_id,
            "tencent: secret_id",
        ),
        mail=MailServer(**_read(seed.get("mail", {}), "mail", _MAIL)),
        knobs=Knobs().turned(seed.get("knobs", {})),
    )


def patch(state: State, path: list[str], document: object) -> None:
    """Change knobs, an account, a corporation or an app of a running world; tokens, counters and inbox stay."""
    match path:
        case ["knobs"]:
            state.knobs = state.knobs.turned(document)
        case ["mp", appid] if appid in state.mp:
            _set(state.mp[appid], _read(document, "mp", _ACCOUNT))
        case ["qy", corpid] if corpid in state.qy:
            _set(state.qy[corpid], _read(document, "qy", _CORPORATION))
        case ["qy", corpid, agentid] if app := _app(state, corpid, agentid):
            _set(app, _read(document, "app", _APP))
        case ["tencent", secret_id] if secret_id in state.tencent:
            _set(state.tencent[secret_id], _read(document, "tencent", _TENCENT))
        case ["mail"]:
            _set(state.mail, _read(document, "mail", _MAIL))
        case _:
            raise BadControl(f"{'/'.join(path)}: no such thing here; known: {', '.join(PATCHED)}")


def _app(state: State, corpid: str, agentid: str) -> WecomApp | None:
    apps = state.qy[corpid].apps if corpid in state.qy else {}
    return next((app for app in apps.values() if str(app.agentid) == agentid), None)


def _set(target: object, values: dict[str, Any]) -> None:
    for name, value in values.items():
        setattr(target, name, value)


def _read(document: object, where: str, readers: dict[str, Reader], also: tuple[str, ...] = ()) -> dict[str, Any]:
    """Read the keys that have readers; keys in `also` are allowed and left to the caller."""
    found = mapping(document, where, (*also, *readers))
    return {key: readers[key](value, f"{where}.{key}") for key, value in found.items() if key in readers}


def _need(document: object, where: str, *keys: str) -> None:
    present = mapping(document, where)
    for key in keys:
        if key not in present:
            raise BadControl(f"{where}: {key!r} is missing")


def _each(value: object, where: str, read: Callable[[object, str], Value]) -> list[Value]:
    return [read(item, place) for item, place in items(value, where)]


def _keyed(things: Iterable[Value], key: Callable[[Value], Key], where: str) -> dict[Key, Value]:
    found: dict[Key, Value] = {}
    for thing in things:
        if key(thing) in found:
            raise BadControl(f"{where} {key(thing)!r} is there twice")
        found[key(thing)] = thing
    return found


def _account(value: object, where: str) -> OfficialAccount:
    _need(value, where, "appid", "secret")
    return OfficialAccount(**_read(value, where, {"appid": text, **_ACCOUNT}))


def _followers(value: object, where: str) -> dict[str, Follower]:
    return _keyed(_each(value, where, _follower), lambda follower: follower.openid, f"{where}: openid")


def _follower(value: object, where: str) -> Follower:
    if isinstance(value, str):
        return Follower(text(value, where))
    _need(value, where, "openid")
    return Follower(**_read(value, where, _FOLLOWER))


def _grants(value: object, where: str) -> dict[str, int]:
    return {template: whole(left, f"{where}.{template}") for template, left in mapping(value, where).items()}


def _templates(value: object, where: str) -> dict[str, dict[str, str]]:
    return {name: _template_keys(keys, f"{where}.{name}") for name, keys in mapping(value, where).items()}


def _template_keys(value: object, where: str) -> dict[str, str]:
    return {key: control_values.one_of(kind, f"{where}.{key}", TYPES) for key, kind in mapping(value, where).items()}


def _corporation(value: object, where: str) -> Corporation:
    _need(value, where, "corpid")
    corporation = Corporation(**_read(value, where, {"corpid": text, **_CORPORATION}, also=("apps",)))
    listed = items(mapping(value, where).get("apps", []), f"{where}.apps")
    apps = [_wecom_app(corporation, app, place) for app, place in listed]
    corporation.apps = _keyed(apps, lambda app: app.agentid, f"{where}.apps: agentid")
    _keyed(apps, lambda app: app.secret, f"{where}.apps: secret")  # a secret is what gettoken knows an app by
    return corporation


def _wecom_app(corporation: Corporation, value: object, where: str) -> WecomApp:
    _need(value, where, "agentid", "secret")
    return WecomApp(corporation, **_read(value, where, {"agentid": whole, **_APP}))


def _members(value: object, where: str) -> dict[str, Member]:
    return _keyed(_each(value, where, _member), lambda member: member.userid.lower(), f"{where}: userid")


def _member(value: object, where: str) -> Member:
    if isinstance(value, str):
        return Member(text(value, where))
    _need(value, where, "userid")
    return Member(**_read(value, where, _MEMBER))


def _wholes(value: object, where: str) -> list[int]:
    return _each(value, where, whole)


def _tags(value: object, where: str) -> dict[str, list[str]]:
    return {tag: texts(members, f"{where}.{tag}") for tag, members in mapping(value, where).items()}


def _robot(value: object, where: str) -> Robot:
    if isinstance(value, str):
        return Robot(text(value, where))
    _need(value, where, "key")
    return Robot(**_read(value, where, {"key": text, "enabled": flag}))


def _tencent_account(value: object, where: str) -> TencentAccount:
    _need(value, where, "secret_id", "secret_key")
    return TencentAccount(**_read(value, where, {"secret_id": text, **_TENCENT}))


def _sms_apps(value: object, where: str) -> dict[str, TencentApp]:
    return _tencent_apps(value, where, {**_TENCENT_APP, "signs": texts})


def _voice_apps(value: object, where: str) -> dict[str, TencentApp]:
    return _tencent_apps(value, where, _TENCENT_APP)


def _tencent_apps(value: object, where: str, readers: dict[str, Reader]) -> dict[str, TencentApp]:
    apps = []
    for item, place in items(value, where):
        _need(item, place, "sdk_app_id")
        apps.append(TencentApp(**_read(item, place, readers)))
    return _keyed(apps, lambda app: app.sdk_app_id, f"{where}: sdk_app_id")


def _named_texts(value: object, where: str) -> dict[str, str]:
    return {name: text(item, f"{where}.{name}") for name, item in mapping(value, where).items()}


def _refused_addresses(value: object, where: str) -> dict[str, int]:
    return {address.lower(): _smtp_code(code, f"{where}.{address}") for address, code in mapping(value, where).items()}


def _smtp_code(value: object, where: str) -> int:
    if not 400 <= whole(value, where) <= 599:
        raise control_values.wrong(value, where, "an SMTP code from 400 to 599")
    return whole(value, where)


_ACCOUNT: dict[str, Reader] = {
    "secret": text,
    "openids": _followers,
    "templates": _templates,
    "banned_templates": texts,
    "frozen": flag,
    "ip_whitelist": texts,
    "callback_url": text,
    "callback_token": text,
    "callback_aes_key": text,
}
_FOLLOWER: dict[str, Reader] = {
    "openid": text,
    "subscribed": flag,
    "blacklisted": flag,
    "rejects": flag,
    "grants": _grants,
    "service_messages": whole,
    "service_window_s": control_values.amount,
    "receipt": text,
}
_CORPORATION: dict[str, Reader] = {"members": _members, "departments": _wholes, "tags": _tags}
_MEMBER: dict[str, Reader] = {
    "userid": text,
    "name": text,
    "mobile": text,
    "email": text,
    "private_email": text,
    "status": whole,
    "licensed": flag,
    "departments": _wholes,
}
_APP: dict[str, Reader] = {"secret": text, "enabled": flag, "visible": texts, "trusted_ips": texts, "chats": texts}
_TENCENT_APP: dict[str, Reader] = {"sdk_app_id": text, "templates": _named_texts, "enabled": flag}
_TENCENT: dict[str, Reader] = {"secret_key": text, "sms": _sms_apps, "voice": _voice_apps, "numbers": _named_texts}
_MAIL: dict[str, Reader] = {"users": _named_texts, "refused": _refused_addresses}
