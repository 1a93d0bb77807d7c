"""The components that an app may call."""

from typing import Any, cast

import pytest

from esb.contracts.lifecycle import NoConfig
from esb.contracts.services import ChainServices
from esb.core.call import App, Call
from esb.core.errors import PermissionDenied
from esb.middlewares.permission import Permission
from tests.support.calls import explode, make_call

permission = Permission(NoConfig(), cast(ChainServices, None))  # it borrows nothing


async def let_in(call: Call) -> Any:
    return "in"


@pytest.mark.parametrize(
    "components", [["*"], ["cmsi.*"], ["*.send_weixin"], ["cmsi.send_weixin"], ["cc.*", "cmsi.send_[vw]*"]]
)
async def test_an_app_calls_what_one_of_its_globs_names(components: list[str]) -> None:
    call = make_call(app=App("a", components=tuple(components)))
    assert await permission(call, let_in) == "in"


@pytest.mark.parametrize("components", [[], [""], ["cc.*"], ["cmsi"], ["send_weixin"], ["CMSI.*"], ["cmsi.send_weixi"]])
async def test_an_app_calls_nothing_else(components: list[str]) -> None:
    with pytest.raises(PermissionDenied) as caught:
        await permission(make_call(app=App("a", components=tuple(components))), explode)
    assert caught.value.code == 1306403
    assert str(caught.value) == (
        "APP permission is insufficient, APP has no permission to access the component (send_weixin) of the system"
        " (cmsi). The APP manager can go to the Developer Center and apply for permission to access the component"
    )


async def test_without_an_app_there_is_nothing_to_permit() -> None:
    with pytest.raises(PermissionDenied):
        await permission(make_call(), explode)


def test_it_guards_calls_inside_of_calls_too() -> None:
    assert Permission.inner
