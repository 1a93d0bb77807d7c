"""The form of a webhook: as the configuration says, or else by what stands in it."""

from collections.abc import Mapping
from typing import Any

from esb.plugins.alert_webhook import alertmanager, plain, zabbix
from esb.plugins.alert_webhook.notification import Notification, Source


def format_of(body: Mapping[str, Any]) -> Source:
    """Return whose webhook this is; "json" for one of nobody who is known here."""
    if alertmanager.is_one(body):
        return "grafana" if alertmanager.is_grafanas(body) else "alertmanager"
    return "zabbix" if zabbix.is_one(body) else "json"


def read(body: Mapping[str, Any], source: Source | None, *, any_keys: bool = False) -> Notification:
    """Return the notification in this form, None for one to recognise. ParameterError if it cannot be read.

    `any_keys`: plain JSON may say what it likes, since a template makes the text of it.
    """
    found = format_of(body) if source is None else source
    if found in ("alertmanager", "grafana"):
        return alertmanager.read(body, found)
    return zabbix.read(body) if found == "zabbix" else plain.read(body, any_keys=any_keys)
