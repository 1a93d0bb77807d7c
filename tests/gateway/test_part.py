"""Parts that the gateway opens, asks for their health and closes, and those that outlive a reload."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from esb import Call, ChainServices, Component, ConfigModel, Contact, EsbError, Handler, Middleware, Params, Service
from esb.config import load
from esb.core.errors import ConfigError
from esb.core.events import GenerationClosed, Reloaded
from esb.gateway import generation, part
from esb.gateway.app import GATEWAY, create_app
from tests.support.clock import Clock
from tests.support.gateway import Gateway, OpenGateway
from tests.support.processes.command_line import run
from tests.support.wire import until

LIFE: list[str] = []
"""The events in the life of all parts, in order; emptied by the fixture below."""


class PartConfig(ConfigModel):
    name: str = "pool"
    fails: bool = False
    hangs: bool = False
    trouble: str = ""


class Noting:
    """Notes when it is opened and closed."""

    config: PartConfig

    async def open(self) -> None:
        if self.config.hangs:
            await asyncio.Event().wait()
        if self.config.fails:
            raise EsbError("there is no connection to {name}", name=self.config.name)
        LIFE.append(f"open {self.config.name}")

    async def health(self) -> str:
        LIFE.append(f"ask {self.config.name}")
        if self.config.fails:
            raise OSError("password")
        if self.config.hangs:
            await asyncio.Event().wait()
        return self.config.trouble

    async def close(self) -> None:
        LIFE.append(f"close {self.config.name}")


class Directory(Noting, Service[PartConfig]):
    """Everybody is in it, with its name for a mail address."""

    service = "users"
    config_type = PartConfig

    async def contacts(self, call: Call, usernames: Sequence[str]) -> Mapping[str, Contact]:
        return {name: Contact(name, self.config.name) for name in usernames}


class SickDirectory(Directory):
    """Opens, and is not well."""

    async def open(self) -> None: ...


class Door(Noting, Middleware[PartConfig]):
    """Lets everybody in."""

    config_type = PartConfig

    async def __call__(self, call: Call, handler: Handler) -> Any:
        return await handler(call)


class Mail(Noting, Component[PartConfig, Params]):
    """Answers the mail address of admin, when it may."""

    config_type = PartConfig
    go_on: asyncio.Event

    async def handle(self, call: Call, params: Params) -> Any:
        await self.go_on.wait()
        return (await self.services.users.contacts(call, ["admin"]))["admin"].email


class Sick(Mail):
    """Opens, and is not well."""

    async def open(self) -> None: ...


class PlainDirectory:
    """A class of its own, with the work and nothing besides."""

    def __init__(self, config: Any, services: Any) -> None: ...

    async def contacts(self, call: Call, usernames: Sequence[str]) -> Mapping[str, Contact]:
        return {name: Contact(name, "plain") for name in usernames}


class PlainDoor:
    """A class of its own, with the work and nothing besides."""

    def __init__(self, config: Any, services: ChainServices) -> None: ...

    async def __call__(self, call: Call, handler: Handler) -> Any:
        return await handler(call)


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Mail, "go_on", asyncio.Event(), raising=False)
    Mail.go_on.set()
    LIFE.clear()


def stanza(name: str, config: str = "{}") -> str:
    return f'{{use: "tests.gateway.test_part:{name}", config: {config}}}'


def configuration(users: str = "", door: str = "", mail: str = stanza("Mail", "{name: mail}")) -> str:
    """An esb.yaml with one of each kind; those that are left out are the gateway's own, or none."""
    services = f"services:\n  users: {users}\n" if users else ""
    return f"version: 1\n{services}middlewares: [{door}]\ncomponents:\n  - {{path: /a/mail/, {mail[1:]}\n"


Reload = Callable[..., Any]


@pytest.fixture
def reload(tmp_path: Path) -> Reload:
    async def reload(gateway: Gateway, **parts: str) -> None:
        (tmp_path / "esb.yaml").write_text(configuration(**parts))
        await gateway.app[GATEWAY].reload(load(tmp_path / "esb.yaml", {}))

    return reload


async def mail(gateway: Gateway) -> Any:
    return (await gateway.call("a/mail", auth={}))["data"]


async def closed(gateway: Gateway, number: int) -> None:
    """Wait until this generation has closed."""
    await until(lambda: number in [event.generation for event in gateway.events if isinstance(event, GenerationClosed)])


def life_of(name: str) -> list[str]:
    return [what for what, whose in map(str.split, LIFE) if whose == name]


async def healthz(gateway: Gateway) -> tuple[int, str]:
    response = await gateway.request("GET", "/api/c/healthz/")
    return response.status, (await response.json())["message"]


# From the start to the end


