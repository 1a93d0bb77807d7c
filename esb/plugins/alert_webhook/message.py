"""A message made of a notification: by the templates of one route, or by the default texts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from esb import EsbError, Reason
from esb.plugins.alert_webhook import channels
from esb.plugins.alert_webhook.config import AlertWebhookConfig, Route
from esb.plugins.alert_webhook.default_text import ICONS, DefaultText, Room, TextWriter, cut
from esb.plugins.alert_webhook.notification import Alert, Notification, text
from esb.plugins.alert_webhook.template_errors import TemplateFailed
from esb.plugins.alert_webhook.template_texts import is_template, template_of

MOST_VALUES = 2000
"""Values of a body that templates see."""


@dataclass(frozen=True, slots=True)
class Message:
    """A call that sends a notification, and what is to be told of it."""

    to: str
    params: Mapping[str, Any]
    shown: int
    more: int
    warnings: Sequence[str]


class MessageMaker:
    """The maker of messages for one destination."""

    def __init__(self, config: AlertWebhookConfig, route: Route | None, writer: TextWriter) -> None:
        self.to = config.to if route is None or route.to is None else route.to
        self._channel = channels.channel_at(self.to)
        params = channels.over(config.params, {} if route is None else route.params)
        self._is_html = channels.is_html(self._channel, params)
        title, content = (getattr(route, name, None) or getattr(config, name) for name in ("title", "content"))
        self._title, self._content = self._made(title), self._made(content, html=self._is_html)
        self._params = self._made(params)
        most = config.max_bytes or self._channel.content
        self._room = Room(self._channel.title, most, config.max_alerts, self._channel.icons)
        self._writer = writer

    def _made(self, value: Any, *, html: bool = False) -> Any:
        """Return the value with a Template in the place of each text that is one."""
        if isinstance(value, str) and is_template(value):
            return template_of(value, html=html)
        if isinstance(value, Mapping):
            return {name: self._made(part) for name, part in value.items()}
        return [self._made(part) for part in value] if isinstance(value, list | tuple) else value

    def message(self, told: Notification, body: Mapping[str, Any]) -> Message:
        """Return the message; a text whose template fails is a default one. EsbError if that of a parameter fails."""
        default = self._writer.written(told, self._room)
        scene = _Scene(self._values(told, default, body))
        title = cut(" ".join((scene.text(self._title, "title") or default.title).split()), self._room.title)
        content = scene.text(self._content, "content")
        if content:
            content = content if self._is_html else cut(content, self._room.content)
        else:
            content = channels.as_html(default.content) if self._is_html else default.content
        if scene.failures:
            failures = "\n".join(scene.failures)
            content = f"{content}\n{channels.as_html(failures) if self._is_html else failures}"
        params = channels.filled(self._channel, scene.values(self._params, "params"), title, content)
        return Message(self.to, params, default.shown, default.more, [*scene.failures, *scene.warnings])

    def _values(self, told: Notification, default: DefaultText, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the variables of templates."""
        firing, resolved = told.firing, told.resolved
        shown = [*firing, *resolved][: self._room.alerts]
        alerts = [self._alert(alert) for alert in shown]
        return {
            "alerts": alerts,
            "annotations": told.annotations,
            "body": _Bounded(MOST_VALUES).value(body),
            "content": default.content,
            "count": len(told.alerts) + told.more,
            "firing": [alert for alert in alerts if alert["status"] == "firing"],
            "group": told.group,
            "icon": ICONS[told.status],
            "labels": told.labels,
            "message": told.message,
            "more": len(told.alerts) - len(shown) + told.more,
            "name": told.name,
            "receiver": told.receiver,
            "resolved": [alert for alert in alerts if alert["status"] == "resolved"],
            "severity": told.severity,
            "source": told.source,
            "status": told.status,
            "status_text": self._writer.words.status(told.status),
            "title": default.title,
            "url": told.url,
        }

    def _alert(self, alert: Alert) -> dict[str, Any]:
        return {
            "status": alert.status,
            "name": alert.name,
            "severity": alert.severity,
            "labels": alert.labels,
            "annotations": alert.annotations,
            "starts_at": self._writer.time(alert.starts_at),
            "ends_at": self._writer.time(alert.ends_at),
            "url": alert.url,
            "fingerprint": alert.fingerprint,
            "value": alert.value,
        }


class _Scene:
    """The values of one rendering; `failures` are lines for the message, `warnings` for the answer."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values
        self.failures: list[str] = []
        self.warnings: list[str] = []

    def text(self, template: Any, key: str) -> str:
        """Return the text of a template, or a text as it is; "" if it fails, is blank or left out."""
        if template is None or isinstance(template, str):
            return template or ""
        try:
            return self._rendered(template, key).strip()
        except EsbError as error:
            self.failures.append(str(error))
            return ""

    def values(self, value: Any, key: str) -> Any:
        """Return a value in which every template has become its text. EsbError if one fails."""
        if isinstance(value, dict):
            return {name: self.values(part, f"{key}.{name}") for name, part in value.items()}
        if isinstance(value, list):
            return [self.values(part, f"{key}[{index}]") for index, part in enumerate(value)]
        return self._rendered(value, key).strip() if hasattr(value, "rendered") else value

    def _rendered(self, template: Any, key: str) -> str:
        try:
            made, missing = template.rendered(self._values)
        except TemplateFailed as error:
            raise EsbError(
                "the template of {key} failed: {why}", call_reason=Reason.COMPONENT, key=key, why=str(error)
            ) from error
        self.warnings += [f"{key}: there is no {name}" for name in missing]
        return str(made)


class _Bounded:
    """A copier of JSON with at most so many values, and bounded texts."""

    def __init__(self, most: int) -> None:
        self._left = most

    def value(self, value: Any) -> Any:
        self._left -= 1
        if isinstance(value, Mapping):
            return {text(name): self.value(part) for name, part in value.items() if self._left > 0}
        if isinstance(value, list):
            return [self.value(part) for part in value if self._left > 0]
        return text(value) if isinstance(value, str) else value
