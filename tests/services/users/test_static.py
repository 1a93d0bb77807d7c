"""services.users, use: static: people as esb.yaml names them."""

from typing import Any

from esb import Call, Component, NoConfig, Params, RequiredReceivers, pytest_plugin
from esb.testing import CallComponent, OpenGateway

gateway = pytest_plugin.gateway  # conftest.py has another of this name


class Whom(Params):
    """People."""

    names: RequiredReceivers


class Addresses(Component[NoConfig, Whom]):
    """Answers the addresses of people on chat platforms."""

    async def handle(self, call: Call, params: Whom) -> Any:
        found = await self.services.users.contacts(call, params.names)
        return {name: dict(contact.addresses) for name, contact in found.items()}


async def test_a_plugin_finds_addresses_of_its_own_kind(gateway: OpenGateway, call: CallComponent) -> None:
    ann = {"username": "ann", "wx_userid": "zhangsan", "addresses": {"feishu_id": "ou_1"}}
    await gateway(Addresses, users=[ann, {"username": "bob"}, {"username": "eve", "active": False}])
    answer = await call(names="ann,bob,eve")
    assert answer["data"] == {"ann": {"feishu_id": "ou_1", "wx_userid": "zhangsan"}, "bob": {}}
