"""Apps over the admin listener: written with a token, told in its name, refused in words, and secrets told once."""

import asyncio
import json
import os
import pwd
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, UnixConnector
from sqlalchemy import update

from esb.config import ConfigSource
from esb.database.apps import APP
from esb.server.deployment import deployed
from tests.support.databases import open_database, stanza
from tests.support.ports import free_port
from tests.support.processes.command_line import running
from tests.support.processes.deployment import BEARER, TOKENS
from tests.support.registry import switch_off
from tests.support.use import write_use

CONFIG = """\
version: 1
server: {{admin: {{port: {port}{keys}}}}}
services:
  apps: {{use: static, config: {{apps: []}}}}
{database}components:
  - {{path: /cc/hosts/, use: "tests.support.components:Echo"}}
"""


class Admin:
    """The admin listener of a gateway whose database has its tables."""

    def __init__(self, url: str, http: ClientSession) -> None:
        self.url = url
        self.http = http
        self.answers: list[str] = []

    async def ask(
        self, method: str, path: str, body: Any = None, status: int = 200, headers: dict[str, str] | None = None
    ) -> Any:
        """Return what it answers with this status."""
        headers = BEARER if headers is None else headers
        async with self.http.request(method, self.url + path, json=body, headers=headers) as response:
            text = await response.text()
            assert response.status == status, text
            if path.startswith(("/-/apps", "/-/history")) and response.status not in {401, 403}:
                assert response.headers["Cache-Control"] == "no-store"
            self.answers.append(text)
            return json.loads(text)

    async def status(self, method: str, path: str, body: Any = None) -> int:
        """Return the status of its answer."""
        async with self.http.request(method, self.url + path, json=body, headers=BEARER) as response:
            return response.status

    async def history(self) -> list[dict[str, Any]]:
        """Return the rows of the history, oldest first."""
        rows: list[dict[str, Any]] = (await self.ask("GET", "/-/history"))["history"]
        return rows[::-1]


@asynccontextmanager
async def listening(folder: Path, http: ClientSession, database: str, keys: str = TOKENS) -> AsyncIterator[Admin]:
    port = free_port()
    file = folder / "esb.yaml"
    file.write_text(CONFIG.format(port=port, keys=keys, database=database))
    async with deployed(ConfigSource(file, {}), None, 0, []):
        yield Admin(f"http://127.0.0.1:{port}", http)


def contents(folder: Path, pattern: str) -> dict[Path, bytes]:
    """Return what stands in the files of this folder."""
    found = {}
    for path in folder.glob(pattern):
        with suppress(OSError):  # a folder, or a process that has ended
            found[path] = path.read_bytes()
    return found


@pytest.fixture
async def admin(tmp_path: Path, http: ClientSession) -> AsyncIterator[Admin]:
    url = f"sqlite:///{tmp_path}/data.db"
    async with open_database(url), listening(tmp_path, http, stanza(url)) as found:
        yield found


@pytest.fixture
async def monitor(admin: Admin) -> Admin:
    await admin.ask("POST", "/-/apps", {"code": "monitor"}, 201)
    return admin


# Apps


async def test_a_new_app_is_answered_with_its_secret(admin: Admin) -> None:
    body = {"code": "monitor", "owners": ["zhang"], "settings": {"region": "south"}, "expires": "90d"}
    made = await admin.ask("POST", "/-/apps", body, 201)
    assert len(made["secret"]) == 48
    assert made["secrets"][0]["hint"] == made["secret"][-4:]
    assert (made["owners"], made["settings"], made["created_by"]) == (["zhang"], {"region": "south"}, "admin:ops")
    shown = await admin.ask("GET", "/-/apps/monitor")
    assert shown == {key: value for key, value in made.items() if key != "secret"}
    assert [app["code"] for app in (await admin.ask("GET", "/-/apps"))["apps"]] == ["monitor"]


