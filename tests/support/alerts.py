"""The webhooks of alert managers, as they send them, and a gateway that takes them."""

from typing import Any

TOKEN = "0123456789abcdef-HOOK"
HOOK = f"/api/c/compapi/alerts/hook/{TOKEN}/"

ALERTMANAGER: dict[str, Any] = {
    "receiver": "esb",
    "status": "firing",
    "alerts": [
        {
            "status": "firing",
            "labels": {
                "alertname": "HighCPU",
                "cluster": "prod",
                "instance": "web-1:9100",
                "job": "node",
                "severity": "warning",
            },
            "annotations": {
                "summary": "CPU of web-1 over 90 %",
                "description": "It has been for 5 minutes.",
                "runbook_url": "https://runbooks.example.com/cpu",
            },
            "startsAt": "2026-11-30T01:58:13.512Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://prometheus.example.com/graph?g0.expr=cpu+%3E+90&g0.tab=1",
            "fingerprint": "c6eadffa33fcdf37",
        },
        {
            "status": "firing",
            "labels": {
                "alertname": "HighCPU",
                "cluster": "prod",
                "instance": "db-1:9100",
                "job": "node",
                "severity": "critical",
            },
            "annotations": {"summary": "CPU of db-1 over 90 %"},
            "startsAt": "2026-11-30T02:01:13.512Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://prometheus.example.com/graph?g0.expr=cpu+%3E+90&g0.tab=1",
            "fingerprint": "bc97ff14869b13e3",
        },
    ],
    "groupLabels": {"alertname": "HighCPU"},
    "commonLabels": {"alertname": "HighCPU", "cluster": "prod", "job": "node"},
    "commonAnnotations": {},
    "externalURL": "http://alertmanager.example.com",
    "version": "4",
    "groupKey": '{}:{alertname="HighCPU"}',
    "truncatedAlerts": 0,
}
GRAFANA: dict[str, Any] = {
    "receiver": "My Super Webhook",
    "status": "firing",
    "orgId": 1,
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "High memory usage", "team": "blue", "zone": "us-1"},
            "annotations": {
                "description": "The system has high memory usage",
                "runbook_url": "https://myrunbook.example.com/runbook/1234",
                "summary": "This alert was triggered for zone us-1",
            },
            "startsAt": "2026-11-30T09:51:03.157076+08:00",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "https://grafana.example.com/alerting/1afz29v7z/edit",
            "fingerprint": "c6eadffa33fcdf37",
            "silenceURL": "https://grafana.example.com/alerting/silence/new?alertmanager=grafana",
            "dashboardURL": "https://grafana.example.com/d/abc",
            "panelURL": "https://grafana.example.com/d/abc?viewPanel=2",
            "values": {"B": 44.23943737541908, "C": 1},
            "valueString": "[ var='B' labels={} value=44.23943737541908 ]",
        }
    ],
    "groupLabels": {"alertname": "High memory usage"},
    "commonLabels": {"alertname": "High memory usage", "team": "blue", "zone": "us-1"},
    "commonAnnotations": {},
    "externalURL": "https://grafana.example.com/",
    "version": "1",
    "groupKey": '{}:{alertname="High memory usage"}',
    "truncatedAlerts": 0,
    "title": "[FIRING:1] High memory usage (blue us-1)",
    "state": "alerting",
    "message": "**Firing**\n\nValue: B=44.2, C=1\nLabels:\n - alertname = High memory usage\n",
}
ZABBIX: dict[str, Any] = {
    "alert_subject": "Problem: Disk space is low (used > 90%)",
    "alert_message": "Problem started at 10:11:12 on 2026.11.30\nHost: db-1\nSeverity: High\nOriginal problem ID: 4711",
    "event_date": "2026.11.30",
    "event_id": "4711",
    "event_name": "Disk space is low (used > 90%)",
    "event_nseverity": "4",
    "event_recovery_date": "{EVENT.RECOVERY.DATE}",
    "event_recovery_time": "{EVENT.RECOVERY.TIME}",
    "event_severity": "High",
    "event_source": "0",
    "event_tags": "component:storage, scope:capacity",
    "event_time": "10:11:12",
    "event_update_status": "0",
    "event_value": "1",
    "host_ip": "10.0.0.7",
    "host_name": "db-1",
    "trigger_id": "23301",
    "zabbix_url": "https://zabbix.example.com/zabbix",
}


def resolved(webhook: dict[str, Any]) -> dict[str, Any]:
    """Return the webhook that tells of the end of all these alerts, of Alertmanager or Grafana."""
    ended = [{**alert, "status": "resolved", "endsAt": "2026-11-30T02:30:00Z"} for alert in webhook["alerts"]]
    title = {"title": webhook["title"].replace("FIRING", "RESOLVED")} if "title" in webhook else {}
    return {**webhook, "status": "resolved", "alerts": ended, **title}


def many(number: int, **labels: str) -> dict[str, Any]:
    """Return a webhook of Alertmanager with so many alerts."""
    alerts = [
        {
            **ALERTMANAGER["alerts"][0],
            "labels": {**ALERTMANAGER["alerts"][0]["labels"], "instance": f"web-{index}", **labels},
            "fingerprint": f"{index:016x}",
        }
        for index in range(number)
    ]
    return {**ALERTMANAGER, "alerts": alerts}


def stanza(config: str = "to: /cmsi/send_weixin/, params: {receiver: zhangsan}", more: str = "") -> str:
    """Return a YAML list item of an alert_webhook with a token, and one without."""
    return f"""\
  - path: "/alerts/hook/{{token}}/"
    name: alerts.hook
    use: alert_webhook
    methods: [POST]
    tokens: [{{app: esb_demo, token: {TOKEN}}}]
    config: &alerts {{{config}}}
{more}  - {{path: /alerts/hook/, name: alerts.hook, use: alert_webhook, methods: [POST], config: *alerts,
     middlewares: [{{use: app_auth}}, {{use: permission}}]}}
"""
