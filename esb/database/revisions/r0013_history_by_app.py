"""The way from an app to its history."""

from esb.database.steps import create_index

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    create_index("history", ["app", "id"])
