"""The index of content by purge."""

from esb.database.steps import create_index

revision = "0032"
down_revision = "0031"


def upgrade() -> None:
    create_index("content", ["purge"])
