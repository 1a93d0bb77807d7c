"""All of cmsi behind one gateway, the services BlueKing has around it, and a Django project, which the SDKs expect.

The packages come with the extra `compat`; without it these tests are skipped.
"""

from collections.abc import AsyncIterator

import pytest

pytest.importorskip("bkapi_component")
pytest.importorskip("bkoauth")
import bkoauth
import django
from bkapi_client_core.config import settings as sdk_settings
from django.conf import settings
from django.core.management import call_command
from django.db import connections

from tests.support.bk_clients import APP, TokenService, forget_tokens, in_a_thread
from tests.support.configuration import SERVICES
from tests.support.gateway import Gateway, OpenGateway, OpenServer, Sandbox
from tests.support.servers.smtp_server import Inbox, smtp_server

CMSI = """\
components:
  - path: /cmsi/send_weixin/
    aliases: [/v2/cmsi/send_weixin/]
    methods: [POST]
    use: cmsi_send_weixin
    config: &wecom
      wx_qy_corpid: ww0000000000000001
      wx_qy_corpsecret: corp-secret
      wx_qy_agentid: 1000002
      wx_qy_host: "${sandbox}"
      wx_qy_member_per_minute: 0
    test_config: {wx_qy_corpsecret: ""}
  - {path: /cmsi/send_qy_weixin/, methods: [POST], use: cmsi_send_qy_weixin, config: *wecom}
  - path: /cmsi/send_mail/
    aliases: [/v2/cmsi/send_mail/]
    methods: [POST]
    use: cmsi_send_mail
    config: {smtp_host: 127.0.0.1, smtp_port: MAIL_PORT, mail_sender: esb@example.com}
  - {path: /cmsi/send_sms/, aliases: [/v2/cmsi/send_sms/], methods: [POST], use: cmsi_send_sms}
  - {path: /cmsi/send_voice_msg/, aliases: [/v2/cmsi/send_voice_msg/], use: cmsi_send_voice_msg, active: false}
  - {path: /cmsi/send_msg/, aliases: [/v2/cmsi/send_msg/], methods: [POST], use: cmsi_send_msg}
  - {path: /cmsi/get_msg_type/, aliases: [/v2/cmsi/get_msg_type/], methods: [GET], use: cmsi_get_msg_type}
"""


@pytest.fixture(scope="session", autouse=True)
def django_project(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Set Django up as an app of BlueKing's does. Django takes settings once in a process."""
    if settings.configured:
        return
    settings.configure(
        APP_CODE=APP["bk_app_code"],
        SECRET_KEY=APP["bk_app_secret"],  # by which BlueKing's packages know an app's secret
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "bkoauth.BkoauthConfig"],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": str(tmp_path_factory.mktemp("django") / "app.sqlite3"),
            }
        },
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        LANGUAGE_CODE="en-us",
        OAUTH_COOKIES_PARAMS={"bk_token": "bk_token"},
        OAUTH_API_URL="http://127.0.0.1:9",
        BKAUTH_BACKEND_TYPE="bk_token",
    )
    django.setup()
    call_command("migrate", verbosity=0)
    connections.close_all()


@pytest.fixture(autouse=True)
def fresh_sdk_settings() -> None:
    """The SDK remembers what it once read of Django's settings."""
    sdk_settings.reset()


@pytest.fixture
async def token_service(open_server: OpenServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[TokenService]:
    service = TokenService()
    service.url = await open_server(service.application())
    monkeypatch.setattr(bkoauth.oauth_client, "api_url", service.url)
    yield service
    await in_a_thread(forget_tokens)


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
async def gateway(
    open_gateway: OpenGateway, sandbox: Sandbox, token_service: TokenService, inbox: Inbox
) -> AsyncIterator[Gateway]:
    """All of cmsi; `users` and `apps` as everywhere."""
    access_tokens = f'  access_tokens: {{use: bk_ssm, config: {{url: "{token_service.url}", app_secret: s}}}}\n'
    async with smtp_server(inbox) as port:
        config = SERVICES + access_tokens + CMSI.replace("MAIL_PORT", str(port))
        yield await open_gateway(config=config, sandbox_url=sandbox.url)
