"""The index of callback_event by delivery."""

from esb.database.steps import create_index

revision = "0038"
down_revision = "0037"


def upgrade() -> None:
    create_index("callback_event", ["delivery"])
