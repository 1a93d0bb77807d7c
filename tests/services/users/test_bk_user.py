"""BlueKing's user directory over real HTTP."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import SecretStr

from esb import App, User
from esb.config import load
from esb.contracts.services import Contact
from esb.core.clock import SystemClock
from esb.core.errors import ConfigError, EsbError, UpstreamError
from esb.gateway.app import create_app
from esb.services.users.bk_user import BkUserConfig, BkUsers
from tests.support.calls import make_call
from tests.support.clock import Clock
from tests.support.gateway import Gateway, OpenGateway, OpenServer, Sandbox
from tests.support.identity import configuration
from tests.support.process_services import open_process_services
from tests.support.wire import until


def profile(name: str, **changes: Any) -> dict[str, Any]:
    made = {"username": name, "wx_userid": f"wx-{name}", "email": f"{name}@x", "telephone": "1", "country_code": "86"}
    return {**made, "status": "NORMAL", "staff_status": "IN", **changes}


def everybody(names: list[str]) -> Any:
    return {"result": True, "data": [profile(name) for name in names]}


@dataclass
class Directory:
    """A user directory that answers what a test tells it to."""

    url: str = ""
    answer: Callable[[list[str]], Any] = everybody
    asked: list[web.Request] = field(default_factory=list)
    under_way: int = 0
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append(request)
        self.under_way += 1
        await self.may_answer.wait()
        self.under_way -= 1
        return web.json_response(self.answer(request.query["exact_lookups"].split(",")))


@pytest.fixture
async def directory(open_server: OpenServer) -> Directory:
    made = Directory()
    app = web.Application()
    app.router.add_get("/api/v2/profiles/", made.handle)
    made.url = await open_server(app)
    made.may_answer.set()
    return made


@pytest.fixture
async def users(directory: Directory) -> AsyncIterator[BkUsers]:
    config = BkUserConfig(url=f"{directory.url}/", headers={"X-Api-Key": SecretStr("key")})
    async with open_process_services(Clock()) as services:
        opened = BkUsers(config, services)
        yield opened
        await opened.close()


async def test_the_directory_is_asked_for_the_contacts_of_these_names(users: BkUsers, directory: Directory) -> None:
    call = make_call(headers={"X-Bkapi-Request-Id": "a" * 32})
    found = await users.contacts(call, ["anna", "b&n", "二"])
    assert found["anna"] == Contact("anna", "anna@x", "1", "86", {"wx_userid": "wx-anna"})
    assert set(found) == {"anna", "b&n", "二"}
    (asked,) = directory.asked
    assert dict(asked.query) == {
        "lookup_field": "username",
        "no_page": "True",
        "best_match": "1",
        "exact_lookups": "anna,b&n,二",
        "fields": "username,country_code,telephone,email,wx_userid,status,staff_status",
    }
    assert asked.headers["Bk-Username"] == ""
    assert asked.headers["Bk-App-Code"] == "bk_apigateway"
    assert asked.headers["X-Api-Key"] == "key"
    assert asked.headers["X-Bkapi-Request-Id"] == "a" * 32


async def test_a_directory_that_wants_a_jwt_gets_one_of_the_gateway(directory: Directory) -> None:
    key = rsa.generate_private_key(65537, 2048)
    form = serialization.PrivateFormat.PKCS8
    pem = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()
    config = BkUserConfig(url=directory.url, jwt_private_key=SecretStr(pem))
    async with open_process_services(SystemClock()) as services:
        users = BkUsers(config, services)
        await users.contacts(make_call(app=App("monitor"), user=User("anna", verified=True)), ["ben"])
    (asked,) = directory.asked
    token = asked.headers["X-Bkapi-JWT"]
    payload = jwt.decode(token, key.public_key(), algorithms=["RS512"])
    assert payload["app"] == {"version": 1, "bk_app_code": "bk_apigateway", "verified": True}
    assert payload["user"] == {"version": 1, "bk_username": "", "verified": False}
    assert asked.headers["Bk-App-Code"] == "bk_apigateway"
    assert pem not in repr((users, config))


def test_a_key_that_cannot_sign_is_a_mistake_at_its_place(tmp_path: Path) -> None:
    path = tmp_path / "esb.yaml"
    path.write_text(configuration("  users: {use: bk_user, config: {url: http://users, jwt_private_key: hunter2}}\n"))
    with pytest.raises(ConfigError) as error:
        create_app(load(path, {}))
    (mistake,) = error.value.mistakes
    assert mistake.key == "services.users.config.jwt_private_key"
    assert "RSA private key" in mistake.text
    assert "hunter2" not in str(mistake)


@pytest.mark.parametrize(
    ("changes", "counts"),
    [
        ({}, True),
        ({"status": "LOCKED"}, True),
        ({"status": "DISABLED"}, False),
        ({"status": "DELETED"}, False),
        ({"status": "normal"}, False),
        ({"status": None}, False),
        ({"status": ["NORMAL"]}, False),
        ({"status": {}}, False),
        ({"staff_status": "OUT"}, False),
        ({"staff_status": None}, False),
    ],
)
async def test_only_people_who_are_here_count(
    users: BkUsers, directory: Directory, changes: dict[str, Any], counts: bool
) -> None:
    directory.answer = lambda names: {"data": [profile("anna", **changes)]}
    assert set(await users.contacts(make_call(), ["anna"])) == ({"anna"} if counts else set())


async def test_what_a_profile_lacks_is_empty(users: BkUsers, directory: Directory) -> None:
    empty = {"wx_userid": None, "email": "", "telephone": 13800000000}
    bare = {key: value for key, value in profile("anna", **empty).items() if key != "country_code"}
    directory.answer = lambda names: {"result": True, "data": ["odd", None, bare, [], {"username": "ben"}]}
    found = await users.contacts(make_call(), ["anna", "ben"])
    assert found == {"anna": Contact("anna", telephone="13800000000")}


async def test_many_names_are_asked_for_a_hundred_at_a_time(users: BkUsers, directory: Directory) -> None:
    names = [f"user{number}" for number in range(250)]
    assert list(await users.contacts(make_call(), names)) == names
    sizes = [len(asked.query["exact_lookups"].split(",")) for asked in directory.asked]
    assert sorted(sizes) == [50, 100, 100]


async def test_no_more_than_four_questions_are_under_way(users: BkUsers, directory: Directory) -> None:
    directory.may_answer.clear()
    asking = asyncio.create_task(users.contacts(make_call(), [f"user{number}" for number in range(1000)]))
    await until(lambda: directory.under_way == 4)
    assert len(directory.asked) == 4
    directory.may_answer.set()
    assert len(await asking) == 1000
    assert len(directory.asked) == 10


async def test_nobody_is_nobody_and_not_asked_for(users: BkUsers, directory: Directory) -> None:
    assert await users.contacts(make_call(), []) == {}
    assert directory.asked == []


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({"result": False, "message": "no {such} table", "data": None}, "no {such} table"),
        ({"result": False, "data": []}, ""),
        ({"result": True, "data": None}, ""),
        ({"result": True, "data": {"results": []}}, ""),
        ({"message": ["odd"]}, "['odd']"),
        ({"result": False, "message": "x" * 10_000}, "x" * 200),
    ],
)
async def test_a_directory_that_says_no_is_told_in_the_old_words(
    users: BkUsers, directory: Directory, answer: Any, message: str
) -> None:
    directory.answer = lambda names: answer
    with pytest.raises(EsbError) as caught:
        await users.contacts(make_call(), ["anna"])
    assert str(caught.value) == f"Failed to get users contact information based on username, {message}"
    assert caught.value.code == 1306000


async def test_one_answer_of_many_that_fails_fails_all(users: BkUsers, directory: Directory) -> None:
    directory.answer = lambda names: {"result": False, "message": "busy"} if "user150" in names else everybody(names)
    with pytest.raises(EsbError, match="busy"):
        await users.contacts(make_call(), [f"user{number}" for number in range(250)])


async def test_a_directory_that_answers_no_json_is_an_upstream_error(users: BkUsers, directory: Directory) -> None:
    directory.answer = lambda names: []
    with pytest.raises(UpstreamError, match=r"\[BK_USER\] interface \[profiles\]"):
        await users.contacts(make_call(), ["anna"])


CONFIG = """\
version: 1
services:
  apps: {{use: static, config: {{apps: [{{code: esb_demo, secrets: [demo-secret], impersonate: ["*"]}}]}}}}
  users: {{use: bk_user, config: {{url: "{url}"}}}}
