"""use: alert_webhook: the webhooks of Alertmanager, Grafana and Zabbix, and plain JSON, as messages.

Each notification becomes one message through another component of this gateway; firing and resolved are told apart.
A repetition of a notification, as its sender makes it when it got no answer, is not sent again: one is known by its
group, its alerts and their times, for some minutes. So what is told again after hours is sent again.
"""

from collections.abc import Mapping
from typing import Any

from esb import Call, Component, Envelope, ParameterError, Params, Repetition, Services
from esb.channels.answer_schema import Delivered, Previewed
from esb.plugins.alert_webhook import formats
from esb.plugins.alert_webhook.config import AlertWebhookConfig, Route
from esb.plugins.alert_webhook.default_text import TextWriter
from esb.plugins.alert_webhook.message import Message, MessageMaker
from esb.plugins.alert_webhook.notification import Notification


class AlertWebhook(Component[AlertWebhookConfig, Params]):
    """Takes the webhook of an alert manager (Alertmanager, Grafana, Zabbix, or plain JSON) and sends it as one message.

    HTTP status tells the sender what to do: 2xx it was sent, 5xx try again, 4xx do not.
    """

    config_type = AlertWebhookConfig
    answer_type = Delivered | Previewed | Any
    sends = True
    tells_status = True
    has_environments = False  # the component it calls looks at the header itself

    def __init__(self, config: AlertWebhookConfig, services: Services) -> None:
        super().__init__(config, services)
        writer = TextWriter(config.language, services.timezone)
        self._routes = [(route, MessageMaker(config, route, writer)) for route in config.routes]
        self._otherwise = MessageMaker(config, None, writer)
        self._any_keys = config.content is not None

    def calls(self) -> Mapping[tuple[str | int, ...], str]:
        found: dict[tuple[str | int, ...], str] = {("to",): self.config.to}
        for index, route in enumerate(self.config.routes):
            if route.to is not None:
                found["routes", index, "to"] = route.to
        return found

    def repetition(self, call: Call) -> Repetition | None:
        if not self.config.retry_window:
            return None
        try:
            key = self._read(call).key
        except ParameterError:
            return None  # `handle` tells
        return Repetition(key, self.config.retry_window) if key else None

    async def handle(self, call: Call, params: Params) -> Any:
        told = self._read(call)
        message = self._maker(told).message(told, call.args)
        answer = await self.services.call(call, message.to, message.params)
        if isinstance(answer, Envelope) or not (answer is None or isinstance(answer, dict)):
            return answer  # another system's own
        return _with_alert(answer, told, message)

    def _read(self, call: Call) -> Notification:
        return formats.read(call.args, self.config.format, any_keys=self._any_keys)

    def _maker(self, told: Notification) -> MessageMaker:
        return next((maker for route, maker in self._routes if _matches(route, told)), self._otherwise)


def _matches(route: Route, told: Notification) -> bool:
    """Return True if one alert of the notification has all that the route asks for."""
    wanted = {name: (value,) if isinstance(value, str) else value for name, value in route.match.items()}
    for alert in told.alerts:
        found = {"status": alert.status, "source": told.source, "receiver": told.receiver, **alert.labels}
        if all(found.get(name, "") in values for name, values in wanted.items()):
            return True
    return False


def _with_alert(answer: dict[str, Any] | None, told: Notification, message: Message) -> dict[str, Any]:
    """Return the data of the channel's answer, and with it what was made of the notification."""
    summary = {
        "source": told.source,
        "status": told.status,
        "alerts": message.shown,
        "more": message.more,
        "to": message.to,
    }
    data = {**(answer or {}), "alert": summary}
    if message.warnings:
        data["warnings"] = [
            *data.get("warnings", ()),
            *({"field": "template", "what": each} for each in message.warnings),
        ]
    return data
