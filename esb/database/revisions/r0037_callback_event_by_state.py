"""The index of callback_event by state and due."""

from esb.database.steps import create_index

revision = "0037"
down_revision = "0036"


def upgrade() -> None:
    create_index("callback_event", ["state", "due"])
