"""The way from an hour to the calls in somebody's name."""

from esb.database.steps import create_index

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    create_index("impersonated_use", ["hour"])
