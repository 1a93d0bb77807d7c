"""The index of kept_key by expires."""

from esb.database.steps import create_index

revision = "0041"
down_revision = "0040"


def upgrade() -> None:
    create_index("kept_key", ["expires"])
