"""The table of rights."""

from sqlalchemy import Column, ForeignKey, UniqueConstraint

from esb.database.metadata import Long, Milliseconds, Number, exact
from esb.database.steps import create_table

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    create_table(
        "app_grant",
        Column("id", Number, primary_key=True, autoincrement=True),
        Column("app", exact(128), ForeignKey("app.code", ondelete="CASCADE"), nullable=False),
        Column("pattern", exact(255), nullable=False),
        Column("not_before", Milliseconds),
        Column("not_after", Milliseconds),
        Column("reason", Long, nullable=False),
        Column("granted_by", exact(255), nullable=False),
        Column("created", Milliseconds, nullable=False),
        UniqueConstraint("app", "pattern"),
    )
