"""Receivers of a message: as the caller typed them, or user names looked up in the directory.

An answer names them in the caller's own spelling. Shared by every channel.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from esb.channels.masking import given_forms, masked
from esb.channels.verdict import Kind, advice
from esb.contracts.services import Contact, Users
from esb.core.call import Call
from esb.core.errors import EsbError, Message, template
from esb.core.offloading import offloaded
from esb.core.reasons import Reason

T = TypeVar("T")
UNKNOWN_USERS = template("The following users are not blueking users: {names}")
READ_AT_ONCE = 500
"""Receivers whose addresses are read at once: in a few milliseconds, whatever they are."""
WITHOUT_CONTACT = template("The following users contact format are incorrect: {names}")


@dataclass(slots=True)
class Audience:
    """`typed`: the address to send to -> how the caller named it, several times if several names lead there.

    `unknown_users` are not in the directory (or have left); `without_contact` cannot be reached by this channel.
    `given` are the addresses that the caller wrote itself: a dry run tells no others as they are.
    """

    typed: Mapping[str, tuple[str, ...]]
    unknown_users: tuple[str, ...] = ()
    without_contact: tuple[str, ...] = ()
    given: Collection[str] = ()

    @property
    def addresses(self) -> tuple[str, ...]:
        return (*self.typed,)

    def names(self, addresses: Sequence[str]) -> list[str]:
        """Return the names by which the caller gave these addresses."""
        names: list[str] = []
        for address in addresses:
            names += self.typed.get(address, (address,))
        return names

    def missed(self) -> list[dict[str, Any]]:
        """Return the people who could not be addressed, as entries of `data.failed`."""
        return [unaddressed(name, Message("not a blueking user")) for name in self.unknown_users] + [
            unaddressed(name, Message("contact format is incorrect")) for name in self.without_contact
        ]

    def complaint(self) -> Message | None:
        """Return the fault of the user names, in the old ESB's words; None if there is none."""
        if not self.unknown_users and not self.without_contact:
            return None
        parts = []
        if self.unknown_users:
            parts.append(Message(UNKNOWN_USERS, {"names": ",".join(self.unknown_users)}))
        if self.without_contact:
            parts.append(Message(WITHOUT_CONTACT, {"names": ",".join(self.without_contact)}))
        if len(parts) == 2:
            return Message("{first};{second}", {"first": parts[0], "second": parts[1]})
        return parts[0] if parts else None

    def report(
        self,
        accepted: Sequence[str] = (),
        failed: Sequence[Mapping[str, Any]] = (),
        unknown: Sequence[str] = (),
        msgids: Sequence[str] = (),
    ) -> dict[str, Any]:
        """The data of an answer: addresses by their names, `failed` as entries, and who could not be addressed."""
        return {
            "username_check": {"invalid": [*self.unknown_users]},
            "accepted": self.names(accepted),
            "failed": [*failed, *self.missed()] if self.unknown_users or self.without_contact else [*failed],
            "unknown": self.names(unknown) if unknown else [],
            "msgids": [*msgids],
        }


def addressed(receivers: Sequence[str]) -> Audience:
    """Return the audience of receivers that the caller addressed itself."""
    return Audience(dict(zip(receivers, zip(receivers, strict=True), strict=True)), given=receivers)


async def read_of(read: Callable[[Sequence[str]], T], receivers: Sequence[str]) -> T:
    """Return what `read` makes of receivers, where reading takes its time: of many, in a thread."""
    return await offloaded(len(receivers), READ_AT_ONCE, read, receivers)