async def test_no_other_answer_has_a_secret(monitor: Admin) -> None:
    made = await monitor.ask("POST", "/-/apps/monitor/secrets", {"retire_old_in": "7d"}, 201)
    monitor.answers.clear()
    for path in ("/-/apps", "/-/apps/monitor", "/-/apps/monitor/secrets", "/-/history", "/-/config", "/metrics"):
        async with monitor.http.get(monitor.url + path, headers=BEARER) as response:
            assert made["secret"] not in await response.text()


async def test_no_file_and_no_log_has_a_secret(tmp_path: Path, http: ClientSession) -> None:
    port, url, log = free_port(), f"sqlite:///{tmp_path}/data.db", tmp_path / "log"
    file = tmp_path / "esb.yaml"
    file.write_text(CONFIG.format(port=port, keys=TOKENS, database=stanza(url)))
    async with open_database(url):  # so that its file is not tidied up by the last to close it
        with running("serve", "-c", file, "--port", "0", log=log):
            admin = Admin(f"http://127.0.0.1:{port}", http)
            secrets = [
                (await admin.ask("POST", "/-/apps", {"code": "monitor"}, 201))["secret"],
                (await admin.ask("POST", "/-/apps/monitor/secrets", {"retire_old_in": "7d"}, 201))["secret"],
                "correct horse battery",
            ]
            for status in (201, 409):
                await admin.ask("POST", "/-/apps/monitor/secrets", {"secret": secrets[-1]}, status)
            await admin.ask("POST", "/-/apps/monitor/secrets", {"secret": f" {secrets[-1]}"}, 422)
            processes = contents(Path("/proc"), "[0-9]*/cmdline")
        files = contents(tmp_path, "**/*")
    assert {"data.db", "data.db-wal", "log"} <= {path.name for path, content in files.items() if content}
    for secret in secrets:
        assert not any(secret.encode() in content for content in (*files.values(), *processes.values()))


async def test_every_write_is_told_in_the_name_of_the_token(monitor: Admin) -> None:
    await monitor.ask("POST", "/-/apps/monitor/grants", {"pattern": "cc.*", "reason": "alerts"}, 201)
    await monitor.ask("PATCH", "/-/apps/monitor", {"disabled": True})
    rows = await monitor.history()
    assert {(row["actor"], row["via"]) for row in rows} == {("admin:ops", "admin")}
    assert [row["action"] for row in rows] == ["app.create", "grant.add", "app.disable"]
    assert len((await monitor.ask("GET", "/-/history?app=monitor&limit=2"))["history"]) == 2


async def test_an_app_is_changed_in_what_the_body_says(monitor: Admin) -> None:
    body = {
        "settings": {"region": "south", "tier": 1},
        "owners": ["li", "zhang"],
        "callbacks": {"done": "https://monitor.example.com/"},
        "expires": "2100-01-01T00:00:00Z",
    }
    await monitor.ask("PATCH", "/-/apps/monitor", body)
    changed = await monitor.ask(
        "PATCH", "/-/apps/monitor", {"settings": {"tier": None}, "owners": ["li"], "expires": None}
    )
    assert (changed["settings"], changed["owners"], changed["expires"]) == ({"region": "south"}, ["li"], None)
    assert changed["callbacks"] == [{"name": "done", "url": "https://monitor.example.com/"}]
    gone = await monitor.ask("PATCH", "/-/apps/monitor", {"callbacks": {"done": None}})
    assert (gone["callbacks"], gone["disabled"]) == ([], False)


async def test_an_app_is_deleted(monitor: Admin) -> None:
    assert await monitor.ask("DELETE", "/-/apps/monitor") == {"deleted": "monitor"}
    refused = await monitor.ask("GET", "/-/apps/monitor", status=404)
    assert refused["error"].startswith("there is no app 'monitor' in the database")


async def test_a_code_with_a_slash_has_a_path(admin: Admin) -> None:
    await admin.ask("POST", "/-/apps", {"code": "a/b"}, 201)
    assert (await admin.ask("GET", "/-/apps/a%2Fb"))["code"] == "a/b"


