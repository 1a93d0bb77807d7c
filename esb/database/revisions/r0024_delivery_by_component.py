"""The index of delivery by component and id."""

from esb.database.steps import create_index

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    create_index("delivery", ["component", "id"])
