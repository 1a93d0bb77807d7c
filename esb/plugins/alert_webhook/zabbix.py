"""The webhooks of Zabbix: a JSON object of the parameters of a media type, by the names that its webhooks usually have.

A name may be written as in Zabbix's own scripts (`event_name`, `alert_subject`), as a macro (`EVENT.NAME`), or as the
parameters of a new media type (`Subject`, `Message`).
"""

import re
from collections.abc import Mapping
from typing import Any

from esb import ParameterError
from esb.plugins.alert_webhook.notification import Alert, Notification, Status, digest, text

_UNFILLED = re.compile(r"\{[A-Z][A-Z0-9._]*\}")
"""A macro that had no value: Zabbix leaves its name."""
EVENT = frozenset({"event_id", "eventid", "trigger_id", "triggerid", "event_value", "event_nseverity", "alert_subject"})
"""Names of which Zabbix's scripts have at least one, and others have none."""
SUBJECT, MESSAGE = ("alert_subject", "subject"), ("alert_message", "message")
SEVERITIES = ("not classified", "information", "warning", "average", "high", "disaster")
_NUMBERS = frozenset(map(str, range(len(SEVERITIES))))


def _named(body: Mapping[str, Any]) -> dict[str, str]:
    """Return the parameters that have a value, by their names in one spelling."""
    named = {_spelled(name): text(value) for name, value in body.items()}
    return {name: value for name, value in named.items() if value and not _UNFILLED.fullmatch(value)}


def _spelled(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def is_one(body: Mapping[str, Any]) -> bool:
    names = {_spelled(name) for name in body}
    return not EVENT.isdisjoint(names) or {"subject", "message", "to"} <= names


def read(body: Mapping[str, Any]) -> Notification:
    """Return the notification. ParameterError if it says neither what happened nor where."""
    given = _named(body)
    subject, message = _first(given, *SUBJECT), _first(given, *MESSAGE)
    name = _first(given, "event_name", "trigger_name", "problem_name")
    if not (subject or message or name):
        raise ParameterError(
            "The alert cannot be read: a webhook of Zabbix has a subject, a message or an event_name; found {found}",
            found=", ".join(sorted(given)[:10]) or "nothing",
        )
    status = _status(given, subject)
    labels = {
        "alertname": name,
        "severity": _severity(given),
        "host": _first(given, "host_name", "host", "hostname", "host_host"),
        "ip": _first(given, "host_ip", "host_conn"),
        **_tags(_first(given, "event_tags")),
    }
    shown = {"description": _first(given, "trigger_description", "event_opdata", "item_value", "item_lastvalue")}
    event = _first(given, "event_id", "eventid")
    alert = Alert(
        status,
        {label: value for label, value in labels.items() if value},
        {label: value for label, value in shown.items() if value},
        starts_at=_when(given, "event_date", "event_time"),
        ends_at=_when(given, "event_recovery_date", "event_recovery_time") if status == "resolved" else "",
        url=_url(given, event),
        fingerprint=event,
    )
    key = digest(["zabbix", event, status, _first(given, "to", "alert_sendto"), subject, message]) if event else ""
    return Notification("zabbix", [alert], title=subject, message=message, key=key)


def _first(given: Mapping[str, str], *names: str) -> str:
    return next((given[name] for name in names if name in given), "")


def _tags(listed: str) -> dict[str, str]:
    """Return the tags of an event, written as `name:value, name:value`; those without a value are left out."""
    pairs = (tag.partition(":") for tag in listed.split(","))
    return {name.strip(): value.strip() for name, _, value in pairs if name.strip()}


def _status(given: Mapping[str, str], subject: str) -> Status:
    """Return whether a problem began or ended: as the event's value says, or else its subject, as Zabbix writes it."""
    value = _first(given, "event_value", "trigger_value", "event_status", "trigger_status", "status").lower()
    if value:
        return "resolved" if value in {"0", "ok", "resolved", "recovery"} else "firing"
    return "resolved" if re.match(r"\W*(resolved|ok|recovery|恢复|已恢复)\b", subject, re.IGNORECASE) else "firing"


def _severity(given: Mapping[str, str]) -> str:
    number = _first(given, "event_nseverity", "trigger_nseverity")
    if number in _NUMBERS:
        return SEVERITIES[int(number)]
    return _first(given, "event_severity", "trigger_severity", "severity").lower()


def _when(given: Mapping[str, str], date: str, time: str) -> str:
    return f"{given.get(date, '').replace('.', '-')} {given.get(time, '')}".strip()


def _url(given: Mapping[str, str], event: str) -> str:
    """Return the address of the event, from that of Zabbix."""
    base, trigger = _first(given, "zabbix_url").rstrip("/"), _first(given, "trigger_id", "triggerid")
    if not base.startswith(("http://", "https://")):
        return _first(given, "trigger_url", "event_url", "url") if "zabbix_url" not in given else ""
    if trigger.isdigit() and event.isdigit():
        return f"{base}/tr_events.php?triggerid={trigger}&eventid={event}"
    return base
