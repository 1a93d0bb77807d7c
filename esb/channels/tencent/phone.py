"""Phone numbers, whichever door they come in by: typed by callers, or kept in the directory. One parser reads them all.

An address is "+86-13800000000": the country code, and the number within the country.
"""

import re
from typing import Annotated

import phonenumbers

from esb.contracts.services import Contact
from esb.core.params import Receivers, split_by

MAINLAND = "86"
"""The country code of a number that comes without one."""
_MAINLAND = int(MAINLAND)
SHORTEST = 8
"""Digits of a number elsewhere that may be one though no plan knows it yet. What is shorter is a piece of one."""
_WRITTEN = re.compile(r"[(（]?[+＋]?[0-9０-９\s()（）./．‐-―－-]{1,60}")
"""As people write numbers. The library would read letters too, and what follows a number."""
_INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]")
"""Marks of the direction of writing and the like, which come along when a number is copied from an address book."""
_CODE = re.compile(r"[0-9]{1,3}")
_MOBILE = re.compile(r"(?:(?:\+|00)?86)?(1[3-9][0-9]{9})")
"""A mobile number of the mainland as most are written: known without its plan, which takes twenty times as long."""


def typed(number: str) -> str:
    """Return the address of a number that a caller typed, of the mainland unless it says otherwise; "" if it is none.

    Which part is the country code, and what is only an exit code or written between digits, the numbering plans tell.
    """
    return in_country(number, MAINLAND)


def in_country(number: str, country_code: str) -> str:
    """Return the address of a number in the country of this code; "" if it is none.

    A number that tells its own country keeps it. A country code that is missing is the mainland's.
    """
    code = country_code.strip().lstrip("+0") or MAINLAND
    if code == MAINLAND and (mobile := _MOBILE.fullmatch(number)):
        return f"+{MAINLAND}-{mobile[1]}"
    number = _INVISIBLE.sub("", number)
    if not _WRITTEN.fullmatch(number) or not _CODE.fullmatch(code):
        return ""
    region = phonenumbers.region_code_for_country_code(int(code))
    try:
        parsed = phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        return ""
    national = phonenumbers.national_significant_number(parsed)
    if not (
        phonenumbers.is_valid_number(parsed)
        or (parsed.country_code != _MAINLAND and phonenumbers.is_possible_number(parsed) and len(national) >= SHORTEST)
        or phonenumbers.is_valid_short_number_for_region(parsed, region)  # such as 10086
    ):
        return ""
    return f"+{parsed.country_code}-{national}"


def is_number(text: str) -> bool:
    """Tell whether this is one phone number."""
    return bool(typed(text))


Numbers = Annotated[Receivers, split_by(is_number)]
"""Phone numbers, as `Receivers`; blanks within a number do not make two of it."""


def of_contact(contact: Contact) -> str:
    """Return the address of a person in the directory; "" if there is none."""
    return in_country(contact.telephone, contact.country_code)


def e164(address: str) -> str:
    """Write an address as ITU-T E.164 does: +8613800000000."""
    return address.replace("-", "")


def parts(address: str) -> tuple[str, str]:
    """Split an address into country code and number."""
    code, _, number = address.removeprefix("+").partition("-")
    return code, number


def is_mainland(address: str) -> bool:
    return address.startswith(f"+{MAINLAND}-")
