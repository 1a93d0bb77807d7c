"""Tables of use: calls a day by app, secret and component, and calls an hour in somebody's name."""

from sqlalchemy import BigInteger, Column, Index, Integer, Table

from esb.database.apps import LONGEST_CODE, LONGEST_NAME, LONGEST_PATTERN
from esb.database.metadata import METADATA, exact

DAY_USE = Table(
    "day_use",
    METADATA,
    Column("app", exact(LONGEST_CODE), primary_key=True),
    Column("day", Integer, primary_key=True, autoincrement=False),  # since 1970, in UTC
    Column("secret", BigInteger, primary_key=True, autoincrement=False),  # app_secret.id; 0: none of the database
    Column("component", exact(LONGEST_PATTERN), primary_key=True),  # "": it was refused before it came to one
    Column("calls", BigInteger, nullable=False),
    Index(None, "day"),
)
"""The day stands behind the app: the last one of an app is found at once."""

IMPERSONATED_USE = Table(
    "impersonated_use",
    METADATA,
    Column("app", exact(LONGEST_CODE), primary_key=True),
    Column("username", exact(LONGEST_NAME), primary_key=True),
    Column("hour", Integer, primary_key=True, autoincrement=False),  # since 1970, in UTC
    Column("component", exact(LONGEST_PATTERN), primary_key=True),
    Column("calls", BigInteger, nullable=False),
    Index(None, "hour"),
)
