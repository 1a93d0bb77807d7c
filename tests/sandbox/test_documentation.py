"""The sandbox's pages name all there is: endpoints, control calls, actions, knobs and seed keys."""

import json
import re
from pathlib import Path

import pytest

from esb.sandbox import control, endpoints, faults, seed
from esb.sandbox.knobs import Knobs
from esb.sandbox.template_data import TYPES

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(params=["sandbox.md", "sandbox.zh-CN.md"])
def page(request: pytest.FixtureRequest) -> str:
    return (DOCS / str(request.param)).read_text("utf-8")


def missing(page: str, names: object) -> list[str]:
    assert isinstance(names, dict | list)
    return [name for name in names if f"`{name}`" not in page]


def test_every_endpoint_is_documented(page: str) -> None:
    assert [path for path in endpoints.ENDPOINTS if path not in page] == []


def test_every_control_call_is_documented(page: str) -> None:
    assert [thing for thing in seed.PATCHED if thing.partition("/")[0] not in page] == []
    assert [name for name in control.COMMANDS if f"/_sandbox/{name}`" not in page] == []


def test_every_match_and_action_is_documented(page: str) -> None:
    assert missing(page, faults._MATCH) == []
    assert missing(page, [name for name in faults._ACTION if name != "errmsg"]) == []


def test_every_knob_is_documented_with_its_default(page: str) -> None:
    rows = [
        line.split(" | ")
        for line in page.splitlines()
        if re.match(r"\| `(token|mp|stable|qy|robot|tencent|sms|voice|mail)\.", line)
    ]
    documented = {}
    for names, defaults, *_ in rows:
        for index, name in enumerate(re.findall(r"`([^`]+)`", names)):
            values = re.split(r"[,、]\s*", defaults.strip("`"))
            documented[name] = values[min(index, len(values) - 1)]

    assert documented == {
        name: str(default).lower() if isinstance(default, bool) else f"{default}"
        for name, default in Knobs().dotted().items()
    }


def test_every_seed_key_is_documented(page: str) -> None:
    keys = {*seed._ACCOUNT, *seed._FOLLOWER, *seed._CORPORATION, *seed._MEMBER, *seed._APP}
    keys |= {*seed._TENCENT, *seed._TENCENT_APP, *seed._MAIL}

    assert {key for key in keys if not re.search(rf'[`"]{key}[`"]', page)} == set()


def test_every_template_type_is_documented(page: str) -> None:
    assert missing(page, list(TYPES)) == []


@pytest.mark.parametrize("name", ["sandbox.md", "sandbox.zh-CN.md"])
def test_the_seed_on_the_page_is_a_valid_one(name: str) -> None:
    found = re.search(r"```json\n(.*?)```", (DOCS / name).read_text("utf-8"), re.DOTALL)
    assert found
    assert seed.parse(json.loads(found[1])).knobs.robot_per_minute == 20