def by_address(named: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    """Each address with all that the caller named it by, from pairs of both."""
    typed: dict[str, dict[str, None]] = {}
    for address, name in named:
        typed.setdefault(address, {})[name] = None
    return {address: (*names,) for address, names in typed.items()}


def address_of(kind: str) -> Callable[[Contact], str]:
    """Return a function that takes the address of this kind from a contact, "" if it has none."""
    return lambda contact: contact.addresses.get(kind, "")


async def looked_up(users: Users, call: Call, usernames: Sequence[str], address: Callable[[Contact], str]) -> Audience:
    """The people of these user names, by the address that `address` takes from a contact ("": has none).

    An attempt of a delivery has the addresses that were found when it was accepted.
    """
    run = call.options.run
    if run is not None:
        known = run.addresses(call.component)
        return Audience(by_address((known[name], name) for name in usernames if name in known))
    contacts = await users.contacts(call, usernames)
    typed: dict[str, list[str]] = {}
    unknown, without = [], []
    for name in usernames:
        contact = contacts.get(name)
        if contact is None:
            unknown.append(name)
        elif where := address(contact):
            typed.setdefault(where, []).append(name)
        else:
            without.append(name)
    return Audience({where: (*names,) for where, names in typed.items()}, (*unknown,), (*without,))


def united(first: Audience, second: Audience) -> Audience:
    """Two audiences as one: each address once, and each name once for an address."""
    typed = dict(first.typed)
    for address, names in second.typed.items():
        typed[address] = _each_once(typed.get(address, ()), names)
    return Audience(
        typed,
        _each_once(first.unknown_users, second.unknown_users),
        _each_once(first.without_contact, second.without_contact),
        (*first.given, *second.given),
    )


def respelled(audience: Audience, spellings: dict[str, str]) -> Audience:
    """Return the audience with each address once whatever its case, as it was written first.

    `spellings`: lower case -> that spelling, of those that were met before; new ones are added.
    """
    typed: dict[str, tuple[str, ...]] = {}
    for address, names in audience.typed.items():
        spelling = spellings.setdefault(address.lower(), address)
        typed[spelling] = _each_once(typed.get(spelling, ()), names)
    given = {spellings[address.lower()] for address in audience.given}
    return Audience(typed, audience.unknown_users, audience.without_contact, given)


def _each_once(first: Sequence[str], second: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first, *second)))


def named_once(audience: Audience, addresses: Sequence[str]) -> Audience:
    """Return the audience with each name at one address only: the first of these that it leads to."""
    typed: dict[str, tuple[str, ...]] = {}
    named: set[str] = set()
    for address in dict.fromkeys(addresses):
        typed[address] = tuple(name for name in audience.typed.get(address, ()) if name not in named)
        named.update(typed[address])
    return Audience(typed, audience.unknown_users, audience.without_contact, audience.given)


NOBODY = template("All users message failed to be sent. {complaint}")


def require_somebody(audience: Audience, nobody: str = NOBODY) -> None:
    """Refuse a call if none of its user names leads to anybody. `nobody`: the template of the refusal."""
    if not audience.typed and (complaint := audience.complaint()) is not None:
        raise EsbError(
            nobody, audience.report() | advice("receiver"), call_reason=Reason.RECEIVERS, complaint=complaint
        )


@dataclass(slots=True)
class Rehearsal:
    """A dry run of a sending. `messages`: the addresses, what would be asked, and with which body; no secret in it."""

    audience: Audience
    messages: Iterable[tuple[Sequence[str], str, Mapping[str, Any]]]
    warnings: Sequence[Mapping[str, Any]] = ()

    def accepted(self) -> dict[str, Any]:
        """Return the data of a call that is sent later: who cannot be reached, and nobody who was."""
        data = self.audience.report()
        return {**data, "warnings": list(self.warnings)} if self.warnings else data

    def rendered(self) -> dict[str, Any]:
        """Return the data of the dry run."""
        given = given_forms(self.audience.given)
        previews = [
            {"receivers": self.audience.names(addresses), "endpoint": endpoint, "body": masked(body, given)}
            for addresses, endpoint, body in self.messages
        ]
        data = {**self.audience.report(), "dry_run": True, "messages": previews}
        return {**data, "warnings": list(self.warnings)} if self.warnings else data


def unaddressed(name: str, errmsg: Message, kind: Kind = "receiver") -> dict[str, Any]:
    """Return an entry of `data.failed` for somebody to whom nothing was sent, and why."""
    return {"receiver": name, "errcode": None, "errmsg": errmsg, "class": kind}
