"""Forms as visitors send them: what was typed in stays there when an operation refuses it. Secrets do not."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from aiohttp import web

from esb.core.redaction import sounds_secret

UNKEPT = frozenset({"csrf", "secret"})
"""Fields that no page repeats."""


@dataclass(frozen=True, slots=True)
class Form:
    """A form that is open: its name on the page, the row that it is about, why it was refused, what was typed in."""

    name: str = ""
    row: str = ""
    """The number of a secret or a right; "" of a form that makes one."""
    error: str = ""
    typed: Mapping[str, str] = field(default_factory=dict, repr=False)

    def is_open(self, name: str, row: str | int = "") -> bool:
        """Return True if it is this form of the page."""
        return (self.name, self.row) == (name, str(row))

    def is_refused(self, name: str, row: str | int = "") -> bool:
        """Return True if it is this form of the page, and was refused."""
        return bool(self.error) and self.is_open(name, row)

    def value(self, name: str, row: str | int, field_name: str, otherwise: str = "") -> str:
        """Return what stands in a field: what was typed in, if this form was refused."""
        return self.typed.get(field_name, "") if self.is_refused(name, row) else otherwise


NO_FORM = Form()


async def typed(request: web.Request) -> dict[str, str]:
    """Return what was typed into the fields of a form; blanks around it count in a secret alone."""
    found = {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
    return {name: value if name == "secret" else value.strip() for name, value in found.items()}


def changed(fields: Mapping[str, str], *names: str) -> dict[str, str]:
    """Return the fields of these names in which something else stands than before: `was_NAME`, if the form has it."""
    return {name: fields[name] for name in names if name in fields and fields.get(f"was_{name}") != fields[name]}


def filled(fields: Mapping[str, str], *names: str) -> dict[str, str]:
    """Return the fields of these names in which something stands."""
    return {name: fields[name] for name in names if fields.get(name)}


def kept(fields: Mapping[str, str]) -> dict[str, str]:
    """Return what a page may repeat: no secret, no setting that sounds like one, no address with a query."""
    is_secret = sounds_secret(fields.get("key", ""))
    return {
        name: value
        for name, value in fields.items()
        if name not in UNKEPT and not (name == "value" and is_secret) and not (name == "url" and "?" in value)
    }
