"""Phone numbers: as callers type them, as the directory has them, and as Tencent Cloud wants them.

An address is "+86-13800000000", or "+442071234567" where nobody said where the country code ends.
"""

import re

from esb.contracts.services import Contact

MAINLAND = "86"
"""The country code of a number that comes without one."""
_DIGITS = re.compile(r"[0-9]{3,20}")


def typed(number: str) -> str:
    """Return the address of a number that a caller typed: digits, or + with the country code; "" if it is none."""
    if number.startswith("+"):
        digits = number[1:].replace("-", "")
        if not _DIGITS.fullmatch(digits):
            return ""
        return in_country(digits.removeprefix(MAINLAND), MAINLAND) if digits.startswith(MAINLAND) else f"+{digits}"
    return in_country(number, MAINLAND)


def in_country(number: str, country_code: str) -> str:
    """Return the address of a national number; "" if it is none. A country code that is missing is the mainland's."""
    code = country_code.strip().lstrip("+0") or MAINLAND
    return f"+{code}-{number}" if _DIGITS.fullmatch(number) and code.isdecimal() else ""


def of_contact(contact: Contact) -> str:
    """Return the address of a person in the directory; "" if there is none."""
    return in_country(contact.telephone, contact.country_code)


def e164(address: str) -> str:
    """Write an address as ITU-T E.164 does: +8613800000000."""
    return address.replace("-", "")


def parts(address: str) -> tuple[str, str]:
    """Split an address into country code ("" if unknown) and number."""
    code, _, number = address.removeprefix("+").rpartition("-")
    return code, number


def is_mainland(address: str) -> bool:
    return address.startswith(f"+{MAINLAND}-")
