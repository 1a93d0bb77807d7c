"""The table of callbacks that are switched off."""

from sqlalchemy import BigInteger, Column

from esb.database.metadata import Long, binary, exact
from esb.database.steps import create_table

revision = "0039"
down_revision = "0038"


def upgrade() -> None:
    create_table(
        "callback_off",
        Column("app", exact(128), primary_key=True),
        Column("callback", exact(64), primary_key=True),
        Column("address", binary(32), nullable=False),
        Column("since", BigInteger, nullable=False),
        Column("reason", Long, nullable=False),
    )
