"""The components that an app may call."""

from typing import Any, cast

import pytest

from esb.contracts.lifecycle import NoConfig
from esb.contracts.services import ChainServices
from esb.core.call import App, Call
from esb.core.errors import PermissionDenied
from esb.middlewares.permission import Permission
from tests.support.calls import explode, make_call
from tests.support.configuration import SERVICES
from tests.support.gateway import OpenGateway

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


@pytest.mark.parametrize(
    ("path", "right", "allowed"),
    [
        ("/cc/search_host/", "cc.search_host", True),
        ("/v2/cc/search_host/", "cc.search_host", True),
        ("/v3/cc/search_host/", "cc.*", True),
        ("/v2/cc/search_host/", "v2.cc.search_host", True),
        ("/v2/cc/search_host/", "v2.*", True),
        ("/v3/cc/search_host/", "v2.cc.search_host", False),
        ("/cc/search_host/", "v2.cc.search_host", False),
        ("/cc/search_host/", "v2.*", False),
        ("/v2/cc/search_host/", "v2.cc", False),
    ],
)
async def test_a_right_with_a_version_opens_that_version_only(path: str, right: str, *, allowed: bool) -> None:
    call = make_call(path=path, component="cc.search_host", app=App("a", components=(right,)))
    if allowed:
        assert await permission(call, let_in) == "in"
        return
    with pytest.raises(PermissionDenied):
        await permission(call, explode)


NAMED = """\
  - path: /cmdb/hosts/list/
    aliases: [/v2/cmdb/hosts/list/]
    name: cmdb.list_hosts
    use: "tests.support.components:Echo"
  - {path: /cmdb/passwords/list/, name: cmdb.list_passwords, use: "tests.support.components:Echo"}
"""


@pytest.mark.parametrize(
    ("right", "allowed"),
    [("cmdb.list_hosts", True), ("cmdb.list", False), ("cmdb.list_passwords", False), ("v2.cmdb.list_hosts", False)],
)
async def test_a_right_is_for_the_name_that_a_stanza_says(
    open_gateway: OpenGateway, right: str, *, allowed: bool
) -> None:
    services = SERVICES.replace("other.*", right)
    gateway = await open_gateway(config=f"{services}components:\n{NAMED}")
    auth = {"bk_app_code": "no_rights", "bk_app_secret": "no-rights-secret", "bk_username": "admin"}
    for path in ("cmdb/hosts/list", "v2/cmdb/hosts/list"):
        answer = await gateway.call(path, auth=auth)
        assert answer["result"] == allowed
        assert not allowed or answer["data"]["component"] == "cmdb.list_hosts"


async def test_without_an_app_there_is_nothing_to_permit() -> None:
    with pytest.raises(PermissionDenied):
        await permission(make_call(), explode)


def test_it_guards_calls_inside_of_calls_too() -> None:
    assert Permission.inner


@pytest.mark.parametrize("glob", ["*", "cmsi.*", "cmsi.send_weixin"])
async def test_an_app_whose_rights_were_granted_one_by_one_opens_restricted_components_by_globs(glob: str) -> None:
    app = App("a", components=(glob,), opens_restricted=True)
    assert await permission(make_call(restricted=True, app=app), let_in) == "in"


async def test_such_an_app_opens_no_other_restricted_component() -> None:
    app = App("a", components=("cc.*",), opens_restricted=True)
    with pytest.raises(PermissionDenied):
        await permission(make_call(restricted=True, app=app), explode)
