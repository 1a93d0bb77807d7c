"""The index of delivery by request_id."""

from esb.database.steps import create_index

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    create_index("delivery", ["request_id"])
