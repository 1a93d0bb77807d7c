"""Identifiers that sort by the time at which they were made: UUIDs of version 7, RFC 9562."""

import os

DIGITS = 32


def uuid7(milliseconds: int) -> str:
    """Return a new UUIDv7, as 32 hexadecimal digits, for this moment: milliseconds since 1970."""
    drawn = int.from_bytes(os.urandom(10))
    high = (drawn >> 64) & 0xFFF
    low = drawn & ((1 << 62) - 1)
    return f"{(milliseconds & ((1 << 48) - 1)) << 80 | 7 << 76 | high << 64 | 2 << 62 | low:032x}"
