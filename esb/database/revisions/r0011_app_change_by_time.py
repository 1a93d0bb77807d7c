"""The way from a time to the changes before it, which are forgotten."""

from esb.database.steps import create_index

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    create_index("app_change", ["at"])
