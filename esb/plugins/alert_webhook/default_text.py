"""The texts of a message where no template says otherwise: plain lines that every channel shows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from typing import Literal

from esb.plugins.alert_webhook.notification import Alert, Notification

Language = Literal["en", "zh-hans"]
LONGEST_MORE = 64
"""Bytes that the line about what was left out has at most."""
SHORTEST_BLOCK = 40
"""Bytes of an alert that are worth showing."""
OWN_LABELS = frozenset({"alertname", "severity"})
"""Labels that stand in the title already."""
SAYING, RUNBOOK = ("summary", "description", "message"), "runbook_url"
"""Annotations that are shown."""


@dataclass(frozen=True, slots=True)
class Words:
    """The words of one language."""

    firing: str
    resolved: str
    severity: str
    value: str
    since: str
    until: str
    more: str
    nameless: str

    def status(self, status: str) -> str:
        return self.firing if status == "firing" else self.resolved


WORDS: Mapping[Language, Words] = {
    "en": Words("FIRING", "RESOLVED", "Severity", "Value", "Since", "Until", "… and {more} more", "Alert"),
    "zh-hans": Words("告警", "恢复", "级别", "当前值", "开始", "结束", "……另有 {more} 条未列出", "告警"),
}
ICONS = {"firing": "🔥", "resolved": "✅"}


@dataclass(frozen=True, slots=True)
class Room:
    """Room in a message: bytes of title and content, and alerts; `icons`: whether the channel shows them."""

    title: int
    content: int
    alerts: int
    icons: bool = True


@dataclass(frozen=True, slots=True)
class DefaultText:
    """Title and content, and how many alerts they tell of."""

    title: str
    content: str
    shown: int
    more: int


class TextWriter:
    """A writer of these texts, in one language and one time zone (None: the machine's)."""

    def __init__(self, language: Language, zone: tzinfo | None) -> None:
        self.words = WORDS[language]
        self._zone = zone

    def written(self, told: Notification, room: Room) -> DefaultText:
        """Return the texts of this notification, as long as there is room; what is left out is counted."""
        head, tail = self._head(told, room), [told.url] if told.url else []
        left = room.content - sum(_size(line) for line in (*head, *tail)) - LONGEST_MORE
        lines, shown = list(head), 0
        for block in self._blocks(told, room.alerts):
            size = sum(_size(line) for line in block)
            if size > left and (shown or left < SHORTEST_BLOCK):
                break
            lines += block if size <= left else _cut_lines(block, left)
            left -= size
            shown += 1
        more = len(told.alerts) - shown + told.more
        end = "\n".join([self.words.more.format(more=more)] * bool(more) + tail)
        body = cut("\n".join(_unrepeated(lines)), max(room.content - _size(end), 0))
        content = "\n".join(filter(None, (body, end))) or self.words.status(told.status)
        return DefaultText(self.title(told, room), cut(content, room.content), shown, more)

    def title(self, told: Notification, room: Room) -> str:
        """Return whether it fires, how much of it, and what it is."""
        icon = f"{ICONS[told.status]} " if room.icons else ""
        own, counts = told.title, [(self.words.firing, told.firing), (self.words.resolved, told.resolved)]
        if own.upper().startswith(("[FIRING", "[RESOLVED")):
            return cut(f"{icon}{own}", room.title)
        several = len(told.alerts) > 1
        status = ", ".join(f"{word}:{len(alerts)}" if several else word for word, alerts in counts if alerts)
        severity = f" ({told.severity})" if told.severity and not own else ""
        return cut(f"{icon}[{status}] {own or told.name or self.words.nameless}{severity}", room.title)

    def time(self, value: str) -> str:
        """Return a time in the configured zone; one that cannot be read stays as it is."""
        try:
            moment = datetime.fromisoformat(value)
            if moment.tzinfo is None:
                return value
            return f"{moment.astimezone(self._zone):%Y-%m-%d %H:%M:%S}"
        except (ValueError, OverflowError):  # the second for the first and the last day of all
            return value

    def _head(self, told: Notification, room: Room) -> list[str]:
        """Return the sender's own message, and what several alerts have in common."""
        lines = cut(told.message, room.content // 2).splitlines()
        if len(told.alerts) > 1:
            labels = _labels({name: value for name, value in told.labels.items() if name not in OWN_LABELS})
            lines += [labels] if labels else []
            lines += _said(told.annotations)
            lines += filter(None, (_common_url(told), told.annotations.get(RUNBOOK, "")))
        return [cut(line, room.content // 4) for line in lines]

    def _blocks(self, told: Notification, most: int) -> Iterator[list[str]]:
        """Yield the lines of each alert, those that are firing first."""
        several, mixed = len(told.alerts) > 1, bool(told.firing and told.resolved)
        number = 0
        for status, alerts in (("firing", told.firing), ("resolved", told.resolved)):
            for index, alert in enumerate(alerts):
                if number == most:
                    return
                number += 1
                section = [f"{self.words.status(status)} ({len(alerts)})"] if mixed and index == 0 else []
                yield [*section, *(self._one_of_several(told, alert) if several else self._only(told, alert))]

    def _one_of_several(self, told: Notification, alert: Alert) -> list[str]:
        own = {name: value for name, value in alert.labels.items() if told.labels.get(name) != value}
        name = f"{alert.name} " if alert.name != told.name else ""
        severity = f"[{alert.severity}] " if alert.severity and "severity" in own else ""
        first = f"• {name}{severity}{_labels({k: v for k, v in own.items() if k not in OWN_LABELS})}".rstrip()
        annotations = {name: text for name, text in alert.annotations.items() if told.annotations.get(name) != text}
        url = "" if alert.url == _common_url(told) else alert.url
        return [first, *(f"  {line}" for line in self._facts(replace(alert, annotations=annotations, url=url)))]

    def _only(self, told: Notification, alert: Alert) -> list[str]:
        if told.source == "zabbix" and told.message:  # it says all that there is, as Zabbix's operator wrote it
            return [alert.url] if alert.url else []
        labels = _labels({name: value for name, value in alert.labels.items() if name not in OWN_LABELS})
        severity = [f"{self.words.severity}: {alert.severity}"] if alert.severity else []
        return [*severity, *([labels] if labels else []), *self._facts(alert)]

    def _facts(self, alert: Alert) -> list[str]:
        lines = _said(alert.annotations)
        if alert.value:
            lines.append(f"{self.words.value}: {alert.value}")
        if alert.starts_at:
            lines.append(f"{self.words.since}: {self.time(alert.starts_at)}")
        if alert.ends_at:
            lines.append(f"{self.words.until}: {self.time(alert.ends_at)}")
        return [*lines, *filter(None, (alert.url, alert.annotations.get(RUNBOOK, "")))]


def cut(text: str, most: int) -> str:
    """Return the text in at most so many bytes of UTF-8; what was cut off is marked."""
    raw = text.encode("utf-8", "replace")
    if len(raw) <= most:
        return raw.decode()
    return f"{raw[: max(most - 3, 0)].decode(errors='ignore').rstrip()}…"


def _cut_lines(lines: Sequence[str], most: int) -> list[str]:
    return cut("\n".join(lines), most).splitlines()


def _said(annotations: Mapping[str, str]) -> list[str]:
    """Return the lines of those annotations that say what happened, each text once."""
    told = dict.fromkeys(annotations.get(name, "") for name in SAYING)
    return [line for text in told for line in text.splitlines() if line.strip()]


def _common_url(told: Notification) -> str:
    urls = {alert.url for alert in told.alerts}
    return urls.pop() if len(urls) == 1 else ""


def _size(line: str) -> int:
    return len(line.encode("utf-8", "replace")) + 1


def _labels(labels: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in labels.items())


def _unrepeated(lines: Sequence[str]) -> list[str]:
    """Return the lines without one that is said just before."""
    return [line for index, line in enumerate(lines) if index == 0 or line != lines[index - 1]]
