"""The table of deliveries."""

from sqlalchemy import BigInteger, Column, Integer, SmallInteger

from esb.database.metadata import Sealed, binary, exact
from esb.database.steps import create_table

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    create_table(
        "delivery",
        Column("id", exact(32), primary_key=True),
        Column("app", exact(128), nullable=False),
        Column("username", exact(255), nullable=False),
        Column("component", exact(255), nullable=False),
        Column("request_id", exact(32), nullable=False),
        Column("synchronous", SmallInteger, nullable=False),
        Column("idem", binary(32), unique=True),
        Column("content_digest", binary(32)),
        Column("state", SmallInteger, nullable=False),
        Column("priority", SmallInteger, nullable=False),
        Column("due", BigInteger, nullable=False),
        Column("lease", BigInteger, nullable=False),
        Column("owner", exact(64), nullable=False),
        Column("fence", Integer, nullable=False),
        Column("started", BigInteger, nullable=False),
        Column("attempts", Integer, nullable=False),
        Column("redrives", Integer, nullable=False),
        Column("created", BigInteger, nullable=False),
        Column("expires", BigInteger, nullable=False),
        Column("failure", exact(16), nullable=False),
        Column("credential", exact(255), nullable=False),
        Column("lane", binary(16)),
        Column("callback", exact(64), nullable=False),
        Column("receivers", Sealed, nullable=False),
    )