async def test_all_is_opened_in_order_before_the_first_call_and_closed_in_reverse(open_gateway: OpenGateway) -> None:
    gateway = await open_gateway(
        config=configuration(stanza("Directory"), stanza("Door", "{name: door}"))
        + f"  - {{path: /a/second/, test_config: {{name: test}}, {stanza('Mail', '{name: second}')[1:]}\n"
    )
    opened = ["pool", "door", "mail", "second", "test"]
    assert [f"open {name}" for name in opened] == LIFE
    assert await mail(gateway) == "pool"
    await gateway.app.cleanup()
    assert LIFE[len(opened) :] == [f"close {name}" for name in reversed(opened)]


async def test_a_class_that_has_nothing_to_open_or_to_close_need_not_say_so(
    open_gateway: OpenGateway, reload: Reload
) -> None:
    gateway = await open_gateway(config=configuration(stanza("PlainDirectory"), stanza("PlainDoor")))
    assert await mail(gateway) == "plain"
    assert await healthz(gateway) == (200, "OK")
    await reload(gateway)
    await closed(gateway, 1)


async def test_what_fails_to_open_stops_the_start_and_leaves_nothing_open(tmp_path: Path) -> None:
    path = tmp_path / "esb.yaml"
    path.write_text(configuration(stanza("Directory"), stanza("Door", "{name: door, fails: true}")))
    app = create_app(load(path, {}))
    with pytest.raises(ConfigError) as caught:
        await web.AppRunner(app).setup()
    assert str(caught.value) == (
        f"{path}:4: middlewares[0].use: 'tests.gateway.test_part:Door' failed to open: there is no connection to door"
    )
    assert LIFE == ["open pool", "close pool"]
    assert not app[GATEWAY].http.is_open


def test_a_start_that_fails_says_why_and_a_check_opens_nothing(tmp_path: Path) -> None:
    (tmp_path / "failing.py").write_text(
        "from esb import Component\n"
        "class Failing(Component):\n"
        "    async def open(self): raise ValueError('password')\n"
        "    async def handle(self, call, params): ...\n"
    )
    (tmp_path / "esb.yaml").write_text(
        "version: 1\nserver: {port: 0}\ncomponents:\n  - {path: /a/b/, use: 'failing:Failing'}\n"
    )
    assert run("check", "-c", "esb.yaml", folder=tmp_path).stdout.splitlines()[-1].startswith("ok: 1 components")
    served = run("serve", "-c", "esb.yaml", folder=tmp_path)
    assert served.code == 78
    assert "esb.yaml:4: components[0].use: 'failing:Failing' failed to open: ValueError at " in served.stderr
    assert "password" not in served.stderr


# A reload


async def test_a_service_whose_stanza_stays_outlives_any_number_of_reloads(
    open_gateway: OpenGateway, reload: Reload
) -> None:
    gateway = await open_gateway(config=configuration(stanza("Directory")))
    await reload(gateway, users=stanza("Directory"))
    await reload(gateway, users=stanza("Directory", "{name: pool}"))  # what counts is what it says in the end
    await reload(gateway, users=stanza("Directory"), door=stanza("Door", "{name: door}"))
    for number in (1, 2, 3):
        await closed(gateway, number)
    assert await mail(gateway) == "pool"
    assert life_of("pool") == ["open"]
    assert sorted(life_of("mail")) == ["close"] * 3 + ["open"] * 4
    await gateway.app.cleanup()
    assert life_of("pool") == ["open", "close"]


async def test_a_service_whose_stanza_changes_is_replaced_and_closed_after_its_last_call(
    open_gateway: OpenGateway, reload: Reload
) -> None:
    gateway = await open_gateway(config=configuration(stanza("Directory", "{name: one}")))
    Mail.go_on.clear()
    call = asyncio.create_task(mail(gateway))
    await until(lambda: bool(gateway.app[GATEWAY].ingress.in_flight))
    await reload(gateway, users=stanza("Directory", "{name: two}"))
    assert (life_of("one"), life_of("two")) == (["open"], ["open"])
    Mail.go_on.set()
    assert await call == "one"
    await closed(gateway, 1)
    assert (life_of("one"), life_of("two")) == (["open", "close"], ["open"])
    assert await mail(gateway) == "two"


async def test_a_service_closes_when_no_generation_uses_it_any_more(open_gateway: OpenGateway, reload: Reload) -> None:
    gateway = await open_gateway(config=configuration(stanza("Directory")))
    with gateway.app[GATEWAY].generation.calls:
        await reload(gateway, users=stanza("Directory"))
        await reload(gateway)
        await closed(gateway, 2)
        assert life_of("pool") == ["open"]
    await closed(gateway, 1)
    assert life_of("pool") == ["open", "close"]
    await reload(gateway, users=stanza("Directory"))
    assert life_of("pool") == ["open", "close", "open"]


