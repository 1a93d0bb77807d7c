"""Alerts as plain JSON, from scripts and from senders that have no form of their own here."""

from collections.abc import Mapping
from typing import Any

from esb import ParameterError
from esb.plugins.alert_webhook.notification import Alert, Notification, Status, digest, text, texts

TITLE = ("title", "subject", "heading", "alertname", "name")
MESSAGE = ("message", "content", "text", "description", "body", "summary", "msg")
STATUS = ("status", "state", "event_type", "action")
SEVERITY = ("severity", "level", "priority")
URL = ("url", "link", "ruleUrl")
IDENTITY = ("id", "fingerprint", "key", "dedup_key", "incident_key")
STARTS, ENDS = ("starts_at", "startsAt", "time", "timestamp"), ("ends_at", "endsAt")
ENDED = frozenset({"resolved", "resolve", "ok", "up", "recovered", "recovery", "closed", "normal", "恢复", "已恢复"})
"""Words that say that it is over."""


def read(body: Mapping[str, Any], *, any_keys: bool = False) -> Notification:
    """Return the notification. ParameterError if it says nothing, unless it may have `any_keys`."""
    title, message = _first(body, TITLE), _first(body, MESSAGE)
    if not (title or message or any_keys):
        raise ParameterError(
            "The alert cannot be read: expected the webhook of Alertmanager, Grafana or Zabbix, or a JSON object with"
            " title or message; found {found}",
            found=", ".join(text(name)[:40] for name in list(body)[:10]) or "no JSON object",
        )
    status: Status = "resolved" if _first(body, STATUS).lower() in ENDED else "firing"
    labels = {
        **texts(body.get("labels", body.get("tags")) if _is_object(body) else None, "labels"),
        **{name: found for name in ("host", "instance", "service") if (found := _first(body, (name,)))},
    }
    for name, found in (("alertname", title), ("severity", _first(body, SEVERITY))):
        if found:
            labels[name] = found
    identity = _first(body, IDENTITY)
    alert = Alert(
        status,
        labels,
        starts_at=_first(body, STARTS),
        ends_at=_first(body, ENDS) if status == "resolved" else "",
        url=_first(body, URL),
        fingerprint=identity,
    )
    key = digest(["json", identity, status, title, message, alert.starts_at]) if identity else ""
    return Notification("json", [alert], title=title, message=message, key=key)


def _is_object(body: Mapping[str, Any]) -> bool:
    """Return True if it has labels: `tags` is a list as often, and then tells nothing of names."""
    return "labels" in body or isinstance(body.get("tags"), dict)


def _first(body: Mapping[str, Any], names: tuple[str, ...]) -> str:
    """Return the first of these values that is a text or a number, and says something."""
    return next(
        (found for name in names if not isinstance(body.get(name), dict | list) if (found := text(body.get(name)))), ""
    )
