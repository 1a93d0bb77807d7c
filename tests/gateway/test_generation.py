"""All that is built from one config."""

from pathlib import Path
from typing import Any

import pytest

from esb.config import load
from esb.contracts.component import Component
from esb.contracts.services import Services
from esb.core.call import Call
from esb.core.errors import ConfigError, Inactive, PermissionDenied
from esb.core.params import Params
from esb.gateway.generation import Generation
from tests.support.calls import make_call
from tests.support.clock import Clock
from tests.support.components import Free
from tests.support.configuration import DEMO, SERVICES
from tests.support.gateway import Gateway, OpenGateway
from tests.support.process_services import make_process_services

CLOSED: list[str] = []
"""The names of all that was closed, in order; emptied by the fixture below."""


class Closing(Component[Any, Params]):
    """Notes that it is closed."""

    name = "first"

    async def handle(self, call: Call, params: Params) -> Any: ...

    async def close(self) -> None:
        CLOSED.append(self.name)


class ClosingToo(Closing):
    name = "second"


class FailsToClose(Closing):
    name = "broken"

    async def close(self) -> None:
        await super().close()
        raise OSError("disk on fire")


class Lent(Component[Any, Params]):
    """Keeps what it was lent."""

    async def handle(self, call: Call, params: Params) -> Any:
        return sorted(name for name in dir(self.services) if not name.startswith("_"))


class Caller(Component[Any, Free]):
    """Calls another component of this gateway."""

    params_type = Free
    has_environments = False

    async def handle(self, call: Call, params: Free) -> Any:
        path = str(call.args["path"])
        declared = self.services.declared(path)
        return {"declared": declared, "answer": await self.services.call(call, path, {"from": "inside"})}


@pytest.fixture(autouse=True)
def _nothing_closed() -> None:
    CLOSED.clear()


def build(folder: Path, text: str) -> Generation:
    (folder / "esb.yaml").write_text(f"version: 1\n{text}")
    return Generation(load(folder / "esb.yaml", {}), make_process_services(Clock()))


def stanza(path: str, name: str) -> str:
    return f'  - {{path: {path}, use: "tests.gateway.test_generation:{name}"}}\n'


async def test_all_that_was_built_is_closed_in_reverse(tmp_path: Path) -> None:
    text = "components:\n" + stanza("/a/b/", "Closing") + stanza("/a/c/", "ClosingToo")
    generation = build(tmp_path, text)
    await generation.open()
    assert CLOSED == []
    await generation.close()
    assert CLOSED == ["second", "first"]
    await generation.close()
    assert CLOSED == ["second", "first"]


async def test_one_that_fails_to_close_keeps_nobody_open(tmp_path: Path) -> None:
    generation = build(tmp_path, "components:\n" + stanza("/a/b/", "Closing") + stanza("/a/c/", "FailsToClose"))
    await generation.open()
    with pytest.raises(ExceptionGroup, match="closing a generation"):
        await generation.close()
    assert CLOSED == ["broken", "first"]


async def test_a_component_is_built_once_for_all_its_paths_and_again_for_the_test_environment(tmp_path: Path) -> None:
    use = "tests.gateway.test_generation:Closing"
    text = f'components:\n  - {{path: /a/b/, aliases: [/a/c/, /a/d/], use: "{use}", test_config: {{}}}}'
    generation = build(tmp_path, text)
    main, *aliases = (generation.routes.find(path, "GET") for path in ("/a/b/", "/a/c/", "/a/d/"))
    assert main is not None
    assert aliases == [main, main]
    await generation.open()
    await generation.close()
    assert CLOSED == ["first", "first"]


