"""The table of the owners of apps."""

from sqlalchemy import Column, ForeignKey

from esb.database.metadata import exact
from esb.database.steps import create_table

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    create_table(
        "app_owner",
        Column("app", exact(128), ForeignKey("app.code", ondelete="CASCADE"), primary_key=True),
        Column("username", exact(255), primary_key=True),
    )
