"""The preflight as a whole: whose checks run, in which order, how they fail, and what is told of them."""

import asyncio
import re
import resource
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from esb import Call, Check, Component, ConfigModel, EsbError, Finding, Middleware, NoConfig, Params, Probes, Service
from esb.config import load
from esb.contracts.middleware import Handler
from esb.core.errors import ConfigError
from esb.introspect import doctor
from tests.support.gateway import Sandbox
from tests.support.preflight import WECOM, component, preflight
from tests.support.repository import ROOT

HERE = "tests.introspect.test_doctor"
SECRET = "a-secret-of-a-third-party"


async def ok() -> Finding:
    return Finding("ok", "all is well")


class ThirdConfig(ConfigModel):
    """The config of a third party's component."""

    key: SecretStr = SecretStr("")
    says: str = ""


class Third(Component[ThirdConfig, Params]):
    """A third party's component with checks of its own: each a way to end."""

    async def handle(self, call: Call, params: Params) -> Any:
        raise AssertionError("nobody calls it")

    def checks(self, probes: Probes) -> Sequence[Check]:
        async def leaks() -> Finding:
            return Finding("warn", f"it says\n{self.config.says}", "see https://u:p@example.com/a?key=k")

        async def refuses() -> Finding:
            raise EsbError("no {what}", what="such thing")

        async def breaks() -> Finding:
            raise ValueError(SECRET)

        async def hangs() -> Finding:
            await asyncio.Event().wait()
            raise AssertionError

        return [
            Check("first", "the first part is well", ok, "one"),
            Check("leaks", "it leaks nothing", leaks, "one"),
            Check("refuses", "it does not refuse", refuses, "one"),
            Check("after", "nothing comes after a failure", ok, "one"),
            Check("breaks", "it does not break", breaks, "two"),
            Check("hangs", "it does not hang", hangs, "three"),
        ]


class Unmade(Third):
    """A component whose checks cannot even be made."""

    def checks(self, probes: Probes) -> Sequence[Check]:
        raise KeyError(SECRET)


class Guard(Middleware[NoConfig]):
    """A middleware with a check."""

    async def __call__(self, call: Call, handler: Handler) -> Any:
        return await handler(call)

    def checks(self, probes: Probes) -> Sequence[Check]:
        return [Check("guard", "the guard is awake", ok)]


class People(Service[NoConfig]):
    """A directory with a check."""

    service = "users"

    async def contacts(self, call: Call, usernames: Sequence[str]) -> dict[str, Any]:
        return {}

    def checks(self, probes: Probes) -> Sequence[Check]:
        return [Check("people", "the directory is there", ok)]


def third(use: str = "Third", **config: Any) -> dict[str, Any]:
    return component(f"{HERE}:{use}", config, "/third/party/")


async def test_a_third_partys_checks_run_part_by_part_each_to_its_first_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "CHECK_SECONDS", 0.2)
    found = (await preflight(tmp_path, third())).of("third.party")

    assert {check: each.result for check, each in found.items()} == {
        "first": "ok",
        "leaks": "warn",
        "refuses": "fail",
        "after": "skipped",
        "breaks": "fail",
        "hangs": "fail",
    }
    assert found["refuses"].cause == "no such thing"
    assert found["after"].cause == "not tried: refuses has failed"
    assert found["breaks"].cause == "the check itself failed: ValueError"
    assert found["hangs"].cause.startswith("no answer within")


async def test_nothing_secret_leaves_a_third_partys_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "CHECK_SECONDS", 0.2)
    (tmp_path / "key").write_text(SECRET)
    stanza = third(key="${file:key}", says=f"{SECRET} at redis://u:p@h:1/0 \x1b[2J")
    done = await preflight(tmp_path, stanza)
    leaks = done.of("third.party")["leaks"]

    assert (leaks.cause, leaks.fix) == (r"it says *** at redis://h:1 \x1b[2J", "see https://example.com")
    assert SECRET not in done.text


async def test_all_checks_together_have_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "SECONDS", 0.0)
    done = await preflight(tmp_path, third())

    assert "hangs" in {each.id for each in done.found if each.result == "fail"}


async def test_checks_that_cannot_be_made_fail_for_their_component_alone(tmp_path: Path, sandbox: Sandbox) -> None:
    stanzas = [third("Unmade"), component("cmsi_send_weixin", WECOM)]
    done = await preflight(tmp_path, *stanzas, sandbox_url=sandbox.url)

    assert done.failed == ["third.party checks"]
    assert done.of("third.party")["checks"].cause == "its own code fails: KeyError"
    assert SECRET not in done.text


async def test_services_and_middlewares_may_offer_checks_too(tmp_path: Path) -> None:
    done = await preflight(
        tmp_path, middlewares=[{"use": f"{HERE}:Guard"}], services={"users": {"use": f"{HERE}:People"}}
    )

    assert done.of(f"{HERE}:Guard")["guard"].result == "ok"
    assert done.of("services.users")["people"].cause == "all is well"


async def test_only_the_named_components_are_examined(tmp_path: Path, sandbox: Sandbox) -> None:
    stanzas = [
        component("cmsi_send_weixin", WECOM, "/cmsi/send_weixin/", aliases=["/v2/cmsi/send_weixin/"]),
        component("cmsi_send_qy_weixin", WECOM),
        component("cmsi_get_msg_type", {}),
    ]
    for named in ("cmsi.send_weixin", "/cmsi/send_weixin/", "cmsi/send_weixin", "/v2/cmsi/send_weixin/"):
        done = await preflight(tmp_path, *stanzas, sandbox_url=sandbox.url, components=[named])
        assert {each.subject for each in done.found} == {"cmsi.send_weixin"}, named
    with pytest.raises(LookupError, match=r"cmsi\.send_nothing"):
        await preflight(tmp_path, *stanzas, sandbox_url=sandbox.url, components=["cmsi.send_nothing"])


