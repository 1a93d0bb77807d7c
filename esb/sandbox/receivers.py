"""Receivers of a WeCom message: `|` lists of members, parties and tags, resolved against the corporation."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from esb.sandbox.state import Member, WecomApp
from esb.sandbox.wire import Refusal

MEMBERS_PER_CALL = 1000
GROUPS_PER_CALL = 100
EVERYBODY = "@all"


@dataclass(slots=True)
class Receivers:
    """Members that exist and may be reached, and those of each kind that do not."""

    members: list[str] = field(default_factory=list)
    invaliduser: list[str] = field(default_factory=list)
    invalidparty: list[str] = field(default_factory=list)
    invalidtag: list[str] = field(default_factory=list)
    unlicenseduser: list[str] = field(default_factory=list)
    misread: bool = False

    def invalid_fields(self) -> dict[str, str]:
        return {
            "invaliduser": "|".join(self.invaliduser),
            "invalidparty": "|".join(self.invalidparty),
            "invalidtag": "|".join(self.invalidtag),
            "unlicenseduser": "|".join(self.unlicenseduser),
        }

    def invalid(self) -> list[str]:
        return [*self.invaliduser, *self.invalidparty, *self.invalidtag, *self.unlicenseduser]


def resolve(app: WecomApp, body: Mapping[str, Any]) -> Receivers:
    """Return the receivers: 82001 nobody named, 40032/82002/82003 too many, 81013 none of them valid.

    `misread` is set, and that list left out, if one is no string.
    """
    users, parties, tags = (_named(body.get(key)) for key in ("touser", "toparty", "totag"))
    found = Receivers(misread=None in (users, parties, tags))
    users, parties, tags = users or [], parties or [], tags or []
    if not (users or parties or tags):
        if found.misread:
            return found
        raise Refusal(82001)
    _limit(users, MEMBERS_PER_CALL, 40032)
    _limit(parties, GROUPS_PER_CALL, 82002)
    _limit(tags, GROUPS_PER_CALL, 82003)
    if EVERYBODY in users:
        found.members = [member.userid for member in app.corporation.members.values() if _reachable(app, member)]
    else:
        _add_users(app, users, found)
        _add_parties(app, parties, found)
        _add_tags(app, tags, found)
    found.members = list(dict.fromkeys(found.members))
    if not found.members:
        raise Refusal(81013, **{key: value for key, value in found.invalid_fields().items() if value})
    return found


def _named(value: object) -> list[str] | None:
    if value is None:
        return []
    if not isinstance(value, str | int):
        return None
    return list(filter(None, (name.strip() for name in str(value).split("|"))))


def _limit(names: list[str], limit: int, errcode: int) -> None:
    if len(names) > limit:
        raise Refusal(errcode)


def sees(app: WecomApp, member: Member) -> bool:
    """Tell whether the member is in the app's visible range."""
    return app.visible is None or member.userid.lower() in map(str.lower, app.visible)


def _reachable(app: WecomApp, member: Member) -> bool:
    return sees(app, member) and member.status == 1 and member.licensed


def _add_users(app: WecomApp, users: list[str], found: Receivers) -> None:
    members = app.corporation.members
    for userid in dict.fromkeys(user.lower() for user in users):
        member = members.get(userid)
        if member and _reachable(app, member):
            found.members.append(member.userid)
        elif member and not member.licensed:
            found.unlicenseduser.append(userid)
        else:
            found.invaliduser.append(userid)


def _add_parties(app: WecomApp, parties: list[str], found: Receivers) -> None:
    members = app.corporation.members.values()
    known = set(map(str, app.corporation.departments)).union(
        str(party) for member in members for party in member.departments
    )
    for party in dict.fromkeys(parties):
        if party not in known:
            found.invalidparty.append(party)
        found.members += [
            member.userid for member in members if party in map(str, member.departments) and _reachable(app, member)
        ]


def _add_tags(app: WecomApp, tags: list[str], found: Receivers) -> None:
    for tag in dict.fromkeys(tags):
        if tag not in app.corporation.tags:
            found.invalidtag.append(tag)
        for userid in app.corporation.tags.get(tag, []):
            member = app.corporation.members.get(userid.lower())
            if member and _reachable(app, member):
                found.members.append(member.userid)