async def test_apps_are_listed_page_by_page_and_sifted(monitor: Admin) -> None:
    await monitor.ask("POST", "/-/apps", {"code": "billing", "owners": ["zhang"], "disabled": True}, 201)
    first = await monitor.ask("GET", "/-/apps?limit=1")
    assert ([app["code"] for app in first["apps"]], first["cursor"]) == (["billing"], "billing")
    second = await monitor.ask("GET", "/-/apps?limit=1&cursor=billing")
    assert ([app["code"] for app in second["apps"]], "cursor" in second) == (["monitor"], False)
    for query in ("search=ZHA", "state=disabled", "search=bill&state=disabled&unused=2100-01-01"):
        assert [app["code"] for app in (await monitor.ask("GET", f"/-/apps?{query}"))["apps"]] == ["billing"]
    assert "state: Input should be" in (await monitor.ask("GET", "/-/apps?state=off", status=422))["error"]


async def test_the_history_is_read_page_by_page(monitor: Admin) -> None:
    for pattern in ("cc.a*", "cc.b*"):
        await monitor.ask("POST", "/-/apps/monitor/grants", {"pattern": pattern}, 201)
    first = await monitor.ask("GET", "/-/history?limit=2")
    second = await monitor.ask("GET", f"/-/history?limit=2&cursor={first['cursor']}")
    assert [row["action"] for row in first["history"] + second["history"]] == ["grant.add", "grant.add", "app.create"]
    assert "cursor" not in second
    refused = await monitor.ask("GET", "/-/history?cursor=other", status=422)
    assert refused == {"error": "cursor: no page has told this one"}


async def test_a_callback_that_is_switched_off_is_told_again(monitor: Admin, tmp_path: Path) -> None:
    await monitor.ask("PATCH", "/-/apps/monitor", {"callbacks": {"done": "https://monitor.example.com/"}})
    resume = "/-/apps/monitor/callbacks/done/resume"
    assert "no callback that is switched off" in (await monitor.ask("POST", resume, {}, 404))["error"]
    async with open_database(f"sqlite:///{tmp_path}/data.db") as database:
        await switch_off(database, "monitor", "done")
    assert "off" in (await monitor.ask("GET", "/-/apps/monitor"))["callbacks"][0]
    assert await monitor.ask("POST", resume, {}) == {"resumed": "done"}
    assert "off" not in (await monitor.ask("GET", "/-/apps/monitor"))["callbacks"][0]
    assert (await monitor.history())[-1]["action"] == "callback.on"


# Secrets


async def test_a_secret_is_replaced(monitor: Admin) -> None:
    made = await monitor.ask("POST", "/-/apps/monitor/secrets", {"retire_old_in": "7d", "until": "90d"}, 201)
    assert (made["id"], made["hint"]) == (2, made["secret"][-4:])
    old, new = (await monitor.ask("GET", "/-/apps/monitor/secrets"))["secrets"]
    assert old["until"] < new["until"]
    ended = await monitor.ask("PATCH", "/-/apps/monitor/secrets/1", {"until": "2020-01-01T00:00:00Z"})
    assert ended["until"] == "2020-01-01T00:00:00Z"
    assert (await monitor.ask("DELETE", "/-/apps/monitor/secrets", {"id": 2}))["until"] < new["until"]
    await monitor.ask("DELETE", "/-/apps/monitor/secrets/3", status=404)


async def test_a_secret_that_callers_have_is_not_repeated(monitor: Admin) -> None:
    made = await monitor.ask("POST", "/-/apps/monitor/secrets", {"secret": "correct horse battery"}, 201)
    assert "secret" not in made
    body = {"secret": "correct horse battery"}
    refused = await monitor.ask("POST", "/-/apps/monitor/secrets", body, 409)
    assert refused == {"error": "monitor has this secret already, as its secret 2"}
    assert "horse" not in "".join(monitor.answers)


