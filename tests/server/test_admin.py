"""The admin listener: health, configuration and reload, and nothing that is secret."""

import json
import pickle
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientConnectionError, ClientSession, web

from esb.config import Config, ConfigSource, load
from esb.core.delivery_ages import DeliveryAges
from esb.core.errors import ConfigError, Mistake
from esb.core.events import CallFinished
from esb.introspect.explain import Asked
from esb.server import deployment as deployment_module
from esb.server import listener
from esb.server import operators as operators_module
from esb.server import sandbox as sandbox_module
from esb.server.admin import create_admin
from esb.server.deployment import deployed
from esb.server.listener import CannotListen
from esb.server.operations import Operations
from esb.server.process_operations import process_operations
from esb.server.process_status import ANSWER_SECONDS, Described, ProcessStatus
from esb.server.recalls import RecallWanted
from esb.telemetry.metrics import Snapshot, Tally
from tests.support.configuration import WECOM
from tests.support.gateway import OpenServer
from tests.support.ports import free_port
from tests.support.processes.command_line import NOTICE, SEND_WEIXIN, exchange, run, running
from tests.support.processes.deployment import BEARER, Watched, samples, watched, written
from tests.support.secret_cases import CASES, CONFIG, MARK, Case, forms_of_the_mark
from tests.support.servers.slow_wecom import SlowWeCom

ADMIN_PATHS = ["/metrics", "/livez", "/readyz", "/-/config", "/-/components", "/-/explain", "/-/reload", "/-/health"]
ADMIN_PATHS += ["/-/config/changes", "/-/config/warnings"]


@pytest.fixture
def opening(tmp_path: Path, http: ClientSession) -> Any:
    """Open a deployment with an admin listener."""

    def open_one(components: str = WECOM, **options: Any) -> Any:
        return watched(tmp_path, http, components, **options)

    return open_one


# Where it is


