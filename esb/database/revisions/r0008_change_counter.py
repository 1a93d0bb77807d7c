"""The counter of changes."""

from sqlalchemy import BigInteger, Column, Integer

from esb.database.steps import create_table

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    create_table(
        "change_counter",
        Column("id", Integer, primary_key=True, autoincrement=False),
        Column("number", BigInteger, nullable=False),
    )
