"""Departments and tags of WeCom (企业微信) among the receivers of a message, each kind with a limit of its own.

Source: developer.work.weixin.qq.com/document/path/90236.
"""

from collections.abc import Sequence
from itertools import zip_longest

from esb.channels.message import Address
from esb.channels.recipients import Audience
from esb.channels.wechat.account import PARTY, TAG

RECEIVERS_PER_CALL = 1000
"""Members of one message, touser."""
GROUPS_PER_CALL = 100
"""Departments of one message, toparty, and likewise tags, totag."""
ROOT_PARTY = PARTY + "1"
"""The department that holds all others. Source: developer.work.weixin.qq.com/document/path/90208."""
GROUPS = (PARTY, TAG)


def grouped(parties: Sequence[str], tags: Sequence[str]) -> Audience:
    """Return departments and tags as an audience, taken apart at WeCom's own separator."""
    typed: dict[str, tuple[str, ...]] = {}
    for kind, groups in ((PARTY, parties), (TAG, tags)):
        for group in groups:
            typed |= {kind + name: (name,) for part in group.split("|") if (name := part.strip())}
    return Audience(typed, given=typed)


def batches_of(addresses: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the addresses of each message: every kind by its own limit, and as few messages as possible."""
    kinds = [
        ([address for address in addresses if not address.startswith(GROUPS)], RECEIVERS_PER_CALL),
        ([address for address in addresses if address.startswith(PARTY)], GROUPS_PER_CALL),
        ([address for address in addresses if address.startswith(TAG)], GROUPS_PER_CALL),
    ]
    parts = [[found[start : start + most] for start in range(0, len(found), most)] for found, most in kinds]
    return [tuple(address for part in batch for address in part) for batch in zip_longest(*parts, fillvalue=[])]


def _fields(addresses: Sequence[str]) -> dict[str, str]:
    """Return the fields of a message that name members, departments and tags."""
    fields: dict[str, list[str]] = {}
    for address in addresses:
        field, _, name = address.rpartition("\0")
        fields.setdefault(field or "touser", []).append(name)
    return {field: "|".join(names) for field, names in fields.items()}


TO_ALL_KINDS: Address = ("", _fields)
"""The fields of a message that is for more than members."""