async def test_without_the_key_there_is_no_admin_listener(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    listening = listener.listening

    def noted(app: Any, host: str, port: int, chosen_by: str = "", **options: Any) -> Any:
        opened.append(chosen_by)
        return listening(app, host, port, chosen_by, **options)

    for module in (deployment_module, operators_module, sandbox_module):
        monkeypatch.setattr(module, "listening", noted)
    file = tmp_path / "esb.yaml"
    file.write_text("version: 1\ncomponents: []\n")
    async with deployed(ConfigSource(file, {}), None, 0, []):
        assert opened == ["--port"]
    opened.clear()
    async with deployed(ConfigSource(written(tmp_path, free_port(), WECOM), {}), None, 0, []):
        assert opened == ["sandbox.port", "server.admin.port", "--port"]


@pytest.mark.parametrize("path", ADMIN_PATHS)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_the_public_listener_has_none_of_it(opening: Any, http: ClientSession, path: str, method: str) -> None:
    async with opening() as deployment:
        async with http.request(method, deployment.deployment.url + path) as response:
            assert response.status == 404
            assert (await response.json())["code"] == 1306404
        assert deployment.deployment.gateway.generation.number == 1


async def test_the_admin_listener_has_no_component(opening: Any) -> None:
    async with opening() as deployment:
        response = await deployment.ask("/api/c/compapi/cmsi/send_weixin/", "POST", json={})
        assert response.status == 404


async def test_an_address_that_is_taken_is_named_with_its_key(tmp_path: Path, opening: Any) -> None:
    async with opening() as deployment:
        port = int(deployment.admin_url.rpartition(":")[2])
        (tmp_path / "other").mkdir()
        with pytest.raises(CannotListen, match=rf"127\.0\.0\.1:{port} \(server\.admin\.port\)"):
            async with deployed(ConfigSource(written(tmp_path / "other", port), {}), None, 0, []):
                pass


@pytest.mark.parametrize(
    ("admin", "mistake"),
    [
        ("{port: 0}", "server.admin.port: expected a number of at least 1"),
        ("{}", "server.admin: expected `port` or `unix`, one of them"),
        ("{port: 9090, unix: /run/a}", "server.admin: expected `port` or `unix`, one of them"),
        ("{unix: /run/a, host: '::'}", "server.admin: `host` belongs to `port`; a Unix socket has none"),
        (
            "{unix: admin.sock}",
            "server.admin.unix: expected an absolute path of at most 107 bytes, such as /run/esb/admin.sock",
        ),
        (
            f"{{unix: /{'é' * 54}}}",
            "server.admin.unix: expected an absolute path of at most 107 bytes, such as /run/esb/admin.sock",
        ),
        (
            "{port: 9090, read: token}",
            "server.admin: `read: token` needs `tokens`; `esb admin token NAME` makes one",
        ),
        (
            "{port: 9090, tokens: [{name: ops, digest: hunter2}]}",
            "server.admin.tokens[0].digest: expected sha256: and 64 hexadecimal digits,"
            " as `esb admin token NAME` prints them",
        ),
        (
            "{port: 9090, hosts: ['a:80']}",
            "server.admin.hosts[0]: expected a text that matches ^[0-9A-Za-z_.-]+$",
        ),
        ("{port: 9090, hots: localhost}", "server.admin.hots: unknown key (did you mean 'hosts'?)"),
        ("9090", "server.admin: expected a mapping, found an integer"),
    ],
)
def test_mistakes_of_the_stanza_are_told_with_their_place(tmp_path: Path, admin: str, mistake: str) -> None:
    file = tmp_path / "esb.yaml"
    file.write_text(f"version: 1\nserver:\n  admin: {admin}\ncomponents: []\n")
    assert [f"{found.key}: {found.text}" for found in load(file, {}).mistakes] == [mistake]
    assert load(file, {}).mistakes[0].line == 3


# Health


async def test_a_deployment_that_answers_is_alive_and_ready(opening: Any) -> None:
    async with opening() as deployment:
        for path in ("/livez", "/readyz"):
            response = await deployment.ask(path)
            assert (response.status, await response.text()) == (200, "ok\n")


async def test_it_is_not_ready_before_the_public_listener_is_and_while_draining(opening: Any) -> None:
    async with opening() as deployment:
        ingress = deployment.deployment.gateway.ingress
        ingress.ready = False
        assert await health(deployment) == (503, "starting\n")
        ingress.ready = True
        await deployment.deployment.gateway.drain(0)
        assert await health(deployment) == (503, "draining\n")
        assert (await deployment.ask("/livez")).status == 200
        found = samples(await (await deployment.ask("/metrics")).text())
        assert found[("esb_ready", frozenset())] == 0


async def health(deployment: Watched) -> tuple[int, str]:
    response = await deployment.ask("/readyz")
    return response.status, await response.text()


async def test_the_admin_listener_is_there_before_the_public_one_and_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, http: ClientSession
) -> None:
    port = free_port()
    told: list[str] = []
    listening = listener.listening

    class Noting:
        """Asks for the health of the deployment just before and just after a listener is open."""

        def __init__(self, *arguments: Any, **named: Any) -> None:
            self._public = "--port" in arguments
            self._listening = listening(*arguments, **named)

        async def __aenter__(self) -> str:
            await self._ask("before")
            return await self._listening.__aenter__()

        async def __aexit__(self, *error: Any) -> None:
            await self._listening.__aexit__(*error)
            await self._ask("after")

        async def _ask(self, moment: str) -> None:
            if self._public:
                async with http.get(f"http://127.0.0.1:{port}/readyz") as response:
                    told.append(f"{moment}: {response.status} {(await response.text()).strip()}")

    monkeypatch.setattr(deployment_module, "listening", Noting)
    async with deployed(ConfigSource(written(tmp_path, port), {}), None, 0, []):
        pass
    assert told == ["before: 503 starting", "after: 503 starting"]
    with pytest.raises(ClientConnectionError):
        await http.get(f"http://127.0.0.1:{port}/readyz")


