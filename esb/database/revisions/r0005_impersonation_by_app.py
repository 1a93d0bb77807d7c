"""The way from an app to its impersonations."""

from esb.database.steps import create_index

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    create_index("impersonation", ["app"])