async def test_an_inactive_component_is_built_and_checked_all_the_same(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        build(tmp_path, "components:\n  - {path: /a/b/, active: false, use: cmsi_send_weixin, config: {colour: red}}\n")
    assert {mistake.key for mistake in caught.value.mistakes} >= {"components[0].config.colour"}


async def test_mistakes_come_in_the_order_of_the_files_and_of_their_lines(tmp_path: Path) -> None:
    """Those that are found when all is read, and those that are found when it is built."""
    wrong = "components:\n  - {path: /a/%s/, use: nobody}\n  - {path: /b/%s/, use: cmsi_send_msg, colour: red}\n"
    for name in ("a", "c"):
        (tmp_path / f"{name}.yaml").write_text(wrong % (name, name))
    with pytest.raises(ConfigError) as caught:
        build(tmp_path, "include: [c.yaml, a.yaml]\nmiddlewares: [{use: nobody}]\n" + wrong % ("esb", "esb"))
    places = [(Path(mistake.file).name, mistake.line) for mistake in caught.value.mistakes]
    assert places == [
        ("esb.yaml", 3), ("esb.yaml", 5), ("esb.yaml", 6), ("c.yaml", 2), ("c.yaml", 3), ("a.yaml", 2), ("a.yaml", 3)
    ]  # fmt: skip


async def test_a_config_that_says_nothing_of_services_has_them_empty(tmp_path: Path) -> None:
    generation = build(tmp_path, "components:\n" + stanza("/a/b/", "Lent"))
    route = generation.routes.find("/a/b/", "GET")
    assert route is not None
    with pytest.raises(Exception, match="cannot be empty at the same time"):
        await route[0].handler(make_call())


async def test_a_component_is_lent_nothing_that_belongs_to_the_chain(tmp_path: Path) -> None:
    generation = build(tmp_path, "middlewares: []\ncomponents:\n" + stanza("/a/b/", "Lent"))
    route = generation.routes.find("/a/b/", "GET")
    assert route is not None
    lent = await route[0].handler(make_call())
    assert {"http", "users", "tokens", "store", "clock", "declared", "call"} <= set(lent)
    assert not {"apps", "login", "access_tokens", "jwt"} & set(lent)


def test_services_are_frozen() -> None:
    with pytest.raises(AttributeError):
        Services.__new__(Services).users = None  # type: ignore[misc,assignment]  # that it cannot be set is the point


# A call inside a call


INSIDE = f"""\
{stanza("/a/caller/", "Caller")}\
  - {{path: /a/echo/, use: "tests.support.components:Echo"}}
  - {{path: "/a/{{item}}/items/", use: "tests.support.components:Echo"}}
  - {{path: /a/read_only/, methods: [GET], use: "tests.support.components:Echo"}}
  - {{path: /a/off/, active: false, use: "tests.support.components:Echo"}}
"""


async def inside(gateway: Gateway, path: str, auth: dict[str, Any] = DEMO) -> dict[str, Any]:
    return await gateway.call("a/caller", auth=auth, path=path)


async def test_a_call_inside_a_call_keeps_its_id_and_has_arguments_of_its_own(open_gateway: OpenGateway) -> None:
    gateway = await open_gateway(INSIDE)
    answer = await inside(gateway, "/a/echo/")
    assert answer["data"]["declared"] is True
    made = answer["data"]["answer"]
    assert (made["id"], made["component"], made["method"]) == (answer["request_id"], "a.echo", "POST")
    assert made["args"] == {"from": "inside"}
    assert made["headers"]["X-Bkapi-Request-Id"] == answer["request_id"]


async def test_a_call_inside_a_call_may_have_path_variables(open_gateway: OpenGateway) -> None:
    answer = await inside(await open_gateway(INSIDE), "/a/seven/items/")
    assert answer["data"]["declared"] is None
    assert answer["data"]["answer"]["path_vars"] == {"item": "seven"}


async def test_a_call_inside_a_call_meets_the_same_doors(open_gateway: OpenGateway) -> None:
    answer = await inside(await open_gateway(INSIDE), "/a/off/")
    assert (answer["result"], answer["code"]) == (False, Inactive.code)


async def test_a_call_inside_a_call_needs_permission_too(open_gateway: OpenGateway) -> None:
    services = SERVICES.replace("components: [other.*]", "components: [a.caller]")
    gateway = await open_gateway(config=f"{services}components:\n{INSIDE}")
    limited = {"bk_app_code": "no_rights", "bk_app_secret": "no-rights-secret", "bk_username": "admin"}
    answer = await inside(gateway, "/a/echo/", limited)
    assert (answer["result"], answer["code"]) == (False, PermissionDenied.code)
    assert (await inside(gateway, "/a/echo/"))["result"] is True
