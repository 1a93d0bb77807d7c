"""The index of recipient by address_digest and delivery."""

from esb.database.steps import create_index

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    create_index("recipient", ["address_digest", "delivery"])
