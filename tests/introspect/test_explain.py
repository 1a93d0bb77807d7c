"""What would become of a call, link by link, and where that stands: nothing is executed, spent or asked."""

import json
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from esb import (
    App,
    Call,
    Component,
    Decision,
    Draft,
    Handler,
    Limits,
    Middleware,
    NoConfig,
    Params,
    Question,
    Rejected,
    Sender,
    Service,
)
from esb.core.errors import PermissionDenied
from esb.gateway.app import GATEWAY
from esb.introspect.explain import Asked, explained
from esb.store.memory import MemoryStore
from tests.support.clock import Clock
from tests.support.configuration import DEMO, WECOM
from tests.support.databases import open_database
from tests.support.deliveries import accepting_config
from tests.support.gateway import Gateway, OpenGateway, Sandbox
from tests.support.ports import free_port
from tests.support.send_weixin import fault

CONFIG = """\
version: 1
services:
  apps:
    use: static
    config:
      apps:
        - code: a
          secrets: [s, t]
          impersonate: [bob, "adm*"]
          expires: 2027-06-01T00:00:00Z
          grants:
            - {{components: [cc.old], until: 2027-01-01T00:00:00Z}}
            - {{components: ["cc.*"], until: 2027-02-01T00:00:00Z}}
            - {{components: ["cmsi.*"]}}
        - {{code: off, secrets: [s], disabled: true, components: []}}
middlewares:
{chain}
components:
  - {{path: /cc/search/, use: "tests.support.components:Environment", test_config: {{}}}}
  - {{path: /cc/idle/, use: "tests.support.components:Echo", active: false}}
  - {{path: /v2/cmsi/vault/, use: "tests.support.components:Environment", restricted: true}}
"""
CHAIN = """\
  - use: app_auth
  - use: user_auth
  - use: permission
  - use: rate_limit
    config: {apps: {a: [{tokens: 3}]}}
"""
AUTH = {"bk_app_code": "a", "bk_app_secret": "s", "bk_username": "admin"}
CALLER = {"app": DEMO["bk_app_code"], "user": DEMO["bk_username"]}
Said = dict[str, Any]


async def opened_with(open_gateway: OpenGateway, chain: str = CHAIN) -> Gateway:
    return await open_gateway(config=CONFIG.format(chain=chain), clock=Clock())


async def ask(gateway: Gateway, /, **asked: Any) -> Said:
    live = asked.pop("live", True)
    alone = asked.pop("alone", live)
    question = {"app": "a", "component": "cc.search", "user": "admin", **asked}
    return await explained(
        gateway.app[GATEWAY], Asked.model_validate_json(json.dumps(question)), live=live, alone=alone
    )


def links(said: Said) -> dict[str, tuple[str, str]]:
    return {link["link"]: (link["verdict"], link["why"]) for link in said["links"]}


def where(said: Said) -> dict[str, str]:
    """Line and key of each link that has a place."""
    return {link["link"]: link["where"].rpartition("esb.yaml:")[2] for link in said["links"] if link["where"]}


async def test_every_link_tells_its_verdict_why_where_and_until_when(open_gateway: OpenGateway) -> None:
    said = await ask(await opened_with(open_gateway))

    assert (said["verdict"], said["code"], said["message"]) == ("allowed", 0, "OK")
    assert links(said) == {
        "component": ("allowed", "cc.search is active"),
        "app_auth": ("allowed", "if it proves to be a; 2 secrets, without an end"),
        "user_auth": ("allowed", "bk_username=admin is named without proof: `impersonate` has adm*"),
        "permission": ("allowed", "by the right for cc.*"),
        "rate_limit": ("allowed", "3/1minute: 3 left"),
    }
    assert where(said) == {
        "component": "24: components[0]",
        "app_auth": "7: services.apps.config.apps[0]",
        "user_auth": "9: services.apps.config.apps[0].impersonate",
        "permission": "13: services.apps.config.apps[0].grants[1]",
        "rate_limit": "21: middlewares[3].config.apps.a",
    }
    untils = {link["link"]: link["until"] for link in said["links"] if link["until"]}
    assert untils == {"app_auth": "2027-06-01T00:00:00Z", "permission": "2027-02-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("asked", "link", "why", "code"),
    [
        ({"app": "x"}, "app_auth", "Invalid APP Code [bk_app_code=x]", 1306000),
        ({"app": "off", "user": ""}, "app_auth", "APP [bk_app_code=off] is disabled", 1306403),
        ({"at": "2027-06-02"}, "app_auth", "APP [bk_app_code=a] expired at 2027-06-01T00:00:00Z", 1306403),
        ({"user": "eve"}, "user_auth", "needs `impersonate`", 1306000),
        ({"user": ""}, "user_auth", "no user is named", 1306000),
        ({"at": "2027-02-02"}, "permission", "the right for cc.* ended at 2027-02-01T00:00:00Z", 1306403),
        ({"component": "cmsi.vault"}, "permission", "cmsi.vault is restricted: only", 1306403),
        ({"component": "cc.idle"}, "component", "cc.idle is not active", 1306405),
        ({"component": "cc.serach"}, "component", "did you mean 'cc.search'?", 1306404),
        ({"component": "/v2/cmsi/vault", "test_env": True}, "test environment", "has no `test_config`", 1306403),
    ],
)
async def test_a_refusal_names_its_link_and_the_code(
    open_gateway: OpenGateway, asked: Said, link: str, why: str, code: int
) -> None:
    said = await ask(await opened_with(open_gateway), **asked)

    verdict, told = links(said)[link]
    assert (said["verdict"], verdict) == ("refused", "refused")
    assert why in told
    assert said["code"] == code