async def test_an_address_holds_no_secret(monitor: Admin) -> None:
    made = await monitor.ask("POST", "/-/apps/monitor/secrets?secret=correct-horse-battery", {}, 201)
    assert len(made["secret"]) == 48


# Rights


async def test_a_grant_is_given_changed_and_revoked(monitor: Admin) -> None:
    path = "/-/apps/monitor/grants"
    made = await monitor.ask("POST", path, {"pattern": "cc.*", "reason": "alerts", "until": "90d"}, 201)
    assert (made["pattern"], made["reason"], made["granted_by"]) == ("cc.*", "alerts", "admin:ops")
    changed = await monitor.ask("PATCH", path, {"pattern": "cc.*", "until": "2100-01-01T00:00:00Z"})
    assert (changed["until"], changed["reason"]) == ("2100-01-01T00:00:00Z", "alerts")
    assert (await monitor.ask("PATCH", f"{path}/{made['id']}", {"until": None}))["until"] is None
    assert [grant["pattern"] for grant in (await monitor.ask("GET", path))["grants"]] == ["cc.*"]
    assert await monitor.ask("DELETE", f"{path}?pattern=cc.*") == {"revoked": {"pattern": "cc.*"}}
    await monitor.ask("DELETE", path, {"pattern": "cc.*"}, 404)
    await monitor.ask("PATCH", path, {"pattern": "cc.*", "until": "90d"}, 404)
    assert (await monitor.ask("GET", path))["grants"] == []


async def test_an_impersonation_is_given_changed_and_revoked(monitor: Admin) -> None:
    path = "/-/apps/monitor/impersonations"
    made = await monitor.ask("POST", path, {"users": "adm*", "components": "cc.*"}, 201)
    assert (made["users"], made["components"], made["until"]) == ("adm*", "cc.*", None)
    await monitor.ask("POST", path, {"users": "li"}, 201)
    changed = await monitor.ask("PATCH", f"{path}/{made['id']}", {"reason": "on call"})
    assert (changed["components"], changed["reason"]) == ("cc.*", "on call")
    await monitor.ask("DELETE", f"{path}/{made['id']}")
    assert [each["users"] for each in (await monitor.ask("GET", path))["impersonations"]] == ["li"]
    await monitor.ask("DELETE", f"{path}/{made['id']}", status=404)


async def test_a_pattern_that_matches_no_component_is_doubted(monitor: Admin) -> None:
    doubt = "'cc.host' matches none of the components that are declared here (did you mean 'cc.hosts'?)"
    made = await monitor.ask("POST", "/-/apps/monitor/grants", {"pattern": "cc.host"}, 201)
    assert (made["pattern"], made["warnings"]) == ("cc.host", [doubt])
    body = {"users": "li", "components": "cc.host"}
    assert (await monitor.ask("POST", "/-/apps/monitor/impersonations", body, 201))["warnings"] == [doubt]
    assert "warnings" not in await monitor.ask("POST", "/-/apps/monitor/grants", {"pattern": "cc.hosts"}, 201)


# Refusals


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "error"),
    [
        ("POST", "/-/apps", {"code": "monitor"}, 409, "there is an app 'monitor' already"),
        ("POST", "/-/apps", {"code": "mon itor"}, 422, "the code of an app has no blank"),
        ("POST", "/-/apps", {}, 422, "code: Field required"),
        ("POST", "/-/apps", {"code": "a", "expires": "2020-01-01"}, 422, "expires: this is past"),
        ("POST", "/-/apps", {"code": "a", "expires": 5}, 422, "or so long from now: 90d, 12h"),
        ("POST", "/-/apps", {"code": "a", "hunter": 1}, 422, "hunter: unknown key"),
        ("POST", "/-/apps", [], 422, "the body is no JSON object"),
        ("PATCH", "/-/apps/nobody", {"disabled": True}, 404, "there is no app 'nobody'"),
        ("DELETE", "/-/apps/nobody", None, 404, "there is no app 'nobody'"),
        ("GET", "/-/apps/nobody/secrets", None, 404, "there is no app 'nobody'"),
        ("GET", "/-/apps/nobody/grants", None, 404, "there is no app 'nobody'"),
        ("POST", "/-/apps/nobody/grants", {"pattern": "cc.*"}, 404, "there is no app 'nobody'"),
        ("PATCH", "/-/apps/monitor/secrets", {"id": 1}, 422, "until: Field required"),
        ("GET", "/-/history?action=grant.ad", None, 422, "action: Input should be 'app.create'"),
        (
            "GET",
            "/-/history?app=montor",
            None,
            404,
            "there is no app 'montor' in the database; did you mean 'monitor'?",
        ),
    ],
)
async def test_a_refusal_says_why(monitor: Admin, method: str, path: str, body: Any, status: int, error: str) -> None:
    assert error in (await monitor.ask(method, path, body, status))["error"]
    assert [row["action"] for row in await monitor.history()] == ["app.create"]


