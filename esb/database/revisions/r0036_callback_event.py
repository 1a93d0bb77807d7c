"""The table of events for callbacks."""

from sqlalchemy import BigInteger, Column, Integer, SmallInteger

from esb.database.metadata import Sealed, exact
from esb.database.steps import create_table

revision = "0036"
down_revision = "0035"


def upgrade() -> None:
    create_table(
        "callback_event",
        Column("id", exact(32), primary_key=True),
        Column("delivery", exact(32), nullable=False),
        Column("app", exact(128), nullable=False),
        Column("callback", exact(64), nullable=False),
        Column("event", exact(32), nullable=False),
        Column("state", SmallInteger, nullable=False),
        Column("due", BigInteger, nullable=False),
        Column("lease", BigInteger, nullable=False),
        Column("owner", exact(64), nullable=False),
        Column("fence", Integer, nullable=False),
        Column("attempts", Integer, nullable=False),
        Column("created", BigInteger, nullable=False),
        Column("body", Sealed, nullable=False),
    )
