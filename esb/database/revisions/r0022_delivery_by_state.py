"""The index of delivery by state, priority and due."""

from esb.database.steps import create_index

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    create_index("delivery", ["state", "priority", "due"])
