"""The extras of the distribution that install what a part of the gateway needs and the gateway itself does not."""

from importlib.util import find_spec

EXTRAS = {
    "jwt": "jwt",
    "redis": "redis",
    "cryptography": "jwt",
    "sqlalchemy": "database",
    "alembic": "database",
    "aiosqlite": "database",
    "asyncpg": "postgresql",
    "asyncmy": "mysql",
    "saq": "saq",
    "jinja2": "portal",
    "aiosmtpd": "portal",
}
"""Module that a built-in needs -> the extra that installs it."""


def is_installed(module: str) -> bool:
    """Return True if this module can be found. It is not imported."""
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # of a package that is not there
        return False


def hint_for(module: str) -> str:
    """Return what installs this module, for the end of a sentence; "" if none of the extras does."""
    extra = EXTRAS.get(module.partition(".")[0])
    return f", which `pip install 'esb-gateway[{extra}]'` installs" if extra else ""
