"""The table of calls a day."""

from sqlalchemy import BigInteger, Column, Integer

from esb.database.metadata import exact
from esb.database.steps import create_table

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    create_table(
        "day_use",
        Column("app", exact(128), primary_key=True),
        Column("day", Integer, primary_key=True, autoincrement=False),
        Column("secret", BigInteger, primary_key=True, autoincrement=False),
        Column("component", exact(255), primary_key=True),
        Column("calls", BigInteger, nullable=False),
    )
