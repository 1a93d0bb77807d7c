"""Recalls from the command line: by components that are built like those of a gateway, and not opened."""

from functools import partial

from esb.cli.registry_access import actor
from esb.cli.standalone import standalone_config
from esb.config import ConfigSource
from esb.core.clock import SystemClock
from esb.delivery.ledger import Ledger
from esb.delivery.recalling import recall_for_operator
from esb.gateway.app import Gateway
from esb.gateway.links import component_of


async def recalled(source: ConfigSource, ledger: Ledger, identity: str) -> int:
    """Take back the messages of a delivery; return how many. EsbError if one is not. ConfigError."""
    async with standalone_config(source) as config, Gateway(config, (), SystemClock(), None).calling_out() as gateway:
        await gateway.tokens.open()
        await gateway.store.open()
        return await recall_for_operator(
            ledger, partial(component_of, gateway.generation.links), identity, actor("cli")
        )
