"""Codes, names, patterns and addresses that the database takes. NotAcceptable says why it does not take another."""

import re

from esb.config.globs import fault as glob_fault
from esb.config.urls import fault as url_fault
from esb.core.errors import Message, template
from esb.database.apps import LONGEST_CALLBACK, LONGEST_CODE, LONGEST_NAME, LONGEST_PATTERN
from esb.database.registry_errors import NotAcceptable
from esb.database.writer import LONGEST_SECRET, is_secret

USER_NAME = template("a user name")
LONGEST_REASON = 2000
LONGEST_URL = 2000
_BLANK = re.compile(r"\s")
_SEPARATOR = re.compile("[,;]")


def code(value: str) -> str:
    """Return the code of an app."""
    return _word(template("the code of an app"), value, LONGEST_CODE)


def name(value: str) -> str:
    """Return a user name."""
    return _one(USER_NAME, _word(USER_NAME, value, LONGEST_NAME))


def callback_name(value: str) -> str:
    """Return the name of a callback."""
    return _word(template("the name of a callback"), value, LONGEST_CALLBACK)


def pattern(value: str) -> str:
    """Return a glob over components or user names."""
    if (trouble := glob_fault(value)) is not None:
        raise NotAcceptable(trouble)
    return _word(template("a pattern"), value, LONGEST_PATTERN)


def users(value: str) -> str:
    """Return a glob over user names. A list of them, which old gateways had, would match nobody."""
    return _one(template("a pattern of users"), pattern(value))


def secret(value: str) -> str:
    """Return a secret; the error does not repeat it."""
    if not is_secret(value):
        raise NotAcceptable("a secret has 1 to {most} characters, and no blank at either end", most=LONGEST_SECRET)
    return value


def reason(value: str) -> str:
    """Return the reason of a right."""
    if len(value) > LONGEST_REASON or not is_storable(value):
        raise NotAcceptable("a reason has at most {most} characters that can be written down", most=LONGEST_REASON)
    return value


def url(value: str) -> str:
    """Return an address that is called back: a password in it would be in every listing."""
    if (trouble := url_fault(value, base=False)) is not None:
        raise NotAcceptable(trouble)
    if "@" in value.split("/")[2] or len(value) > LONGEST_URL or not is_storable(value):
        raise NotAcceptable("a callback has no user and no password, and at most {most} characters", most=LONGEST_URL)
    return value


def _one(what: str, value: str) -> str:
    if _SEPARATOR.search(value):
        raise NotAcceptable(
            "{what} has no comma and no semicolon: give one after the other, not {value!r}",
            what=Message(what),
            value=value,
        )
    return value


def _word(what: str, value: str, longest: int) -> str:
    """Return a text without blanks: MySQL ignores those at its end, and people cannot see them."""
    if not 0 < len(value) <= longest:
        raise NotAcceptable(
            "{what} has 1 to {longest} characters, not {number}",
            what=Message(what),
            longest=longest,
            number=len(value),
        )
    if _BLANK.search(value) or not value.isprintable():
        raise NotAcceptable(
            "{what} has no blank and no invisible character: {value!r}", what=Message(what), value=value
        )
    return value


def is_storable(value: str) -> bool:
    """Return True if every database takes it: none takes half a character, and PostgreSQL no zero byte."""
    return not re.search("[\0\ud800-\udfff]", value)


def can_be_found(value: str) -> bool:
    """Return True if this is found, or not, in every database: in MySQL, `monitor ` would find `monitor`."""
    return is_storable(value) and not value.endswith(" ")
