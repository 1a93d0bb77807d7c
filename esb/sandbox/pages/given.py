"""JSON of callers, read by a template: whatever is missing, or of another type, is empty; nothing is too long."""

from collections.abc import Iterator
from typing import Any

from esb.sandbox.pages.links import web_address

ITEMS = 20
"""Items of a list that are shown: more than the platforms take."""
SHORT = 512
"""Characters of a text that is no whole message."""


class Given:
    """A value of somebody's JSON."""

    def __init__(self, value: object) -> None:
        self._value = value

    def text(self, *keys: str, most: int = SHORT) -> str:
        """Return the text there, a number as text, "" of anything else; the end of a long one is cut off."""
        value = self._at(keys)
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            return ""
        text = str(value)
        return text if len(text) <= most else f"{text[: most - 1]}…"

    def at(self, *keys: str) -> "Given":
        """Return what is there."""
        return Given(self._at(keys))

    def items(self, *keys: str) -> list["Given"]:
        """Return the first items of the list there."""
        value = self._at(keys)
        return [Given(item) for item in value[:ITEMS]] if isinstance(value, list) else []

    def pairs(self, *keys: str) -> Iterator[tuple[str, "Given"]]:
        """Yield keys and values of the first items of the object there."""
        value = self._at(keys)
        for key in list(value)[:ITEMS] if isinstance(value, dict) else ():
            yield str(key)[:SHORT], Given(value[key])

    def address(self, *keys: str) -> str:
        """Return the address there if it is that of a web page, else ""."""
        return web_address(self._at(keys))

    def host(self, *keys: str) -> str:
        """Return the host of that address, else ""."""
        address = self.address(*keys)
        return address.split("/")[2].rpartition("@")[2][:SHORT] if address else ""

    def is_one_of(self, key: str, *values: object) -> bool:
        """Tell whether the text there is one of these, which may be numbers."""
        return self.text(key) in map(str, values)

    def __bool__(self) -> bool:
        return bool(self._value)

    def _at(self, keys: tuple[str, ...]) -> Any:
        value = self._value
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        return value