async def test_what_has_nothing_to_look_at_says_so(tmp_path: Path, sandbox: Sandbox) -> None:
    off = component("cmsi_send_weixin", WECOM, active=False)
    done = await preflight(tmp_path, off, component("cmsi_get_msg_type", {}), sandbox_url=sandbox.url)

    assert [(each.id, each.result) for each in done.of("cmsi.send_weixin").values()] == [("active", "skipped")]
    assert [(each.id, each.result) for each in done.of("cmsi.get_msg_type").values()] == [("checks", "skipped")]
    assert await sandbox.calls("/cgi-bin/gettoken") == 0


async def test_a_test_environment_is_examined_as_one_of_its_own(tmp_path: Path, sandbox: Sandbox) -> None:
    stanza = component("cmsi_send_weixin", WECOM, test_config={"wx_qy_corpsecret": "wrong-secret"})
    done = await preflight(tmp_path, stanza, sandbox_url=sandbox.url)

    assert done.failed == ["cmsi.send_weixin (test) token"]


async def test_each_check_names_the_line_of_its_stanza_and_its_time(tmp_path: Path, sandbox: Sandbox) -> None:
    done = await preflight(tmp_path, component("cmsi_send_weixin", WECOM), sandbox_url=sandbox.url)
    found = done.of("cmsi.send_weixin")["token"]

    lines = (tmp_path / "esb.yaml").read_text().splitlines()
    file, _, line = found.place.rpartition(":")
    assert (file, lines[int(line) - 1].lstrip("- ").partition(":")[0]) == (f"{tmp_path}/esb.yaml", "config")
    assert found.milliseconds >= 0


async def test_a_wrong_configuration_is_told_as_such(tmp_path: Path) -> None:
    path = tmp_path / "esb.yaml"
    path.write_text("version: 1\nserver: {prot: 1}\ncomponents: []\n")
    with pytest.raises(ConfigError, match="prot"):
        await doctor.examine(load(path, {}))


# The process


async def process(folder: Path, **server: Any) -> dict[str, doctor.Examined]:
    return (await preflight(folder, server=server)).of("process")


@pytest.mark.parametrize(("files", "result"), [(1024, "warn"), (65536, "ok"), (resource.RLIM_INFINITY, "ok")])
async def test_few_open_files_are_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: int, result: str
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (files, files))
    found = (await process(tmp_path))["open_files"]

    assert found.result == result
    assert ("LimitNOFILE" in found.fix) == (result == "warn")


async def test_more_connections_need_more_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (8000, 8000))

    assert (await process(tmp_path))["open_files"].result == "ok"
    assert (await process(tmp_path, max_connections=5000))["open_files"].result == "warn"


async def test_the_time_zone_of_dates_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = (await process(tmp_path, timezone="Asia/Shanghai"))["time_zone"]

    assert (found.result, found.cause.startswith("Asia/Shanghai: it is 20")) == ("ok", True)


@pytest.mark.parametrize(
    ("proxies", "host", "result"),
    [([], "127.0.0.1", "ok"), (["10.0.0.0/8"], "0.0.0.0", "ok"), (["0.0.0.0/0"], "0.0.0.0", "warn"), ([], "::", "ok")],
)
async def test_trusting_everybody_as_a_proxy_is_a_warning(
    tmp_path: Path, proxies: list[str], host: str, result: str
) -> None:
    found = (await process(tmp_path, trusted_proxies=proxies, host=host))["trusted_proxies"]

    assert found.result == result
    assert ("name the proxies' own addresses" in found.fix) == (result == "warn")


@pytest.mark.parametrize(
    ("portal", "result", "cause"),
    [
        ({}, "ok", "nobody writes"),
        ({"host": "0.0.0.0"}, "warn", "operators' pages are closed"),
        (
            {"host": "0.0.0.0", "trusted_header": "X-User", "trusted_from": ["10.0.0.1"]},
            "ok",
            "by X-User from 10.0.0.1",
        ),
    ],
)
async def test_a_portal_that_knows_no_operator_is_a_warning_where_others_reach_it(
    tmp_path: Path, portal: dict[str, Any], result: str, cause: str
) -> None:
    found = (await process(tmp_path, portal=portal))["portal"]

    assert found.result == result
    assert cause in found.cause
    assert ("server.admin.tokens" in found.fix) == (result == "warn")


async def test_operators_are_known_by_the_tokens_of_the_admin_listener(tmp_path: Path) -> None:
    admin = {"port": 9090, "tokens": [{"name": "ops", "digest": f"sha256:{'0' * 64}"}]}
    found = (await process(tmp_path, portal={"host": "0.0.0.0"}, admin=admin))["portal"]

    assert (found.result, found.cause) == ("ok", "by 1 tokens")


async def test_without_a_portal_nobody_asks_for_its_operators(tmp_path: Path) -> None:
    assert "portal" not in await process(tmp_path)


# The documents


@pytest.mark.parametrize("page", ["doctor.md", "doctor.zh-CN.md"])
def test_every_id_is_documented_and_no_other(page: str) -> None:
    made = re.compile(r'(?:Check|_told_at_once)\(\s*"(\w+)"')
    ids = {found for file in (ROOT / "esb").rglob("*.py") for found in made.findall(file.read_text())}
    table = re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / page).read_text(), re.MULTILINE)

    assert sorted(table) == sorted(ids)
