"""The way from a day to its calls: those that are too old are deleted."""

from esb.database.steps import create_index

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    create_index("day_use", ["day"])
