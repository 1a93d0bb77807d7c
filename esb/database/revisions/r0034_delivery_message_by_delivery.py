"""The index of delivery_message by delivery."""

from esb.database.steps import create_index

revision = "0034"
down_revision = "0033"


def upgrade() -> None:
    create_index("delivery_message", ["delivery"])
