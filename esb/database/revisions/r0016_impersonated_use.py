"""The table of calls in somebody's name."""

from sqlalchemy import BigInteger, Column, Integer

from esb.database.metadata import exact
from esb.database.steps import create_table

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    create_table(
        "impersonated_use",
        Column("app", exact(128), primary_key=True),
        Column("username", exact(255), primary_key=True),
        Column("hour", Integer, primary_key=True, autoincrement=False),
        Column("component", exact(255), primary_key=True),
        Column("calls", BigInteger, nullable=False),
    )
