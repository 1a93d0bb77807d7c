"""The table of secrets."""

from sqlalchemy import Column, ForeignKey, String, UniqueConstraint

from esb.database.metadata import Milliseconds, Number, Sealed, exact
from esb.database.steps import create_table

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    create_table(
        "app_secret",
        Column("id", Number, primary_key=True, autoincrement=True),
        Column("app", exact(128), ForeignKey("app.code", ondelete="CASCADE"), nullable=False),
        Column("sealed", Sealed),
        Column("digest", String(64), nullable=False),
        Column("hint", exact(4), nullable=False),
        Column("created", Milliseconds, nullable=False),
        Column("created_by", exact(255), nullable=False),
        Column("not_after", Milliseconds),
        UniqueConstraint("app", "digest"),
        sqlite_autoincrement=True,
    )
