"""The parameters by which each channel gets title and content."""

from typing import Any

import pytest

from esb.plugins.alert_webhook.channels import CHANNELS, over
from esb.plugins.alert_webhook.config import AlertWebhookConfig
from esb.plugins.alert_webhook.default_text import TextWriter
from esb.plugins.alert_webhook.formats import read
from esb.plugins.alert_webhook.message import MessageMaker
from tests.support.alerts import many

WEBHOOK = {"title": "<b>disk</b>", "message": "90 % & more\nof /var"}


def params(to: str, webhook: dict[str, Any] = WEBHOOK, **config: Any) -> dict[str, Any]:
    checked = AlertWebhookConfig.model_validate({"to": to, **config})
    maker = MessageMaker(checked, None, TextWriter(checked.language, None))
    return dict(maker.message(read(webhook, None), webhook).params)


def test_every_channel_gets_its_own_form() -> None:
    title, text = "🔥 [FIRING] <b>disk</b>", "90 % & more\nof /var"
    assert params("/cmsi/send_weixin/") == {"data": {"heading": title, "message": text}}
    assert params("/v2/cmsi/send_mp_weixin/") == {"data": {"heading": title, "message": text}}
    assert params("/cmsi/send_wecom_robot/") == {"content": f"{title}\n{text}"}
    assert params("/cmsi/send_mail/") == {"title": title, "content": text, "body_format": "Text"}
    assert params("/cmsi/send_sms/") == {"content": f"[FIRING] <b>disk</b>\n{text}"}
    assert params("/cmsi/send_voice_msg/") == {"auto_read_message": f"[FIRING] <b>disk</b>\n{text}"}
    assert params("/chat/own/") == {"title": title, "content": text}


def test_params_lie_over_the_form_and_null_leaves_one_out() -> None:
    config = {"text": "{{ title }}: {{ message }}", "title": None, "content": None, "more": {"at": ["{{ status }}", 1]}}
    assert params("/chat/own/", params=config) == {
        "text": "🔥 [FIRING] <b>disk</b>: 90 % & more\nof /var",
        "more": {"at": ["firing", 1]},
    }
    assert params("/cmsi/send_weixin/", params={"data": {"date": "D"}})["data"].keys() == {"heading", "message", "date"}


def test_mail_in_html_is_escaped() -> None:
    html = {"body_format": "Html"}
    assert params("/cmsi/send_mail/", params=html)["content"] == "90 % &amp; more<br>\nof /var"
    made = params("/cmsi/send_mail/", params=html, content="<p>{{ message }}</p>", title="{{ message }}")
    assert (made["content"], made["title"]) == ("<p>90 % &amp; more\nof /var</p>", "90 % & more of /var")
    broken = params("/cmsi/send_mail/", params=html, content="{{ 1 / 0 }}<i>")
    assert broken["content"].endswith(
        "<br>\nof /var\nthe template of content failed: ZeroDivisionError: division by zero"
    )


@pytest.mark.parametrize("name", CHANNELS)
def test_no_text_is_longer_than_its_channel_shows(name: str) -> None:
    channel = CHANNELS[name]
    webhook = many(400, cluster="很长的名字" * 40)
    for text in (None, "{{ content }}" * 100):
        made = params(f"/cmsi/{name}/", webhook, **({"content": text} if text else {}))
        texts = [value for value in (*made.values(), *made.get("data", {}).values()) if isinstance(value, str)]
        assert max(len(value.encode()) for value in texts) <= channel.title + 1 + channel.content


def test_a_bound_of_its_own_counts() -> None:
    made = params("/cmsi/send_wecom_robot/", many(40), max_bytes=400, max_alerts=2)
    assert len(made["content"].encode()) < 500
    assert "• instance=web-0\n" in made["content"]
    assert "… and 38 more" in made["content"]


def test_over_merges_mappings_and_replaces_all_else() -> None:
    assert over({"a": {"b": 1, "c": 2}, "d": [1]}, {"a": {"b": None, "e": 3}, "d": [2]}) == {
        "a": {"b": None, "c": 2, "e": 3},
        "d": [2],
    }
