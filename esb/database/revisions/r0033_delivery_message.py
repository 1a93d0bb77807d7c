"""The table of platforms' ids of messages."""

from sqlalchemy import BigInteger, Column

from esb.database.metadata import exact
from esb.database.steps import create_table

revision = "0033"
down_revision = "0032"


def upgrade() -> None:
    create_table(
        "delivery_message",
        Column("msgid", exact(128), primary_key=True),
        Column("delivery", exact(32), primary_key=True),
        Column("sent", BigInteger, nullable=False),
        Column("recalled", BigInteger),
    )
