"""The index of delivery by app, state and id."""

from esb.database.steps import create_index

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    create_index("delivery", ["app", "state", "id"])
