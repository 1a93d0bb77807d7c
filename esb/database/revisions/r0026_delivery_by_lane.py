"""The index of delivery by lane and state."""

from esb.database.steps import create_index

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    create_index("delivery", ["lane", "state"])