async def test_a_refused_body_is_not_repeated(monitor: Admin) -> None:
    refused = await monitor.ask("POST", "/-/apps/monitor/secrets", {"secret": ["hunter2"], "until": "hunter2"}, 422)
    assert "hunter2" not in json.dumps(refused)


# Who may


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/-/apps"),
        ("PATCH", "/-/apps/monitor"),
        ("DELETE", "/-/apps/monitor"),
        ("POST", "/-/apps/monitor/secrets"),
    ],
)
async def test_nothing_is_written_without_a_token(monitor: Admin, method: str, path: str) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        await monitor.ask(method, path, {"code": "eve"}, 401, headers)
    await monitor.ask(method, path, {"code": "eve"}, 403, {**BEARER, "Origin": "http://evil.example.com"})
    assert len(await monitor.history()) == 1


async def test_without_tokens_nobody_writes_over_tcp(tmp_path: Path, http: ClientSession) -> None:
    url = f"sqlite:///{tmp_path}/data.db"
    async with open_database(url), listening(tmp_path, http, stanza(url), keys="") as admin:
        refused = await admin.ask("POST", "/-/apps", {"code": "monitor"}, 403)
        assert refused["error"] == "writing needs a token, and server.admin.tokens declares none"
        assert await admin.ask("GET", "/-/apps") == {"apps": []}


async def test_over_a_unix_socket_the_user_at_its_other_end_writes(tmp_path: Path) -> None:
    url, socket = f"sqlite:///{tmp_path}/data.db", tmp_path / "admin.sock"
    file = tmp_path / "esb.yaml"
    file.write_text(CONFIG.replace("port: {port}{keys}", "unix: {socket}").format(socket=socket, database=stanza(url)))
    async with (
        open_database(url),
        deployed(ConfigSource(file, {}), None, 0, []),
        ClientSession(connector=UnixConnector(str(socket))) as http,
    ):
        admin = Admin("http://localhost", http)
        await admin.ask("POST", "/-/apps", {"code": "monitor"}, 201, {})
        assert [row["actor"] for row in await admin.history()] == [f"admin:{pwd.getpwuid(os.getuid()).pw_name}"]


# Use


