"""The table of the addresses that apps are called back at."""

from sqlalchemy import Column, ForeignKey

from esb.database.metadata import Long, exact
from esb.database.steps import create_table

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    create_table(
        "app_callback",
        Column("app", exact(128), ForeignKey("app.code", ondelete="CASCADE"), primary_key=True),
        Column("name", exact(64), primary_key=True),
        Column("url", Long, nullable=False),
    )
