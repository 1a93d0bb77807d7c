"""The table of the oldest code that works with this schema."""

from sqlalchemy import Column, Integer, String

from esb.database.steps import create_table

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    create_table(
        "schema_floor",
        Column("id", Integer, primary_key=True, autoincrement=False),
        Column("revision", String(32), nullable=False),
    )
