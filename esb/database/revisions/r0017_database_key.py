"""The table of what the database encrypts with, and what shows which keys have encrypted."""

from sqlalchemy import Column, String

from esb.database.metadata import Sealed
from esb.database.steps import create_table

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    create_table(
        "database_key",
        Column("name", String(32), primary_key=True),
        Column("sealed", Sealed, nullable=False),
    )
