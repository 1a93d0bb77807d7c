"""The index of recipient by digest and delivery."""

from esb.database.steps import create_index

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    create_index("recipient", ["digest", "delivery"])
