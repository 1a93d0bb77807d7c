"""Apps and rights that end: by the clock, in the same second, and without a reload.

By the tests' clock it is 2027-01-15T08:16:40Z.
"""

import time
from pathlib import Path
from typing import Any

import pytest

from esb import Call, Component, Params
from esb.contracts.explain import FOR_EVER, Grant
from esb.contracts.lifecycle import NoConfig
from esb.core.call import App, Impersonation
from esb.core.errors import ConfigError
from esb.gateway.app import GATEWAY
from esb.services.apps._rights import Rights
from tests.support.clock import Clock
from tests.support.gateway import Gateway, OpenGateway

APPS = """\
version: 1
services:
  apps:
    use: static
    config:
      apps:
        - code: a
          secrets: [s]
          {rights}
middlewares: [{{use: app_auth}}, {{use: permission}}]
components:
  - {{path: /cc/search_host/, use: "tests.support.components:Echo"}}
  - {{path: /cc/other/, use: "tests.support.components:Echo"}}
  - {{path: /cmsi/secret/, restricted: true, use: "tests.support.components:Echo"}}
  - {{path: /v2/cmsi/vault/, restricted: true, use: "tests.support.components:Echo"}}
"""
AUTH = {"bk_app_code": "a", "bk_app_secret": "s", "bk_username": "x"}


async def opened(open_gateway: OpenGateway, rights: str, clock: Clock | None = None) -> Gateway:
    return await open_gateway(config=APPS.format(rights=rights), clock=clock)


async def code(gateway: Gateway, component: str = "cc/search_host") -> Any:
    return (await gateway.call(component, AUTH))["code"]


async def test_an_app_is_refused_from_the_second_on_in_which_it_expires(open_gateway: OpenGateway) -> None:
    clock = Clock()
    gateway = await opened(open_gateway, "expires: 2027-01-15T16:17:40+08:00", clock)
    clock.advance(59.9)
    assert await code(gateway) == 0
    clock.advance(0.1)

    refused = await gateway.call("cc/search_host", AUTH)

    assert (refused["result"], refused["code"]) == (False, 1306403)
    assert refused["message"] == "APP [bk_app_code=a] expired at 2027-01-15T08:17:40Z"
    assert "`expires`" in refused["data"]["hint"]
    clock.now -= 1
    assert await code(gateway) == 0  # the time of day was set back


async def test_an_expired_app_is_told_so_in_chinese(open_gateway: OpenGateway) -> None:
    gateway = await opened(open_gateway, "expires: 2001-01-01", Clock())
    answer = await gateway.post(AUTH, "cc/search_host", headers={"Blueking-Language": "zh-cn"})
    envelope = await answer.json()
    assert "过期" in envelope["message"]
    assert "`expires`" in envelope["data"]["hint"]


async def test_who_does_not_know_the_secret_does_not_learn_that_an_app_has_ended(open_gateway: OpenGateway) -> None:
    for rights in ("expires: 2001-01-01", "disabled: true"):
        gateway = await opened(open_gateway, rights)
        refused = await gateway.call("cc/search_host", {**AUTH, "bk_app_secret": "wrong"})
        assert "APP Secret verification failed" in refused["message"]


async def test_whoever_is_right_is_told_so_however_often_an_ended_app_asks(open_gateway: OpenGateway) -> None:
    gateway = await opened(open_gateway, "disabled: true", Clock())
    for _ in range(301):
        assert await code(gateway) == 1306403


async def test_a_disabled_app_is_refused(open_gateway: OpenGateway) -> None:
    gateway = await opened(open_gateway, "disabled: true")
    refused = await gateway.call("cc/search_host", AUTH)
    assert (refused["code"], refused["message"]) == (1306403, "APP [bk_app_code=a] is disabled")
    assert "`disabled: true`" in refused["data"]["hint"]


async def test_a_right_ends_in_its_second(open_gateway: OpenGateway) -> None:
    clock = Clock()
    rights = 'grants: [{components: ["cc.*"], until: "2027-01-15T08:17:40Z"}, {components: [cc.other]}]'
    gateway = await opened(open_gateway, rights, clock)
    assert [await code(gateway, name) for name in ("cc/search_host", "cc/other")] == [0, 0]
    clock.advance(59.9)
    assert await code(gateway) == 0
    clock.advance(0.1)
    assert [await code(gateway, name) for name in ("cc/search_host", "cc/other")] == [1306403, 0]


