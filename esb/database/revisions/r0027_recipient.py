"""The table of receivers of deliveries."""

from sqlalchemy import BigInteger, Column, Integer, SmallInteger

from esb.database.metadata import binary, exact
from esb.database.steps import create_table

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    create_table(
        "recipient",
        Column("delivery", exact(32), primary_key=True),
        Column("number", Integer, primary_key=True, autoincrement=False),
        Column("digest", binary(16)),
        Column("address_digest", binary(16)),
        Column("state", SmallInteger, nullable=False),
        Column("failure", exact(16), nullable=False),
        Column("errcode", exact(64), nullable=False),
        Column("updated", BigInteger, nullable=False),
    )