components:
  - path: /cmsi/send_weixin/
    use: cmsi_send_weixin
    timeout: 5
    config: {{wx_type: qy, wx_qy_corpid: ww0000000000000001, wx_qy_corpsecret: corp-secret, wx_qy_agentid: 1000002,
             wx_qy_host: "{wechat}"}}
"""


async def open_with(open_gateway: OpenGateway, url: str, sandbox: Sandbox) -> Gateway:
    return await open_gateway(config=CONFIG.format(url=url, wechat=sandbox.url))


async def test_a_message_reaches_people_of_the_directory(
    open_gateway: OpenGateway, directory: Directory, sandbox: Sandbox
) -> None:
    directory.answer = lambda names: {"data": [profile("anna", wx_userid="zhangsan"), profile("ben", wx_userid="")]}
    gateway = await open_with(open_gateway, directory.url, sandbox)
    answer = await gateway.send(None, receiver__username="anna,ben,nobody")
    assert (answer["result"], answer["data"]["accepted"]) == (False, ["anna"])
    assert answer["data"]["username_check"] == {"invalid": ["nobody"]}
    assert [message["delivered"] for message in await sandbox.messages()] == [["zhangsan"]]


async def test_a_directory_that_is_down_is_told_and_nothing_sent(
    open_gateway: OpenGateway, sandbox: Sandbox, unused_tcp_port: int
) -> None:
    gateway = await open_with(open_gateway, f"http://127.0.0.1:{unused_tcp_port}", sandbox)
    answer = await gateway.send(None, receiver__username="anna")
    assert (answer["result"], answer["code"]) == (False, 1306201)
    assert "[BK_USER]" in answer["message"]
    assert await sandbox.messages() == []
