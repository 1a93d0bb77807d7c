"""The table of apps."""

from sqlalchemy import Boolean, Column

from esb.database.metadata import Long, Milliseconds, exact
from esb.database.steps import create_table

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_table(
        "app",
        Column("code", exact(128), primary_key=True),
        Column("disabled", Boolean, nullable=False),
        Column("hash_only", Boolean, nullable=False),
        Column("expires", Milliseconds),
        Column("settings", Long, nullable=False),
        Column("created", Milliseconds, nullable=False),
        Column("created_by", exact(255), nullable=False),
    )