async def test_rights_end_one_after_the_other(open_gateway: OpenGateway) -> None:
    clock = Clock()
    grants = [
        f'{{components: [{name}], until: "2027-01-15T08:{minute}:40Z"}}'
        for name, minute in (("cc.other", 18), ("cc.search_host", 17))
    ]
    gateway = await opened(open_gateway, f"grants: [{', '.join(grants)}]", clock)
    found = []
    for _ in range(3):
        found.append([await code(gateway, name) for name in ("cc/search_host", "cc/other")])
        clock.advance(60)
    assert found == [[0, 0], [1306403, 0], [1306403, 1306403]]


@pytest.mark.parametrize(
    ("rights", "expected"),
    [
        ("components: [cc.search_host]", [0, 1306403]),
        ("components: [cc.search_host]\n          grants: [{components: [cc.other]}]", [0, 0]),
        ("grants: [{components: [cc.other]}]", [1306403, 0]),
        ("grants: []", [1306403, 1306403]),
        ("impersonate: []", [0, 0]),
    ],
)
async def test_with_grants_only_they_say_what_an_app_may_call(
    open_gateway: OpenGateway, rights: str, expected: list[int]
) -> None:
    gateway = await opened(open_gateway, rights)
    assert [await code(gateway, name) for name in ("cc/search_host", "cc/other")] == expected


