"""What `esb explain` says of a call, link by link."""

import json
from typing import Any

from esb.gateway.app import GATEWAY
from esb.introspect.explain import Asked, explained
from tests.support.gateway import Gateway


async def links(gateway: Gateway, **asked: Any) -> dict[str, dict[str, Any]]:
    """The links of a call of the app of tests.support.sql_apps, unless `asked` says otherwise, by name."""
    question = {"app": "shop", "component": "cc.search_host", "user": "anna", **asked}
    said = await explained(gateway.app[GATEWAY], Asked.model_validate_json(json.dumps(question)), live=True)
    return {link["link"]: link for link in said["links"]}
