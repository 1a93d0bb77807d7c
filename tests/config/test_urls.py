"""Addresses in esb.yaml: a wrong one is a mistake of `esb check`, not of every call."""

from pathlib import Path

import pytest

from esb.config import load
from esb.config.urls import fault
from esb.core.errors import ConfigError
from esb.gateway.app import create_app

GOOD = [
    "http://127.0.0.1:8089",
    "https://qyapi.weixin.qq.com",
    "https://host/a/path",
    "HTTP://[::1]:80/",
    "http://u:p@h",
]
BAD = [
    "qyapi.weixin.qq.com",
    "127.0.0.1:8089",
    "socks5://127.0.0.1:1080",
    "ftp://h",
    "http://",
    "http:/h",
    "http://h:x",
]
BAD += ["http://h:99999", "http://h/a b", "http://h\\@g", "http://[::1", "http://h\n", ""]


@pytest.mark.parametrize("url", GOOD)
def test_an_address_to_ask_by_http_is_one(url: str) -> None:
    assert fault(url, base=True) is None


@pytest.mark.parametrize("url", BAD)
def test_what_is_no_address_is_told_without_repeating_it(url: str) -> None:
    text = fault(url, base=True)
    assert text is not None
    assert len(url) < 10 or url not in text


def test_only_the_whole_of_an_address_may_have_a_query() -> None:
    assert fault("https://h/hook?key=1", base=False) is None
    assert fault("https://h/hook?key=1", base=True) is not None
    assert fault("https://h/#a", base=True) is not None


KEYS = [
    (
        "services:\n  apps: {use: bk_auth, config: {url: URL, app_code: a, app_secret: b}}\n",
        "",
        "services.apps.config.url",
    ),
    ("services:\n  login: {use: bk_login, config: {url: URL, app_token: t}}\n", "", "services.login.config.url"),
    ("services:\n  users: {use: bk_user, config: {url: URL}}\n", "", "services.users.config.url"),
    (
        "services:\n  access_tokens: {use: bk_ssm, config: {url: URL, app_code: a, app_secret: b}}\n",
        "",
        "services.access_tokens.config.url",
    ),
    (
        "",
        "cmsi_send_qy_weixin, config: {wx_qy_corpid: c, wx_qy_corpsecret: s, wx_qy_agentid: 1, wx_qy_host: URL}",
        "wx_qy_host",
    ),
    (
        "",
        "cmsi_send_qy_weixin, config: {wx_qy_corpid: c, wx_qy_corpsecret: s, wx_qy_agentid: 1, wx_proxy: URL}",
        "wx_proxy",
    ),
    ("", "cmsi_send_mp_weixin, config: {wx_app_id: a, wx_secret: s, wx_template_id: t, wx_mp_host: URL}", "wx_mp_host"),
    ("", "cmsi_send_wecom_robot, config: {webhook_key: k, wx_qy_host: URL}", "wx_qy_host"),
    ("", "cmsi_send_wecom_robot, config: {webhook_key: k, wx_proxy: URL}", "wx_proxy"),
    ("", "cmsi_send_mail, config: {dest_url: URL}", "dest_url"),
    ("", "cmsi_send_sms, config: {dest_url: URL}", "dest_url"),
    ("", "cmsi_send_voice_msg, config: {dest_url: URL}", "dest_url"),
    ("", "cmsi_send_sms, config: {tencent_host: URL}", "tencent_host"),
]


def mistakes(tmp_path: Path, services: str, component: str, url: str) -> list[str]:
    path = tmp_path / "esb.yaml"
    stanza = f"  - {{path: /a/b/, use: {component}}}\n" if component else "  - {path: /a/b/, use: cmsi_get_msg_type}\n"
    path.write_text(f"version: 1\n{services}components:\n{stanza}".replace("URL", f'"{url}"'))
    try:
        create_app(load(path, {}))
    except ConfigError as error:
        return [mistake.key for mistake in error.mistakes]
    return []


@pytest.mark.parametrize(("services", "component", "key"), KEYS)
def test_every_key_that_is_an_address_is_checked(tmp_path: Path, services: str, component: str, key: str) -> None:
    (wrong,) = mistakes(tmp_path, services, component, "socks5://127.0.0.1:1080")
    assert wrong.endswith(key)
    assert mistakes(tmp_path, services, component, "http://127.0.0.1:1080") == []


@pytest.mark.parametrize(
    ("component", "url", "sound"),
    [
        ("cmsi_send_sms, config: {tencent_host: URL}", "sms.example.com", True),
        ("cmsi_send_sms, config: {tencent_host: URL}", "", True),
        ("cmsi_send_sms, config: {tencent_host: URL}", "sms example", False),
        ("cmsi_send_mail, config: {dest_url: URL}", "", True),
        ("cmsi_send_mail, config: {dest_url: URL}", "https://h/hook?key=1", True),
        ("cmsi_send_wecom_robot, config: {webhook_key: k, wx_qy_host: URL}", "", False),
    ],
)
def test_some_may_be_empty_and_one_may_be_a_host_alone(tmp_path: Path, component: str, url: str, sound: bool) -> None:
    assert (mistakes(tmp_path, "", component, url) == []) is sound
