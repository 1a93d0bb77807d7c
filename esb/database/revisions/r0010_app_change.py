"""The table of changed apps."""

from sqlalchemy import BigInteger, Column

from esb.database.metadata import Milliseconds, exact
from esb.database.steps import create_table

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    create_table(
        "app_change",
        Column("number", BigInteger, primary_key=True, autoincrement=False),
        Column("app", exact(128), primary_key=True),
        Column("at", Milliseconds, nullable=False),
    )
