"""Modules that were moved: each leads to one that is there, the CHANGELOG lists it, and `check` tells."""

from importlib import import_module

import pytest

from esb.gateway.moved import CLASSES, MODULES, moved
from tests.support.repository import ROOT

CHANGELOG = ROOT / "CHANGELOG.md"


@pytest.mark.parametrize("place", sorted({*MODULES.values(), *CLASSES.values()}))
def test_every_new_place_is_there(place: str) -> None:
    module, _, name = place.partition(":")
    found = import_module(module)
    assert not name or isinstance(getattr(found, name), type)


def test_the_changelog_lists_old_and_new_paths() -> None:
    text = CHANGELOG.read_text("utf-8")
    rows = {
        f"| `{old.removeprefix('esb.')}` | `{new.removeprefix('esb.')}` |"
        for old, new in {**MODULES, **CLASSES}.items()
    }
    assert {row for row in rows if row not in text} == set()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("esb.proxy.breaker", "esb.plugins.http.breaker"),
        ("esb.wechat:Pace", "esb.channels.wechat:Pace"),
        ("esb.services.static:StaticUsers", "esb.services.users.static:StaticUsers"),
        ("esb.plugins.cmsi_send_weixin:SendWeixin", None),
        ("my.own:Class", None),
    ],
)
def test_a_class_is_found_where_its_module_went(old: str, new: str | None) -> None:
    assert moved(old) == new
