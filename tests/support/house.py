"""The rooms of the house and the order in which they may import each other: what code and CONTRIBUTING are held to."""

ORDER: tuple[frozenset[str], ...] = (
    frozenset({"core"}),
    frozenset({"_version", "config", "telemetry", "store"}),
    frozenset({"database"}),
    frozenset({"outgoing"}),
    frozenset({"contracts"}),
    frozenset({"channels"}),
    frozenset({"", "_face"}),  # the face: esb/__init__.py, and the list of its names
    frozenset({"incoming"}),
    frozenset({"delivery"}),
    frozenset({"plugins", "middlewares", "services"}),
    frozenset({"gateway"}),
    frozenset({"introspect"}),
    frozenset({"portal"}),
    frozenset({"server"}),
    frozenset({"cli", "testing"}),
    frozenset({"__main__", "pytest_plugin"}),
)
"""The order of imports: a room imports from its own step and from those before it. Its names are a closed list."""

PLANNED = frozenset[str]()
"""Rooms that are built with their first user."""

BESIDE = {"sandbox": frozenset({"server.sandbox"}), "client": frozenset[str](), "locale": frozenset[str]()}
"""Rooms that stand beside the house and import nothing of it, each with its importers."""
