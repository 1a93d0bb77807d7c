"""The schema's common ground: names of constraints, and types that mean the same in SQLite, PostgreSQL and MySQL.

Times are integers, milliseconds since 1970 in UTC: the types of time differ in all three.
"""

import time

from sqlalchemy import BigInteger, Integer, LargeBinary, MetaData, String, Text
from sqlalchemy.dialects.mysql import LONGBLOB, LONGTEXT, VARBINARY, VARCHAR

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Milliseconds = BigInteger
Number = BigInteger().with_variant(Integer, "sqlite")  # which counts up by itself only what is an INTEGER
Long = Text().with_variant(LONGTEXT(charset="utf8mb4", collation="utf8mb4_bin"), "mysql", "mariadb")
Sealed = LargeBinary().with_variant(LONGBLOB, "mysql", "mariadb")


def binary(length: int) -> LargeBinary:
    """Return the type of at most so many bytes, of which there can be an index."""
    return LargeBinary(length).with_variant(VARBINARY(length), "mysql", "mariadb")


def exact(length: int) -> String:
    """Return the type of a text of at most so many characters that is equal only to itself, in its case too.

    MySQL ignores blanks at its end all the same: who writes a code refuses them.
    """
    return (
        String(length)
        .with_variant(VARCHAR(length, charset="utf8mb4", collation="utf8mb4_bin"), "mysql", "mariadb")
        .with_variant(String(length, collation="C"), "postgresql")
    )


def now() -> int:
    """Return the time of day as the database keeps it."""
    return time.time_ns() // 1_000_000
