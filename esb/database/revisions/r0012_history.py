"""The table of what was written."""

from sqlalchemy import Column, String

from esb.database.metadata import Long, Milliseconds, Number, exact
from esb.database.steps import create_table

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    create_table(
        "history",
        Column("id", Number, primary_key=True, autoincrement=True),
        Column("at", Milliseconds, nullable=False),
        Column("actor", exact(255), nullable=False),
        Column("via", String(16), nullable=False),
        Column("action", String(64), nullable=False),
        Column("app", exact(128), nullable=False),
        Column("before", Long, nullable=False),
        Column("after", Long, nullable=False),
    )