async def test_a_date_lasts_to_its_end_where_the_machine_is(
    open_gateway: OpenGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    time.tzset()
    try:
        clock = Clock()
        gateway = await opened(open_gateway, "expires: 2027-01-15", clock)  # it is 16:16:40 there
    finally:
        monkeypatch.undo()
        time.tzset()
    clock.advance(7 * 3600 + 43 * 60 + 19)
    assert await code(gateway) == 0
    clock.advance(1)
    assert await code(gateway) == 1306403


@pytest.mark.parametrize(
    "wrong",
    ["tomorrow", "2027-01-15T08:17:40", "2027-13-01", "2027-W02-1", "'20270115'", "90d", "2027-01-15T25:00:00Z", "7"],
)
async def test_a_moment_without_zone_or_sense_is_a_mistake_with_its_line(open_gateway: OpenGateway, wrong: str) -> None:
    with pytest.raises(ConfigError) as caught:
        await opened(open_gateway, f"expires: {wrong}")
    (mistake,) = caught.value.mistakes
    assert (mistake.line, mistake.key) == (9, "services.apps.config.apps[0].expires")
    assert "expected a time such as 2026-12-31T18:00:00+08:00, or a date such as 2026-12-31" in mistake.text


@pytest.mark.parametrize("moment", ["9999-12-31", "9999-12-31T23:59:59Z", "2999-01-01 00:00:00.123456789+14:00"])
async def test_the_far_future_is_a_moment_too(open_gateway: OpenGateway, moment: str) -> None:
    assert await code(await opened(open_gateway, f"expires: {moment.replace(' ', 'T')}")) == 0


async def test_a_right_that_never_changes_costs_no_look_at_the_clock() -> None:
    app = App("a")
    rights = Rights(app, [Grant(("cc.*",), FOR_EVER, ("apps", 0, "components"))])
    assert rights.lasting is not None
    assert rights.lasting.components == ("cc.*",)


async def test_between_two_changes_the_rights_are_the_same_object() -> None:
    rights = Rights(App("a"), [Grant(("a.*",), 100, ("one",)), Grant(("b.*",), 200, ("two",))])
    assert rights.at(50) is rights.at(99.9)
    assert rights.at(100) is rights.at(150)
    assert [rights.at(now).components for now in (99, 100, 200, 0)] == [("a.*", "b.*"), ("b.*",), (), ("a.*", "b.*")]
    assert [grant.place for grant in rights.in_force(150)] == [("two",)]


def test_a_right_begins_and_ends_by_the_clock() -> None:
    grants = [Grant(("a.*",), 200, "one", since=100), Grant(("b.*",), FOR_EVER, "two", since=150)]
    rights = Rights(App("a"), grants)
    assert rights.lasting is None
    assert [rights.at(now).components for now in (99.9, 100, 150, 200)] == [(), ("a.*",), ("a.*", "b.*"), ("b.*",)]


def test_the_right_to_name_users_begins_and_ends_as_others_do() -> None:
    given = [
        Grant(("*",), 100, "one", users="bot-*"),
        Grant(("cc.*", "cmsi.*"), FOR_EVER, "two", since=50, users="carl"),
        Grant(("cc.*", "*"), FOR_EVER, "three", users="dora"),
    ]
    rights = Rights(App("a", impersonate=("anna",)), [], impersonations=given)
    assert rights.at(0).impersonate == ("anna", "bot-*", "dora")
    assert rights.at(0).impersonations == ()
    assert rights.at(100).impersonate == ("anna", "dora")
    assert rights.at(100).impersonations == (Impersonation("carl", "cc.*"), Impersonation("carl", "cmsi.*"))


async def test_owners_and_callbacks_are_read_by_whoever_needs_them(open_gateway: OpenGateway) -> None:
    gateway = await opened(open_gateway, "owners: [anna]\n          callbacks: {done: 'https://shop.example/done?k=1'}")
    app = gateway.app[GATEWAY].generation.services["apps"].instance._apps["a"].rights.at(0)
    assert (app.owners, dict(app.callbacks)) == (("anna",), {"done": "https://shop.example/done?k=1"})
    assert "shop.example" not in repr(app)


async def test_a_grant_knows_where_it_stands(open_gateway: OpenGateway, tmp_path: Path) -> None:
    rights = "components: [cc.other]\n          grants:\n            - {components: [cc.search_host]}"
    gateway = await opened(open_gateway, rights)
    generation = gateway.app[GATEWAY].generation
    section = generation.config.services["apps"].config
    places = [grant.place for grant in generation.services["apps"].instance._apps["a"].rights.grants]
    lines = []
    for place in places:
        found = section
        for key in place:
            found = found.children[key]
        lines.append((found.file, found.line, found.key))
    file, apps = str(tmp_path / "esb.yaml"), "services.apps.config.apps[0]"
    assert lines == [(file, 9, f"{apps}.components"), (file, 11, f"{apps}.grants[0]")]


# Restricted components


@pytest.mark.parametrize(
    ("rights", "allowed"),
    [
        ("components: [cmsi.secret]", True),
        ("grants: [{components: [cmsi.secret]}]", True),
        ('components: ["*", cmsi.secret]', True),
        ('components: ["*"]', False),
        ('components: ["cmsi.*"]', False),
        ('components: ["cmsi.secre[t]"]', False),
        ('components: ["cmsi.secre?"]', False),
        ("impersonate: []", False),
        ('grants: [{components: ["cmsi.*"]}]', False),
        ("grants: [{components: [cmsi.secret], until: 2001-01-01}]", False),
    ],
)
async def test_only_a_right_for_just_this_component_opens_a_restricted_one(
    open_gateway: OpenGateway, rights: str, *, allowed: bool
) -> None:
    answer = await (await opened(open_gateway, rights)).call("cmsi/secret", AUTH)
    assert answer["code"] == (0 if allowed else 1306403)
    if not allowed:
        assert "cmsi.secret is restricted" in answer["data"]["hint"]


@pytest.mark.parametrize(("right", "expected"), [("v2.cmsi.vault", 0), ("cmsi.vault", 0), ("v2.cmsi.*", 1306403)])
async def test_a_right_with_its_version_opens_a_restricted_component(
    open_gateway: OpenGateway, right: str, expected: int
) -> None:
    gateway = await opened(open_gateway, f'components: ["{right}"]')
    assert await code(gateway, "v2/cmsi/vault") == expected


async def test_a_restricted_component_needs_somebody_who_asks_for_rights(open_gateway: OpenGateway) -> None:
    stanza = (
        '  - {path: /a/b/, restricted: true, use: "tests.support.components:Echo", middlewares: [{use: app_auth}]}\n'
    )
    with pytest.raises(ConfigError) as caught:
        await open_gateway(stanza)
    (mistake,) = caught.value.mistakes
    assert mistake.key == "components[0].restricted"
    assert "no permission" in mistake.text


class Asks(Component[NoConfig, Params]):
    """Calls a restricted component for its caller."""

    async def handle(self, call: Call, params: Params) -> Any:
        return await self.services.call(call, "cmsi.secret", {})


@pytest.mark.parametrize(("rights", "expected"), [("[cc.ask, cmsi.secret]", 0), ('[cc.ask, "cmsi.*"]', 1306403)])
async def test_a_component_that_calls_a_restricted_one_opens_it_to_nobody(
    open_gateway: OpenGateway, rights: str, expected: int
) -> None:
    text = APPS.format(rights=f"components: {rights}")
    gateway = await open_gateway(config=f'{text}  - {{path: /cc/ask/, use: "{__name__}:Asks"}}\n')
    assert await code(gateway, "cc/ask") == expected
