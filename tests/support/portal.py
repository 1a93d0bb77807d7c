"""A portal as `esb serve` has it: with its gateway, a sandbox, a database and an admin listener."""

import html
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import ClientResponse, ClientSession, CookieJar, FormData

from esb.config import ConfigSource
from esb.database.engine import Database
from esb.server.deployment import Deployment, deployed
from tests.support.configuration import DEMO, MESSAGE, OFFICIAL_ACCOUNT, SEND_WEIXIN, WECOM
from tests.support.databases import open_database, stanza
from tests.support.ports import free_port
from tests.support.processes.deployment import ADMIN_TOKEN, BEARER, TOKENS

JSON = {"Accept": "application/json"}
APPS = """\
  apps:
    use: chain
    config:
      backends:
        - use: static
          config: {apps: [{code: esb_demo, secrets: [demo-secret], impersonate: ["*"], components: ["*"]}]}
        - {use: sql}
"""
USERS = """\
  login: {use: static, config: {tokens: {demo-token: admin}}}
  users: {use: static, config: {users: [{username: admin, wx_userid: zhangsan}, {username: lisi, wx_userid: lisi}]}}
"""
COMPONENTS = WECOM + OFFICIAL_ACCOUNT.replace("/cmsi/send_weixin/", "/cmsi/send_mp_weixin/").replace(
    "use: cmsi_send_weixin", "use: cmsi_send_mp_weixin"
).replace("wx_type: mp, ", "")


@dataclass
class Portal:
    """A portal, and a browser without JavaScript: it keeps cookies, and sends forms as they stand in a page."""

    url: str
    deployment: Deployment
    browser: ClientSession
    file: Path
    database_url: str

    def database(self) -> AbstractAsyncContextManager[Database]:
        """Open its database, for what no page writes."""
        return open_database(self.database_url)

    async def get(self, path: str, status: int = 200, headers: Mapping[str, str] | None = None) -> str:
        """Return the text of a page that is answered with this status."""
        async with self.browser.get(self.url + path, headers=headers) as response:
            text = await response.text()
            assert response.status == status, text
            return text

    async def json(self, path: str, status: int = 200) -> Any:
        """Return a page as JSON."""
        async with self.browser.get(self.url + path, headers=JSON) as response:
            assert response.status == status, await response.text()
            return await response.json()

    async def post(self, path: str, form: Mapping[str, str] | None = None, on: str = "/login") -> ClientResponse:
        """Send a form with the CSRF token of the page `on`; redirects are followed."""
        token = csrf_of(await self.get(on))
        data = FormData({"csrf": token, **(form or {})})
        response = await self.browser.post(self.url + path, data=data)
        await response.read()
        return response

    async def log_in(self, token: str = ADMIN_TOKEN) -> ClientResponse:
        """Log in as an operator."""
        return await self.post("/login", {"token": token})

    async def page_after(self, path: str, status: int = 200, /, **form: str) -> str:
        """Return the page that a form about apps leads to, which is answered with this status."""
        response = await self.post(path, form, on="/apps")
        text = await response.text()
        assert response.status == status, text
        return text

    async def administer(self, method: str, path: str, body: Mapping[str, Any]) -> Any:
        """Return what the admin listener answers."""
        port = re.search(r"admin: \{port: (\d+)", self.file.read_text())
        assert port is not None
        url = f"http://127.0.0.1:{port[1]}{path}"
        async with self.browser.request(method, url, json=body, headers=BEARER) as response:
            assert response.status < 400, await response.text()
            return await response.json()

    async def send(self, **more: Any) -> dict[str, Any]:
        """Return the envelope of a send_weixin that an app makes."""
        body = {**DEMO, "receiver": "zhangsan", "data": MESSAGE, **more}
        async with self.browser.post(f"{self.deployment.url}/api/c/compapi/{SEND_WEIXIN}/", json=body) as response:
            envelope: dict[str, Any] = await response.json()
            return envelope


def csrf_of(page: str) -> str:
    """Return the CSRF token of the forms on a page."""
    found = re.search(r'name="csrf" value="([0-9a-f]+)"', page)
    assert found is not None, "a page without a form"
    return found[1]


def form_of(text: str) -> dict[str, str]:
    """Return the fields of all forms of a page as a browser would send them, but for buttons."""
    found = {}
    for tag in re.findall(r"<input [^>]*>", text):
        attributes = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        if attributes.get("type") != "checkbox" or " checked" in tag:
            found[attributes["name"]] = html.unescape(attributes.get("value", ""))
    for name, value in re.findall(r'<textarea [^>]*name="([^"]+)"[^>]*>\n?([^<]*)</textarea>', text):
        found[name] = html.unescape(value)
    return found


@asynccontextmanager
async def open_portal(
    folder: Path,
    components: str = COMPONENTS,
    *,
    keys: str = "",
    admin_keys: str = TOKENS,
    more: str = "",
    has_database: bool = True,
) -> AsyncIterator[Portal]:
    """A portal at a free port, over SQLite; `keys` are more of its stanza: `, trusted_header: …`."""
    database = f"sqlite:///{folder / 'esb.db'}"
    if has_database:
        async with open_database(database):
            pass
    apps = APPS if has_database else APPS.replace("        - {use: sql}\n", "")
    file = folder / "esb.yaml"
    file.write_text(
        "version: 1\n"
        f"server: {{admin: {{port: {free_port()}{admin_keys}}}, portal: {{port: 0{keys}}}}}\n"
        f"sandbox: {{port: 0}}\n"
        f"services:\n{apps}{USERS}{stanza(database) if has_database else ''}"
        f"{'deliveries: {run: here}' if has_database else ''}\n{more}components:\n{components}"
    )
    jar = CookieJar(unsafe=True)  # of an address, not a name
    async with (
        ClientSession(cookie_jar=jar) as browser,
        deployed(ConfigSource(file, {}), None, 0, []) as deployment,
    ):
        assert deployment.portal_url is not None
        yield Portal(deployment.portal_url, deployment, browser, file, database)