async def test_a_reload_that_is_asked_for_at_once_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, http: ClientSession
) -> None:
    port = free_port()
    answers: list[tuple[int, Any]] = []
    listening = listener.listening

    @asynccontextmanager
    async def reloading(
        app: web.Application, host: str, number: int, chosen_by: str = "", **options: Any
    ) -> AsyncIterator[str]:
        async with listening(app, host, number, chosen_by, **options) as url:
            if chosen_by == "--port":  # it answers from now on, and nothing else has been made yet
                async with http.post(f"http://127.0.0.1:{port}/-/reload", headers=BEARER) as response:
                    answers.append((response.status, await response.json(content_type=None)))
            yield url

    monkeypatch.setattr(deployment_module, "listening", reloading)
    async with deployed(ConfigSource(written(tmp_path, port), {}), None, 0, []):
        assert answers == [(200, {"generation": 2})]


# What it tells of the configuration


async def test_the_components_are_told_as_they_are_declared(opening: Any) -> None:
    stanzas = WECOM + '  - {path: /v2/test/echo/, use: "tests.support.components:Echo", active: false}\n'
    async with opening(stanzas) as deployment:
        assert await deployment.json("/-/components") == [
            {
                "name": "cmsi.send_weixin",
                "path": "/cmsi/send_weixin/",
                "aliases": ["/v2/cmsi/send_weixin/"],
                "methods": ["POST"],
                "plugin": "cmsi_send_weixin",
                "active": True,
            },
            {
                "name": "test.echo",
                "path": "/v2/test/echo/",
                "aliases": [],
                "methods": ["GET", "POST"],
                "plugin": "tests.support.components:Echo",
                "active": False,
            },
        ]


async def test_the_configuration_is_told_with_its_defaults(opening: Any) -> None:
    async with opening(more="sandbox: {port: 0}\nmiddlewares: [{use: app_auth}, {use: permission}]\n") as deployment:
        told = await deployment.json("/-/config")
    assert told["server"]["port"] == 8080
    assert told["server"]["admin"]["host"] == "127.0.0.1"
    assert told["sandbox"] == {"port": 0, "smtp_port": None}
    assert told["middlewares"] == [{"use": "app_auth", "config": {}}, {"use": "permission", "config": {}}]
    assert told["services"]["users"]["config"]["users"][1] == {"username": "lisi", "wx_userid": "lisi"}
    (component,) = told["components"]
    assert component["timeout"] == 30
    assert component["config"] | {"wx_qy_member_per_minute": 0} == {
        "wx_type": "qy",
        "wx_qy_corpid": "ww0000000000000001",
        "wx_qy_corpsecret": "***",
        "wx_qy_agentid": 1000002,
        "wx_qy_host": "***",  # it came from ${sandbox}
        "wx_qy_member_per_minute": 0,
    }


async def test_an_included_file_is_part_of_the_configuration(opening: Any, tmp_path: Path) -> None:
    (tmp_path / "more.yaml").write_text('components: [{path: /test/echo/, use: "tests.support.components:Echo"}]\n')
    async with opening(more="sandbox: {port: 0}\ninclude: [more.yaml]\n") as deployment:
        names = [component["name"] for component in (await deployment.json("/-/config"))["components"]]
    assert names == ["cmsi.send_weixin", "test.echo"]


# Reload


async def test_a_reload_answers_with_the_new_generation(opening: Any) -> None:
    async with opening() as deployment:
        deployment.file.write_text(deployment.file.read_text().replace("cmsi/send_weixin", "cmsi/send_more"))
        response = await deployment.ask("/-/reload", "POST")
        assert (response.status, await response.json()) == (200, {"generation": 2})
        assert (await deployment.json("/-/components"))[0]["name"] == "cmsi.send_more"
        assert ("esb_config_generation", frozenset()) in await deployment.samples()
        assert (await deployment.samples())[("esb_config_generation", frozenset())] == 2
        assert (await deployment.samples())[("esb_reloads_total", frozenset({("outcome", "ok")}))] == 1


