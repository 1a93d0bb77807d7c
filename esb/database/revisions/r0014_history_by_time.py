"""The way from a time to what was written then."""

from esb.database.steps import create_index

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    create_index("history", ["at"])
