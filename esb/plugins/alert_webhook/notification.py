"""A notification: what an alert manager tells in one webhook, whichever it is."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from esb import Message, ParameterError, template

Status = Literal["firing", "resolved"]
Source = Literal["alertmanager", "grafana", "zabbix", "json"]
OBJECT, LIST, NUMBER = template("an object"), template("a list"), template("a number")
KINDS: Mapping[type, str] = {
    dict: OBJECT,
    list: LIST,
    str: template("a string"),
    bool: template("a boolean"),
    type(None): "null",
}
"""Words for what stands in a webhook."""
LONGEST_TEXT = 4096
"""Characters of one text of an alert: what is beyond them, nobody reads in a message."""
MOST_LABELS = 100
"""Labels, or annotations, of one alert that are read."""
_SEVERITIES = (
    {"critical", "disaster", "fatal", "emergency", "page", "p0", "p1"},
    {"high", "error", "major", "p2"},
    {"average", "warning", "warn", "minor", "p3"},
)
"""Words for how bad an alert is, the worst first; all others come behind."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert. Times are texts as they came, "" where there is none; `value` is what was measured."""

    status: Status
    labels: Mapping[str, str]
    annotations: Mapping[str, str] = field(default_factory=dict)
    starts_at: str = ""
    ends_at: str = ""
    url: str = ""
    fingerprint: str = ""
    value: str = ""

    @property
    def name(self) -> str:
        return self.labels.get("alertname", "")

    @property
    def severity(self) -> str:
        return self.labels.get("severity", "")

    @property
    def rank(self) -> int:
        """The place of its severity among all, from 0 for the worst."""
        word = self.severity.lower()
        return next((rank for rank, words in enumerate(_SEVERITIES) if word in words), len(_SEVERITIES))


@dataclass(frozen=True)  # without slots: what is made of its alerts is made once
class Notification:
    """One notification: a group of alerts, told together.

    `title` and `message` are the sender's own texts, "" where it has none; `more` is how many further alerts it left
    out; `key` is the same for a repetition of this notification, and for no other; "" where nothing tells them apart.
    """

    source: Source
    alerts: Sequence[Alert]
    title: str = ""
    message: str = ""
    group: Mapping[str, str] = field(default_factory=dict)
    receiver: str = ""
    url: str = ""
    more: int = 0
    key: str = ""

    @cached_property
    def firing(self) -> list[Alert]:
        """The alerts that are firing, the worst first."""
        return sorted((alert for alert in self.alerts if alert.status == "firing"), key=lambda alert: alert.rank)

    @cached_property
    def resolved(self) -> list[Alert]:
        return [alert for alert in self.alerts if alert.status == "resolved"]

    @cached_property
    def status(self) -> Status:
        """Resolved if all its alerts are."""
        return "firing" if any(alert.status == "firing" for alert in self.alerts) else "resolved"

    @cached_property
    def name(self) -> str:
        """The name that its alerts have in common, or else what they are grouped by."""
        names = {alert.name for alert in self.alerts}
        if len(names) == 1 and "" not in names:
            return names.pop()
        return self.group.get("alertname", "") or ", ".join(value for value in self.group.values() if value)

    @cached_property
    def severity(self) -> str:
        """The severity of the worst alert that is firing, or else of all."""
        worst: Alert = min(self.firing or self.alerts, key=lambda alert: alert.rank)
        return worst.severity

    @cached_property
    def labels(self) -> Mapping[str, str]:
        """The pairs that all alerts have in common."""
        return _common([alert.labels for alert in self.alerts])

    @cached_property
    def annotations(self) -> Mapping[str, str]:
        """The pairs that all alerts have in common."""
        return _common([alert.annotations for alert in self.alerts])


def _common(mappings: Sequence[Mapping[str, str]]) -> Mapping[str, str]:
    first, *others = mappings
    return {name: value for name, value in first.items() if all(other.get(name) == value for other in others)}


def text(value: Any) -> str:
    """Return a value of a webhook as a text of at most LONGEST_TEXT characters."""
    if value is None:
        return ""
    whole = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return whole[: LONGEST_TEXT + 1].replace("\x00", "").strip()[:LONGEST_TEXT]


def texts(value: Any, where: str) -> dict[str, str]:
    """Return a mapping of texts, such as labels; of what is null, an empty one. ParameterError for anything else."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise wrong(where, OBJECT, value)
    return {text(name): text(each) for name, each in list(value.items())[:MOST_LABELS]}


def wrong(where: str, expected: str, found: Any) -> ParameterError:
    """Make the error of a webhook in which something has a wrong type."""
    return ParameterError(
        "The alert cannot be read: {where} must be {expected}, and is {found}",
        where=where,
        expected=Message(expected),
        found=Message(KINDS.get(type(found), NUMBER)),
    )


def digest(parts: Sequence[Any]) -> str:
    """Return a key made of these parts."""
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode("utf-8", "replace")).hexdigest()