async def test_a_service_of_another_class_is_another(open_gateway: OpenGateway, reload: Reload) -> None:
    gateway = await open_gateway(config=configuration(stanza("Directory")))
    await reload(gateway, users=stanza("SickDirectory"))
    await closed(gateway, 1)
    assert life_of("pool") == ["open", "close"]


async def test_a_service_beside_esb_yaml_is_imported_and_built_anew(
    open_gateway: OpenGateway, reload: Reload, tmp_path: Path
) -> None:
    source = (
        "from tests.gateway.test_part import Directory\n"
        "from esb import Contact\n"
        "class Near(Directory):\n"
        "    async def contacts(self, call, usernames):\n"
        "        return {{name: Contact(name, '{0}') for name in usernames}}\n"
    )
    (tmp_path / "near_directory.py").write_text(source.format("one"))
    near = '{use: "near_directory:Near"}'
    gateway = await open_gateway(config=configuration(near))
    (tmp_path / "near_directory.py").write_text(source.format("two"))
    await reload(gateway, users=near)
    await closed(gateway, 1)
    assert await mail(gateway) == "two"
    assert life_of("pool") == ["open", "open", "close"]


async def test_a_reload_in_which_something_fails_to_open_changes_nothing(
    open_gateway: OpenGateway, reload: Reload
) -> None:
    gateway = await open_gateway(config=configuration(stanza("Directory")))
    with pytest.raises(ConfigError, match="failed to open: there is no connection to mail"):
        await reload(
            gateway,
            users=stanza("Directory"),
            door=stanza("Door", "{name: door}"),
            mail=stanza("Mail", "{name: mail, fails: true}"),
        )
    assert LIFE == ["open pool", "open mail", "open door", "close door"]
    assert await mail(gateway) == "pool"
    (event,) = [event for event in gateway.events if isinstance(event, Reloaded)]
    assert event.generation == 1
    assert "failed to open" in event.mistakes[0]
    await reload(gateway, users=stanza("Directory"))
    await closed(gateway, 1)
    assert life_of("pool") == ["open"]


async def test_a_reload_with_a_mistake_opens_nothing(open_gateway: OpenGateway, reload: Reload) -> None:
    gateway = await open_gateway(config=configuration(stanza("Directory")))
    with pytest.raises(ConfigError):
        await reload(gateway, users=stanza("Directory", "{name: two}"), mail='{use: "nobody"}')
    assert LIFE == ["open pool", "open mail"]
    assert await mail(gateway) == "pool"


async def test_what_takes_too_long_to_open_fails(
    open_gateway: OpenGateway, reload: Reload, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = await open_gateway(config=configuration(stanza("PlainDirectory")))
    monkeypatch.setattr(generation, "OPEN_SECONDS", 0.01)
    with pytest.raises(
        ConfigError, match=r"'tests\.gateway\.test_part:Directory' failed to open: not all was open within"
    ):
        await reload(gateway, users=stanza("Directory", "{hangs: true}"))
    assert await mail(gateway) == "plain"


async def test_a_reload_that_is_cancelled_leaves_nothing_open(open_gateway: OpenGateway, reload: Reload) -> None:
    gateway = await open_gateway(config=configuration())
    door, slow = stanza("Door", "{name: door}"), stanza("Mail", "{name: slow, hangs: true}")
    reloading = asyncio.create_task(reload(gateway, door=door, mail=slow))
    await until(lambda: "open door" in LIFE)
    reloading.cancel()
    await asyncio.gather(reloading, return_exceptions=True)
    assert life_of("door") == ["open", "close"]
    assert gateway.app[GATEWAY].generation.number == 1


# Health


async def test_health_tells_who_is_not_well(open_gateway: OpenGateway) -> None:
    users = stanza("SickDirectory", "{trouble: no connection}")
    component = stanza("Sick", "{name: mail, trouble: slow}")
    gateway = await open_gateway(config=configuration(users, stanza("Door"), component))
    assert await healthz(gateway) == (200, "degraded: users: no connection; /a/mail/: slow")


async def test_one_that_cannot_tell_how_it_is_keeps_no_other_from_it(
    open_gateway: OpenGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(part, "HEALTH_SECONDS", 0.01)
    users = stanza("SickDirectory", "{fails: true}")
    gateway = await open_gateway(config=configuration(users, "", stanza("Sick", "{name: mail, hangs: true}")))
    assert await healthz(gateway) == (200, "degraded: users: OSError; /a/mail/: does not say how it is")


async def test_health_is_asked_for_once_in_a_while_however_often_the_gateway_is_asked(
    open_gateway: OpenGateway,
) -> None:
    clock = Clock()
    gateway = await open_gateway(config=configuration(stanza("Directory")), clock=clock)
    for _ in range(3):
        assert await healthz(gateway) == (200, "OK")
    assert life_of("pool") == ["open", "ask"]
    clock.advance(2)
    await healthz(gateway)
    assert life_of("pool") == ["open", "ask", "ask"]
