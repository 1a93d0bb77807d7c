"""The console over the configurations that a stranger begins with: what is filled in is enough."""

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, CookieJar
from click.testing import CliRunner

from esb.cli.main import main
from esb.cli.packaged import or_packaged
from esb.cli.pages import with_portal
from esb.config import ConfigSource
from esb.portal.console import DRY_RUN, SEND
from esb.server.deployment import deployed
from tests.support.portal import JSON, Portal, form_of
from tests.support.repository import ROOT

SENDERS = ("send_weixin", "send_mail", "send_sms", "send_voice_msg")


@asynccontextmanager
async def open_with_portal(file: Path) -> AsyncIterator[Portal]:
    """A portal over this configuration, as `esb dev` has it."""
    async with (
        ClientSession(cookie_jar=CookieJar(unsafe=True)) as browser,
        deployed(ConfigSource(file, {}), None, 0, [], always_sandbox=True, adapt=with_portal) as deployment,
    ):
        assert deployment.portal_url is not None
        yield Portal(deployment.portal_url, deployment, browser, file, "")


async def sent(portal: Portal, component: str, action: str) -> Any:
    """Return what becomes of the form as it comes."""
    path = f"/c/cmsi/{component}/try"
    form = {**form_of(await portal.get(path)), "action": action}
    async with portal.browser.post(portal.url + path, data=form, headers=JSON) as response:
        return await response.json()


@pytest.fixture(params=["packaged", "conf"])
def demo(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """Yield the configuration of `esb dev` in an empty folder, and that of the repository."""
    with or_packaged(None) as packaged:
        file = tmp_path / "esb.yaml"
        file.write_text((ROOT / "conf" / "esb.yaml").read_text().replace("port: 8089", "port: 0"))
        yield file if request.param == "conf" else Path(packaged)


async def test_each_form_of_the_demo_can_be_tried_and_sent_as_it_comes(demo: Path) -> None:
    async with open_with_portal(demo) as portal:
        for component in SENDERS:
            tried = await sent(portal, component, DRY_RUN)
            assert tried["ok"], tried
            assert tried["dry_run"]
            told = await sent(portal, component, SEND)
            assert told["ok"], told
            assert [each["fate"] for each in told["receivers"]] == ["accepted"]
            assert len(told["arrived"]) == 1, told


async def test_a_secret_that_was_drawn_is_where_the_form_says_and_nowhere_else(tmp_path: Path) -> None:
    assert CliRunner().invoke(main, ["init", str(tmp_path)]).exit_code == 0
    file = tmp_path / "esb.yaml"
    file.write_text(file.read_text().replace("port: 8089", "port: 0"))
    secret = re.search(r":-([\w-]{20,})\}", file.read_text())
    assert secret is not None
    async with open_with_portal(file) as portal:
        page = await portal.get("/c/cmsi/send_weixin/try")
        assert secret[1] not in page
        place = re.search(r"esb\.yaml:(\d+)", page)
        assert place is not None
        assert secret[1] in file.read_text().splitlines()[int(place[1]) - 1]
