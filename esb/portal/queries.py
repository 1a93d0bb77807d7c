"""Queries of pages that list something: what is asked for, and the address of the page behind this one."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from aiohttp import web


def asked_for(request: web.Request, *names: str) -> dict[str, str]:
    """Return what stands under these names in the query; an empty field asks for nothing."""
    found = {name: request.query.get(name, "").strip() for name in names}
    return {name: value for name, value in found.items() if value}


def next_page(path: str, wanted: Mapping[str, str], answer: Mapping[str, Any]) -> str:
    """Return the address of the next page, by the cursor that an operation tells; "" if there is none."""
    return f"{path}?{urlencode({**wanted, 'cursor': answer['cursor']})}" if answer.get("cursor") else ""
