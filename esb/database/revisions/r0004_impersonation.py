"""The table of those in whose name an app may call."""

from sqlalchemy import Column, ForeignKey

from esb.database.metadata import Long, Milliseconds, Number, exact
from esb.database.steps import create_table

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    create_table(
        "impersonation",
        Column("id", Number, primary_key=True, autoincrement=True),
        Column("app", exact(128), ForeignKey("app.code", ondelete="CASCADE"), nullable=False),
        Column("users", exact(255), nullable=False),
        Column("components", exact(255), nullable=False),
        Column("not_after", Milliseconds),
        Column("reason", Long, nullable=False),
        Column("granted_by", exact(255), nullable=False),
        Column("created", Milliseconds, nullable=False),
    )