async def test_a_reload_that_is_refused_tells_all_mistakes(opening: Any) -> None:
    async with opening() as deployment:
        text = deployment.file.read_text()
        deployment.file.write_text(text.replace("use: cmsi_send_weixin", "use: nobody").replace("wx_type", "wx_tipe"))
        response = await deployment.ask("/-/reload", "POST")
        answer = await response.json()
        assert (response.status, answer["generation"]) == (422, 1)
        assert [mistake["key"] for mistake in answer["mistakes"]] == ["components[0].use"]
        assert {"file", "line", "key", "text"} == set(answer["mistakes"][0])
        assert (await deployment.send())["result"]
        assert (await deployment.samples())[("esb_reloads_total", frozenset({("outcome", "refused")}))] == 1


async def test_a_reload_cannot_move_the_admin_listener(opening: Any) -> None:
    async with opening() as deployment:
        port = deployment.admin_url.rpartition(":")[2]
        deployment.file.write_text(deployment.file.read_text().replace(port, str(free_port())))
        response = await deployment.ask("/-/reload", "POST")
        assert response.status == 422
        assert [mistake["key"] for mistake in (await response.json())["mistakes"]] == ["server.admin"]


async def test_a_reload_that_crashes_is_told_as_what_it_is(opening: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opening() as deployment:

        def crash(config: Config) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(deployment.deployment.gateway, "prepare", crash)
        response = await deployment.ask("/-/reload", "POST")
        assert (response.status, (await response.json())["generation"]) == (500, 1)


async def test_nothing_is_reloaded_while_draining_for_a_web_page_or_by_a_get(opening: Any) -> None:
    async with opening() as deployment:
        assert (
            await deployment.ask("/-/reload", "POST", headers={**BEARER, "Origin": "http://evil.example"})
        ).status == 403
        assert (await deployment.ask("/-/reload")).status == 405
        await deployment.deployment.gateway.drain(0)
        response = await deployment.ask("/-/reload", "POST")
        assert (response.status, await response.json()) == (409, {"error": "draining", "generation": 1})
        assert deployment.deployment.gateway.generation.number == 1


# Many processes


class FakeProcesses:
    """Several processes, as a supervisor would know them."""

    def __init__(self, config: Config, *statuses: ProcessStatus) -> None:
        self._config = config
        self.living = list(statuses)
        self.ended: list[Snapshot] = []

    def config(self) -> Config:
        return self._config

    async def statuses(self, within: float = ANSWER_SECONDS) -> Sequence[ProcessStatus]:
        return self.living

    async def described(self, within: float = ANSWER_SECONDS) -> Sequence[Described]:
        return [Described(status, None) for status in self.living]

    def past(self) -> Sequence[Snapshot]:
        return self.ended

    async def explain(self, asked: Asked) -> None:
        return None

    async def recall(self, wanted: RecallWanted) -> None:
        return None

    async def reload(self, by: str) -> None:
        raise ConfigError([Mistake("esb.yaml", 1, "file", "no")])


def process(calls: int, generation: int = 3, health: str = "ok") -> ProcessStatus:
    tally = Tally()
    for _ in range(calls):
        tally(CallFinished("0" * 32, "POST", "/", "a", "b", "", "", "", 0, 200, 0.1, ""))
    made: ProcessStatus = pickle.loads(pickle.dumps(ProcessStatus(health, calls, generation, tally.snapshot())))  # noqa: S301
    return made


@pytest.fixture
async def fake_processes(tmp_path: Path, open_server: OpenServer, http: ClientSession) -> tuple[FakeProcesses, Watched]:
    config = load(written(tmp_path, free_port(), more=""), {}, sandbox_url="http://127.0.0.1:9")
    made = FakeProcesses(config, process(2), process(5))
    url = await open_server(create_admin(made, Operations(process_operations(made, made.reload))))
    return made, Watched(None, url, tmp_path, http)  # type: ignore[arg-type]  # there is none behind it


async def test_the_ages_of_deliveries_are_those_of_the_process_that_sees_the_oldest(
    fake_processes: tuple[FakeProcesses, Watched],
) -> None:
    processes, admin = fake_processes
    late, later = (DeliveryAges(age, 0.0, 0.0, 0.0, 0.0) for age in (3.0, 40.0))
    one, other = processes.living
    processes.living = [replace(one, ages=late), pickle.loads(pickle.dumps(replace(other, ages=later)))]  # noqa: S301
    assert (await admin.samples())[("esb_delivery_oldest_due_seconds", frozenset())] == 40


async def test_what_all_processes_counted_is_told_as_one(fake_processes: tuple[FakeProcesses, Watched]) -> None:
    processes, admin = fake_processes
    calls = ("esb_calls_total", frozenset({"system": "a", "component": "b", "outcome": "ok", "source": "none"}.items()))
    found = await admin.samples()
    assert found[calls] == 7
    assert found[("esb_calls_in_flight", frozenset())] == 7
    processes.ended.append(processes.living.pop().counted)
    found = await admin.samples()
    assert found[calls] == 7
    assert found[("esb_calls_in_flight", frozenset())] == 2
    assert found[("esb_store_away", frozenset())] == 0  # who has ended needs none


@pytest.mark.parametrize(
    ("statuses", "status", "text"),
    [
        ([process(1), process(1)], 200, "ok"),
        ([process(1), process(1, health="starting")], 503, "starting"),
        ([process(1), process(1, health="draining")], 503, "draining"),
        ([process(1), process(1, generation=4)], 503, "starting"),
        ([], 503, "starting"),
    ],
)
async def test_ready_is_who_all_are_ready_on_one_configuration(
    fake_processes: tuple[FakeProcesses, Watched], statuses: list[ProcessStatus], status: int, text: str
) -> None:
    processes, admin = fake_processes
    processes.living = statuses
    assert await health(admin) == (status, f"{text}\n")
    generation = min((process.generation for process in statuses), default=0)
    assert (await admin.samples())[("esb_config_generation", frozenset())] == generation


# Secrets


def declared() -> list[tuple[str, Case]]:
    return [(name, case) for name, cases in CASES.items() for case in cases.values()]


@pytest.mark.parametrize(("name", "case"), declared(), ids=[name for name, _ in declared()])
async def test_no_secret_of_any_component_is_shown(
    tmp_path: Path, http: ClientSession, open_server: OpenServer, name: str, case: Case
) -> None:
    config = dict(case.config)
    if case.proxy_key:
        config[case.proxy_key] = f"http://user:{MARK}-proxy@127.0.0.1:9"
    text = json.dumps({"path": "/a/b/", "use": name, "config": config, "test_config": config}, ensure_ascii=False)
    text = text.replace("{upstream}", "http://127.0.0.1:9").replace('"{port}"', "9")
    file = tmp_path / "esb.yaml"
    file.write_text(f"{CONFIG}  - {text}\n")
    loaded = load(file, {})
    assert loaded.mistakes == []
    fake = FakeProcesses(loaded, process(1))
    url = await open_server(create_admin(fake, Operations(process_operations(fake, fake.reload))))
    for path in ("/-/config", "/-/components", "/metrics"):
        async with http.get(url + path) as response:
            shown = await response.text()
        assert [form for form in forms_of_the_mark() if form in shown] == [], path
    assert '"***"' in await (await http.get(f"{url}/-/config")).text()


STRANGE = f"""\
version: 1
server: {{admin: {{port: 9999, host: "${{HOST}}"}}}}
services:
  users: {{use: bk_user, config: {{url: "http://h", headers: {{X-A: {MARK}, X-B: {MARK}}}}}}}
  access_tokens: {{use: bk_ssm, config: {{url: "http://h", app_code: bk_paas, app_secret: "${{file:key}}"}}}}
middlewares:
  - {{use: "strange:Middleware", config: {{shadow: {MARK}, api_key: {MARK}, certificate: "{MARK} PRIVATE KEY",
      many: {{a: [{MARK}]}}, text: "it is {MARK}", at: "http://u:p@h:1/a?b=c", number: "${{NUMBER}}",
      {MARK}-as-a-name: 1, unresolved: null, empty_secret: ""}}}}
components:
  - {{path: "/a/${{WORD}}/", use: "tests.support.components:Echo"}}
"""
PLUGIN = """\
from typing import Any
from pydantic import ConfigDict, Field, SecretStr
from esb.config import ConfigModel

class Config(ConfigModel):
    model_config = ConfigDict(extra="allow", strict=True)
    shadow: SecretStr
    many: dict[str, list[str]] = Field(repr=False)

class Middleware:
    config_type = Config

    def __init__(self, config: Config, services: Any) -> None: ...

    async def __call__(self, call: Any, handler: Any) -> Any:
        return await handler(call)
"""


async def test_secrets_are_hidden_wherever_they_stand(
    tmp_path: Path, http: ClientSession, open_server: OpenServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "strange.py").write_text(PLUGIN)
    (tmp_path / "key").write_text(MARK)
    (tmp_path / "esb.yaml").write_text(STRANGE)
    outside = {"HOST": f"{MARK}.example", "WORD": "word", "NUMBER": "424242424242"}
    config = load(tmp_path / "esb.yaml", outside)
    assert config.mistakes == []
    fake = FakeProcesses(config, process(1))
    url = await open_server(create_admin(fake, Operations(process_operations(fake, fake.reload))))
    async with http.get(f"{url}/-/config") as response:
        text = await response.text()
        told = await response.json()
    assert MARK not in text
    assert "424242424242" not in text
    assert told["server"]["admin"]["host"] == "***"
    assert told["services"]["users"]["config"] == {
        "url": "http://h",
        "headers": {"X-A": "***", "X-B": "***"},
    }
    assert told["services"]["access_tokens"]["config"] == {
        "url": "http://h",
        "app_code": "bk_paas",
        "app_secret": "***",
    }
    assert told["middlewares"][0]["config"] == {
        "shadow": "***",
        "api_key": "***",
        "certificate": "***",
        "many": "***",
        "text": "it is ***",
        "at": "http://***@h:1/a?***",
        "number": "***",
        "***-as-a-name": "***",
        "unresolved": None,
        "empty_secret": "",
    }
    assert told["components"][0]["path"] == "/a/word/"


async def test_no_secret_of_a_call_reaches_the_metrics(opening: Any) -> None:
    async with opening() as deployment:
        secrets = {"bk_app_secret": "SECRET-1", "bk_token": "SECRET-2", "wx_qy_corpsecret": "SECRET-3"}
        body = {"bk_app_code": "SECRET-0", **secrets, "receiver": "SECRET-4", "data": {"message": "SECRET-5"}}
        for path in ("cmsi/send_weixin", "SECRET-6/SECRET-7"):
            url = f"{deployment.deployment.url}/api/c/compapi/{path}/?access_token=SECRET-8"
            async with deployment.http.post(url, json=body, headers={"Cookie": "bk_token=SECRET-9"}) as response:
                assert response.status in {200, 404}
        assert (await deployment.send())["result"]
        assert "SECRET" not in await (await deployment.ask("/metrics")).text()
        assert "access_token" not in await (await deployment.ask("/metrics")).text()


# As a process


def status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=60) as response:  # noqa: S310 - our own server
            return int(response.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_esb_serve_keeps_the_admin_listener_while_it_drains(tmp_path: Path, slow_wecom: SlowWeCom) -> None:
    port = free_port()
    file = written(tmp_path, port, WECOM.replace("${sandbox}", slow_wecom.url), more="")
    assert run("check", "-c", file).stdout.splitlines()[-1].startswith("ok: 1 components")
    ready = f"http://127.0.0.1:{port}/readyz"
    with (
        running("serve", "-c", file, "--port", "0", log=tmp_path / "log") as gateway,
        ThreadPoolExecutor() as threads,
    ):
        assert status(ready) == 200
        sent = threads.submit(exchange, gateway.url + SEND_WEIXIN, NOTICE)
        assert slow_wecom.arrived.wait(60)
        gateway.stop()
        while status(ready) == 200:
            pass
        assert status(ready) == 503
        assert status(ready.replace("readyz", "livez")) == 200
        slow_wecom.release.set()
        assert sent.result(60).body["result"] is True
        assert gateway.finish().code == 0
    with pytest.raises(urllib.error.URLError):
        status(ready)