async def test_use_is_told_as_the_commands_tell_it(monitor: Admin, tmp_path: Path) -> None:
    today, hour = int(time.time() // 86_400), int(time.time() // 3600)
    async with open_database(f"sqlite:///{tmp_path}/data.db") as database:
        days = {("monitor", today, 1, "cc.hosts"): 3, ("monitor", today - 40, 1, "cc.hosts"): 2}
        await write_use(database, days, {("monitor", "li", hour, "cc.hosts"): 2})
    shown = await monitor.ask("GET", "/-/apps/monitor")
    day = shown["last_used"]
    assert shown["secrets"][0]["last_used"] == day
    assert shown["use"] == [{"component": "cc.hosts", "secret": 1, "last_used": day, "calls_30d": 3}]
    assert (await monitor.ask("GET", "/-/apps/monitor/secrets"))["secrets"] == shown["secrets"]
    assert await monitor.ask("GET", "/-/apps/monitor/use") == {
        "use": [{"day": day, "component": "cc.hosts", "secret": 1, "calls": 3}]
    }
    assert len((await monitor.ask("GET", "/-/apps/monitor/use?since=50d"))["use"]) == 2
    await monitor.ask("GET", "/-/apps/nobody/use", status=404)
    rows = (await monitor.ask("GET", "/-/history?app=monitor&user=li&since=7d"))["history"]
    (called,) = [row for row in rows if row["via"] == "call"]
    assert (called["actor"], called["after"]) == ("app:monitor", {"user": "li", "component": "cc.hosts", "calls": 2})


async def test_apps_that_nobody_uses_are_found(monitor: Admin, tmp_path: Path) -> None:
    async with open_database(f"sqlite:///{tmp_path}/data.db") as database, database.writing() as connection:
        await connection.execute(update(APP).values(created=0))
    assert [app["code"] for app in (await monitor.ask("GET", "/-/apps?unused=90d"))["apps"]] == ["monitor"]
    assert (await monitor.ask("GET", "/-/apps?unused=1970-01-01T00:00:00Z"))["apps"] == []
    refused = await monitor.ask("GET", "/-/apps?unused=long", status=422)
    assert refused["error"].startswith("unused: ")


# The database


async def test_without_a_database_there_is_nothing_to_write(tmp_path: Path, http: ClientSession) -> None:
    async with listening(tmp_path, http, "") as admin:
        for path, body in (("/-/apps", {"code": "monitor"}), (f"/-/deliveries/{'0' * 32}/recall", {})):
            refused = await admin.ask("POST", path, body, 404)
            assert refused == {"error": "there is no services.database in the configuration"}


async def test_after_a_copy_was_put_back_that_one_is_written(
    monitor: Admin, tmp_path: Path, http: ClientSession
) -> None:
    url = f"sqlite:///{tmp_path}/backup.db"
    async with open_database(url):
        pass
    for name in ("data.db-wal", "data.db-shm"):
        await asyncio.to_thread((tmp_path / name).unlink)
    await asyncio.to_thread((tmp_path / "backup.db").rename, tmp_path / "data.db")
    async with asyncio.timeout(30):
        while (await monitor.status("POST", "/-/apps", {"code": "monitor"})) == 503:
            pass
    assert [app["code"] for app in (await monitor.ask("GET", "/-/apps"))["apps"]] == ["monitor"]


async def test_while_the_database_is_away_nothing_is_written(tmp_path: Path, http: ClientSession) -> None:
    url = f"postgresql://esb:hunter2@127.0.0.1:{free_port()}/esb"
    async with listening(tmp_path, http, stanza(url)) as admin:
        for method, path, body in (("GET", "/-/apps", None), ("POST", "/-/apps", {"code": "monitor"})):
            refused = await admin.ask(method, path, body, 503)
            assert "database" in refused["error"]
            assert "127.0.0.1" not in refused["error"]
            assert "hunter2" not in refused["error"]


async def test_a_backup_that_takes_the_place_of_the_database_is_served(tmp_path: Path, http: ClientSession) -> None:
    url, backup = f"sqlite:///{tmp_path}/data.db", f"sqlite:///{tmp_path}/backup.db"
    for each in (url, backup):
        async with open_database(each):
            pass
    async with listening(tmp_path, http, stanza(url)) as admin:
        await admin.ask("POST", "/-/apps", {"code": "monitor"}, 201)
        for name in ("data.db-wal", "data.db-shm"):
            (tmp_path / name).unlink()
        (tmp_path / "backup.db").rename(tmp_path / "data.db")

        assert "another file" in (await admin.ask("GET", "/-/apps", status=503))["error"]
        async with asyncio.timeout(10):
            while not (await http.get(f"{admin.url}/-/apps", headers=BEARER)).ok:
                pass
        assert await admin.ask("GET", "/-/apps") == {"apps": []}
