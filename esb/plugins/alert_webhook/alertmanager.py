"""The webhooks of Alertmanager (version 4), and those of Grafana, which have the same form and more in it."""

import hashlib
from collections.abc import Mapping
from typing import Any, Literal

from esb import ParameterError
from esb.core import json_codec
from esb.plugins.alert_webhook.notification import LIST, OBJECT, Alert, Notification, Status, digest, text, texts, wrong

NEVER = "0001-01-01T00:00:00Z"
"""The end of an alert that has none, as Go writes it."""
MOST_ALERTS = 500
"""Alerts of one webhook that are read, so that it takes no others' time; beyond these they are counted."""
GRAFANAS_OWN = ("dashboardURL", "panelURL", "silenceURL", "valueString")
"""Keys of an alert that Grafana has, and Alertmanager has not."""


def is_one(body: Mapping[str, Any]) -> bool:
    if isinstance(body.get("alerts"), list):
        return True
    return "alerts" in body and not {"version", "groupKey", "receiver", "groupLabels", "orgId"}.isdisjoint(body)


def is_grafanas(body: Mapping[str, Any]) -> bool:
    """Tell a webhook of Grafana from one of Alertmanager."""
    alerts = body.get("alerts")
    first = alerts[0] if isinstance(alerts, list) and alerts and isinstance(alerts[0], dict) else {}
    return "orgId" in body or any(key in first for key in GRAFANAS_OWN)


def read(body: Mapping[str, Any], source: Literal["alertmanager", "grafana"]) -> Notification:
    """Return the notification. ParameterError if it has another form."""
    given = body.get("alerts")
    if not isinstance(given, list):
        raise wrong("alerts", LIST, given)
    if not given:
        raise ParameterError("The alert cannot be read: alerts is empty")
    overall: Status = "resolved" if body.get("status") == "resolved" else "firing"
    alerts = [_alert(alert, f"alerts[{index}]", overall) for index, alert in enumerate(given[:MOST_ALERTS])]
    unread, left_out = given[MOST_ALERTS:], body.get("truncatedAlerts")
    return Notification(
        source,
        alerts,
        title=text(body.get("title")) if source == "grafana" else "",
        group=texts(body.get("groupLabels"), "groupLabels"),
        receiver=text(body.get("receiver")),
        url=text(body.get("externalURL")),
        more=len(unread) + (left_out if type(left_out) is int and left_out > 0 else 0),
        key=_key(body, source, alerts, unread),
    )


def _alert(value: Any, where: str, overall: Status) -> Alert:
    if not isinstance(value, dict):
        raise wrong(where, OBJECT, value)
    is_firing = value.get("status", overall) != "resolved"
    return Alert(
        "firing" if is_firing else "resolved",
        texts(value.get("labels"), f"{where}.labels"),
        texts(value.get("annotations"), f"{where}.annotations"),
        starts_at=_time(text(value.get("startsAt"))),
        ends_at="" if is_firing else _time(text(value.get("endsAt"))),
        url=next((url for key in ("panelURL", "dashboardURL", "generatorURL") if (url := text(value.get(key)))), ""),
        fingerprint=text(value.get("fingerprint")),
        value=_value(value),
    )


def _time(value: str) -> str:
    return "" if value == NEVER else value


def _value(alert: Mapping[str, Any]) -> str:
    """Return what Grafana measured."""
    values = alert.get("values")
    if isinstance(values, dict):
        return ", ".join(f"{text(name)}={_number(value)}" for name, value in list(values.items())[:10])
    return ""


def _number(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else text(value)


def _key(body: Mapping[str, Any], source: str, alerts: list[Alert], unread: list[Any]) -> str:
    """Return a key of the group and of what is told of each alert in it.

    One that begins, ends, or begins anew makes another key; the time at which it is told does not.
    """
    told = sorted(
        [alert.fingerprint or digest(sorted(alert.labels.items())), alert.status, alert.starts_at, alert.ends_at]
        for alert in alerts
    )
    group = [text(body.get(key)) for key in ("receiver", "groupKey", "truncatedAlerts", "orgId")]
    rest = hashlib.sha256(json_codec.encode(unread)).hexdigest() if unread else ""
    return digest([source, *group, told, rest])