async def test_a_link_is_not_asked_about_an_app_that_is_not_known(open_gateway: OpenGateway) -> None:
    said = links(await ask(await opened_with(open_gateway), app="x"))
    assert {said[name][0] for name in ("user_auth", "permission", "rate_limit")} == {"not reached"}


async def test_a_login_state_is_not_asked_about(open_gateway: OpenGateway) -> None:
    said = await ask(await opened_with(open_gateway), **{"as": "bk_token"})
    assert (said["verdict"], said["code"]) == ("unknown", None)
    assert links(said)["user_auth"][0] == "unknown"


async def test_to_ask_takes_nothing_and_what_was_taken_is_told(
    open_gateway: OpenGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = await opened_with(open_gateway)
    for _ in range(3):
        assert links(await ask(gateway))["rate_limit"] == ("allowed", "3/1minute: 3 left")
    for left in (2, 1, 0):
        assert (await gateway.call("cc/search", AUTH))["code"] == 0
        assert f"3/1minute: {left} left" in links(await ask(gateway))["rate_limit"][1] or left == 0

    def taken(*_: Any, **__: Any) -> None:
        raise AssertionError("to ask takes nothing")

    with monkeypatch.context() as patched:
        for name in ("add", "put", "swap", "drop", "reserve", "settle", "take", "give_back"):
            patched.setattr(MemoryStore, name, taken)
        said = await ask(gateway)
    real = await gateway.call("cc/search", AUTH)
    assert (said["code"], said["message"]) == (real["code"], real["message"])
    assert said["code"] == 1306429
    assert next(link for link in said["links"] if link["link"] == "rate_limit")["until"] == "2027-01-15T08:17:40Z"


async def test_what_is_counted_elsewhere_or_at_another_time_is_not_known_here(open_gateway: OpenGateway) -> None:
    gateway = await opened_with(open_gateway)
    for said in (await ask(gateway, live=False), await ask(gateway, at="2027-01-20T00:00:00Z")):
        assert links(said)["rate_limit"][0] == "not known here"
        assert said["verdict"] == "allowed"


# Middlewares of others


class Guard(Middleware[NoConfig]):
    """Refuses everybody, and says so."""

    async def __call__(self, call: Call, handler: Handler) -> Any:
        raise PermissionDenied("No")

    async def explain(self, question: Question) -> Decision:
        return Decision(verdict="refused", why=f"nobody passes, {question.app_code}", error=PermissionDenied("No"))


class Broken(Guard):
    """Fails when it is asked."""

    async def explain(self, question: Question) -> Decision:
        raise ZeroDivisionError


class WithoutError(Guard):
    """Refuses, and does not say what the caller would get."""

    async def explain(self, question: Question) -> Decision:
        return Decision(verdict="refused", why="no")


class OtherWord(Guard):
    """Says it in a word of its own."""

    async def explain(self, question: Question) -> Decision:
        verdict: Any = "forbidden"
        return Decision(verdict=verdict, why="no")


class Plain:
    """A middleware that inherits nothing."""

    def __init__(self, config: Any, services: Any) -> None:
        """Take nothing."""

    async def __call__(self, call: Call, handler: Handler) -> Any:
        return await handler(call)


def chain(*uses: str) -> str:
    return "".join(f"  - use: {use if use.islower() else f'{__name__}:{use}'}\n" for use in uses)


async def test_a_middleware_of_others_explains_itself(open_gateway: OpenGateway) -> None:
    said = await ask(await opened_with(open_gateway, chain("app_auth", "Guard", "permission")))
    assert (said["verdict"], said["code"], said["message"]) == ("refused", 1306403, "No")
    assert [*links(said).values()][2] == ("refused", "nobody passes, a")


@pytest.mark.parametrize("use", ["Broken", "WithoutError", "OtherWord", "Plain"])
async def test_a_middleware_that_does_not_say_is_not_taken_for_a_yes(open_gateway: OpenGateway, use: str) -> None:
    said = await ask(await opened_with(open_gateway, chain("app_auth", use, "permission")))
    assert [*links(said).values()][2][0] == "not explained"
    assert (said["verdict"], said["code"]) == ("unknown", None)


async def test_behind_a_link_that_does_not_say_no_refusal_is_sure_but_before_it_is(open_gateway: OpenGateway) -> None:
    gateway = await opened_with(open_gateway, chain("Plain", "permission"))
    said = await ask(gateway)
    assert (said["verdict"], links(said)["permission"][0]) == ("unknown", "unknown")
    gateway = await opened_with(open_gateway, chain("app_auth", "Plain", "permission"))
    assert (await ask(gateway, app="off"))["verdict"] == "refused"


# Directories of apps


class Directory(Service[NoConfig]):
    """A directory of apps of others, which does not say what it would do."""

    service = "apps"

    async def verify(self, call: Call, code: str, secret: str) -> App:
        return App(code)

    async def secrets(self, call: Call, code: str) -> list[bytes]:
        return []

    async def rights(self, call: Call, code: str) -> App:
        return App(code)


async def with_apps(open_gateway: OpenGateway, apps: str) -> Gateway:
    components = '  - {path: /cc/search/, use: "tests.support.components:Echo"}\n'
    return await open_gateway(config=f"version: 1\nservices:\n  apps: {apps}\ncomponents:\n{components}", clock=Clock())


async def test_a_directory_that_does_not_say_is_not_taken_for_a_yes_nor_for_a_no(open_gateway: OpenGateway) -> None:
    said = await ask(await with_apps(open_gateway, f'{{use: "{__name__}:Directory"}}'))
    assert links(said)["app_auth"][0] == "not explained"
    assert said["verdict"] == "unknown"
    assert "refused" not in {verdict for verdict, _ in links(said).values()}


async def test_bkauth_is_not_asked_but_what_esb_yaml_says_of_its_apps_is_told(open_gateway: OpenGateway) -> None:
    apps = "[{code: a, impersonate: [admin]}, {code: off, disabled: true}]"
    config = f"{{url: 'http://127.0.0.1:9', app_code: esb, app_secret: s, apps: {apps}}}"
    gateway = await with_apps(open_gateway, f"{{use: bk_auth, config: {config}}}")
    said = await ask(gateway)
    assert said["verdict"] == "unknown"
    assert [link["verdict"] for link in said["links"]] == ["allowed", "unknown", "allowed", "allowed"]
    said = await ask(gateway, app="off")
    assert (said["verdict"], said["code"]) == ("refused", 1306403)
    said = await ask(gateway, app="stranger")
    assert [link["verdict"] for link in said["links"]] == ["allowed", "unknown", "refused", "allowed"]


async def test_a_token_in_the_path_says_which_app_calls(open_gateway: OpenGateway) -> None:
    stanza = '  - {path: "/a/in/{token}/", tokens: [{app: a, token: token-of-the-app-a}], '
    stanza += 'middlewares: [{use: app_auth}, {use: user_auth}], use: "tests.support.components:Echo"}\n'
    apps = "{use: static, config: {apps: [{code: a, secrets: [s]}, {code: b, secrets: [s]}]}}"
    gateway = await open_gateway(config=f"version: 1\nservices: {{apps: {apps}}}\ncomponents:\n{stanza}")
    said = await ask(gateway, component="a.in", user="")
    assert links(said)["user_auth"] == ("allowed", "a token in the path stands for an app alone")
    said = await ask(gateway, app="b", component="a.in")
    assert links(said)["app_auth"] == ("refused", "b has no token in the address")


# Gates of components


async def test_a_closed_quota_gate_is_told_with_the_answer_that_it_gives(
    open_gateway: OpenGateway, sandbox: Sandbox
) -> None:
    components = WECOM.replace("per_minute: 0", "per_minute: 30")
    gateway = await open_gateway(components, sandbox_url=sandbox.url, clock=Clock())
    question = {**CALLER, "component": "cmsi.send_weixin", "receivers": ["zhangsan"]}
    before = await ask(gateway, **question)
    assert links(before)["gates"] == ("allowed", "the quota gate is open; zhangsan has 30 of 30 messages left")
    await gateway.send("zhangsan")
    after = await ask(gateway, **question)
    assert links(after)["gates"] == ("allowed", "the quota gate is open; zhangsan has 29 of 30 messages left")
    await fault(sandbox, "/cgi-bin/message/send", {"errcode": 45009, "errmsg": "reach max api daily quota limit"})
    await gateway.send("zhangsan")

    said, real = await ask(gateway, **question), await gateway.send("zhangsan")

    verdict, why = links(said)["gates"]
    assert (verdict, said["verdict"]) == ("refused", "refused")
    assert why.startswith("the quota gate is closed, because of errcode 45009")
    assert (said["code"], said["message"]) == (real["code"], real["message"])
    assert said["code"] == 1306429


class Slow(Sender[NoConfig, Params]):
    """A vendor that takes two messages a minute, and shuts out whoever sends a second."""

    limits = Limits(per_minute=2, penalty_seconds=300)

    def messages(self, call: Call, params: Params) -> list[Draft]:
        return [Draft(("robot",), {"text": "x"})]

    async def deliver(self, call: Call, message: Draft) -> None:
        if call.language != "en":
            raise Rejected(7, "too fast", "quota")


async def test_a_sender_of_others_tells_its_pace_and_its_penalty(open_gateway: OpenGateway) -> None:
    clock = Clock()
    gateway = await open_gateway(f'  - {{path: /a/slow/, use: "{__name__}:Slow"}}\n', clock=clock)
    question = {**CALLER, "component": "a.slow"}
    assert links(await ask(gateway, **question, live=False))["gates"][0] == "not known here"
    for left, language in ((2, "en"), (1, "zh-hans")):
        why = f"the quota gate is open; in this minute {left} of 2 messages left"
        assert links(await ask(gateway, **question))["gates"] == ("allowed", why)
        await gateway.post(DEMO, "a/slow", headers={"Blueking-Language": language})

    said = await ask(gateway, **question)

    assert links(said)["gates"] == ("refused", "the gate is closed by a penalty, because of errcode 7: too fast")
    clock.advance(61)  # the minute is over, the penalty is not
    real = await gateway.call("a/slow")
    assert (said["code"], said["message"]) == (real["code"], real["message"])


async def test_a_robot_tells_the_pace_of_its_group(open_gateway: OpenGateway) -> None:
    robot = "  - {path: /cmsi/robot/, use: cmsi_send_wecom_robot, config: {webhook_key: key-of-a-robot}}\n"
    said = await ask(await open_gateway(robot), **CALLER, component="cmsi.robot")
    assert links(said)["gates"] == ("allowed", "the quota gate is open; robot has 20 of 20 messages left")


async def test_several_robots_are_told_one_by_one_and_are_no_yes_while_one_is_shut(
    open_gateway: OpenGateway, sandbox: Sandbox
) -> None:
    config = f"{{wx_qy_host: '{sandbox.url}', webhook_key: key-of-a-robot, robots: {{night: another-key}}}}"
    stanza = f"  - {{path: /cmsi/robot/, use: cmsi_send_wecom_robot, config: {config}}}\n"
    gateway = await open_gateway(stanza, clock=Clock())
    question = {**CALLER, "component": "cmsi.robot"}
    told = [f"{name}: the quota gate is open; robot has 20 of 20 messages left" for name in ("webhook_key", "night")]
    assert links(await ask(gateway, **question))["gates"] == ("allowed", "; ".join(told))
    assert links(await ask(gateway, **question, live=False))["gates"][0] == "not known here"
    await fault(sandbox, "/cgi-bin/webhook/send", {"errcode": 45009, "errmsg": "reach max api daily quota limit"})
    await gateway.call("cmsi/robot", {**DEMO, "content": "x", "robot": "night"})

    said = await ask(gateway, **question)

    verdict, why = links(said)["gates"]
    assert (said["verdict"], verdict) == ("unknown", "unknown")
    assert "night: the quota gate is closed, because of errcode 45009" in why


async def test_of_a_secret_that_each_caller_brings_no_gate_is_known(open_gateway: OpenGateway) -> None:
    config = "{wx_type: qy, wx_qy_corpid: ww1}"
    gateway = await open_gateway(f"  - {{path: /cmsi/send_weixin/, use: cmsi_send_weixin, config: {config}}}\n")
    said = await ask(gateway, **CALLER, component="cmsi.send_weixin")
    assert (said["verdict"], links(said)["gates"][0]) == ("unknown", "unknown")


async def test_a_component_that_calls_another_is_no_yes_by_itself(open_gateway: OpenGateway) -> None:
    gateway = await open_gateway(
        "  - {path: /cmsi/send_msg/, use: cmsi_send_msg}\n"
        "  - {path: /alerts/in/, use: alert_webhook, config: {to: /cmsi/send_msg/}}\n"
    )
    for component, called in (("cmsi.send_msg", "the component of msg_type"), ("alerts.in", "/cmsi/send_msg/")):
        said = await ask(gateway, **CALLER, component=component)
        assert (said["verdict"], links(said)["gates"][0]) == ("unknown", "unknown")
        assert f"it calls {called}, which decides too" in links(said)["gates"][1]


async def test_a_proxy_tells_its_places_and_its_breaker_with_the_answer_that_this_gives(
    open_gateway: OpenGateway,
) -> None:
    hosts, breaker = f"['http://127.0.0.1:{free_port()}']", "{failures: 1, seconds: 30}"
    config = f"{{hosts: {hosts}, path: /x/, max_concurrency: 5, breaker: {breaker}}}"
    clock = Clock()
    gateway = await open_gateway(f"  - {{path: /cc/hosts/, use: http, config: {config}}}\n", clock=clock)
    question = {**CALLER, "component": "cc.hosts"}
    assert links(await ask(gateway, **question, alone=False))["gates"][0] == "not known here"
    assert links(await ask(gateway, **question))["gates"] == ("allowed", "0 of 5 calls are under way")
    await gateway.call("cc/hosts")

    said, real = await ask(gateway, **question), await gateway.call("cc/hosts")

    assert links(said)["gates"] == ("refused", "the breaker is open")
    assert (said["code"], said["message"]) == (real["code"], real["message"])
    clock.advance(31)
    assert (await ask(gateway, **question))["verdict"] == "allowed"
    assert (await ask(gateway, **question))["verdict"] == "allowed"  # asking is no probe


async def test_a_proxy_without_breaker_and_bound_has_no_gates(open_gateway: OpenGateway) -> None:
    gateway = await open_gateway(
        "  - {path: /cc/hosts/, use: http, config: {hosts: ['http://127.0.0.1:9'], path: /x/}}\n"
    )
    assert "gates" not in links(await ask(gateway, **CALLER, component="cc.hosts"))


class Quiet(Component[NoConfig, Params]):
    """A component that says nothing of gates."""

    async def handle(self, call: Call, params: Params) -> Any:
        return None


async def test_a_component_without_gates_has_no_link(open_gateway: OpenGateway) -> None:
    gateway = await open_gateway(f'  - {{path: /a/quiet/, use: "{__name__}:Quiet", test_config: {{}}}}\n')
    said = await ask(gateway, **CALLER, component="a.quiet")
    assert "gates" not in links(said)
    assert said["verdict"] == "allowed"


@pytest.mark.parametrize(
    ("run", "why"),
    [("here", "these processes send it"), ("separate", "`esb deliver` sends it"), ("off", "would get 1306406")],
)
async def test_it_says_who_sends_a_call_that_is_to_be_sent_later(
    open_gateway: OpenGateway, sandbox: Sandbox, tmp_path: Path, opened: AsyncExitStack, run: str, why: str
) -> None:
    url = f"sqlite:///{tmp_path}/later.db"
    await opened.enter_async_context(open_database(url))
    config = accepting_config(url, f"{WECOM}{QUERY}", f"{{run: {run}}}")
    gateway = await open_gateway(config=config, sandbox_url=sandbox.url)
    said = await ask(gateway, component="cmsi.send_weixin", **CALLER)
    assert said["verdict"] == "allowed"
    assert said["links"][-1]["link"] == "asynchronous calls"
    assert why in said["links"][-1]["why"]
    asked = await ask(gateway, component="cmsi.get_msg_type", **CALLER)
    assert "asynchronous calls" not in [link["link"] for link in asked["links"]]


QUERY = "  - {path: /cmsi/get_msg_type/, use: cmsi_get_msg_type}\n"
