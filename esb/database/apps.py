"""Tables of apps: who may call, by which secrets, what, and in whose name."""

from sqlalchemy import Boolean, Column, ForeignKey, Index, String, Table, UniqueConstraint

from esb.database.metadata import METADATA, Long, Milliseconds, Number, Sealed, exact

LONGEST_CODE = 128
LONGEST_PATTERN = 255
LONGEST_NAME = 255
LONGEST_CALLBACK = 64


def _app_code() -> Column[str]:
    return Column("app", exact(LONGEST_CODE), ForeignKey("app.code", ondelete="CASCADE"), nullable=False)


APP = Table(
    "app",
    METADATA,
    Column("code", exact(LONGEST_CODE), primary_key=True),
    Column("disabled", Boolean, nullable=False),
    Column("hash_only", Boolean, nullable=False),  # its secrets cannot be had back: it never signs
    Column("expires", Milliseconds),  # None: never
    Column("settings", Long, nullable=False),  # a JSON object
    Column("created", Milliseconds, nullable=False),
    Column("created_by", exact(LONGEST_NAME), nullable=False),
)

APP_SECRET = Table(
    "app_secret",
    METADATA,
    Column("id", Number, primary_key=True, autoincrement=True),
    _app_code(),
    Column("sealed", Sealed),  # None where the app is hash_only
    Column("digest", String(64), nullable=False),  # keyed, hexadecimal
    Column("hint", exact(4), nullable=False),  # its last characters
    Column("created", Milliseconds, nullable=False),
    Column("created_by", exact(LONGEST_NAME), nullable=False),
    Column("not_after", Milliseconds),  # None: for ever. A retired secret stays, for its use
    UniqueConstraint("app", "digest"),
    sqlite_autoincrement=True,  # a number tells of use: that of a secret which is gone never comes again
)

APP_GRANT = Table(
    "app_grant",
    METADATA,
    Column("id", Number, primary_key=True, autoincrement=True),
    _app_code(),
    Column("pattern", exact(LONGEST_PATTERN), nullable=False),  # a glob over system.component
    Column("not_before", Milliseconds),
    Column("not_after", Milliseconds),
    Column("reason", Long, nullable=False),
    Column("granted_by", exact(LONGEST_NAME), nullable=False),
    Column("created", Milliseconds, nullable=False),
    UniqueConstraint("app", "pattern"),
)

IMPERSONATION = Table(
    "impersonation",
    METADATA,
    Column("id", Number, primary_key=True, autoincrement=True),
    _app_code(),
    Column("users", exact(LONGEST_PATTERN), nullable=False),  # a glob over user names
    Column("components", exact(LONGEST_PATTERN), nullable=False),  # a glob over system.component
    Column("not_after", Milliseconds),
    Column("reason", Long, nullable=False),
    Column("granted_by", exact(LONGEST_NAME), nullable=False),
    Column("created", Milliseconds, nullable=False),
    Index(None, "app"),
)

APP_OWNER = Table(
    "app_owner",
    METADATA,
    Column("app", exact(LONGEST_CODE), ForeignKey("app.code", ondelete="CASCADE"), primary_key=True),
    Column("username", exact(LONGEST_NAME), primary_key=True),
)

APP_CALLBACK = Table(
    "app_callback",
    METADATA,
    Column("app", exact(LONGEST_CODE), ForeignKey("app.code", ondelete="CASCADE"), primary_key=True),
    Column("name", exact(LONGEST_CALLBACK), primary_key=True),
    Column("url", Long, nullable=False),
)
