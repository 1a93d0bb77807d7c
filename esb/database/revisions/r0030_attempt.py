"""The table of attempts of deliveries."""

from sqlalchemy import BigInteger, Column, Integer

from esb.database.metadata import exact
from esb.database.steps import create_table

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    create_table(
        "attempt",
        Column("delivery", exact(32), primary_key=True),
        Column("fence", Integer, primary_key=True, autoincrement=False),
        Column("started", BigInteger, nullable=False),
        Column("ended", BigInteger, nullable=False),
        Column("worker", exact(64), nullable=False),
        Column("accepted", Integer, nullable=False),
        Column("failed", Integer, nullable=False),
        Column("unknown", Integer, nullable=False),
        Column("failure", exact(16), nullable=False),
    )
