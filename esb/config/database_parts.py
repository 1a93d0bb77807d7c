"""The parts of esb.yaml that have to do with the database: itself, and what is kept in it."""

from typing import TypeVar

from pydantic import BaseModel

from esb.config.database import DatabaseConfig
from esb.config.model import Stanza
from esb.config.stanza_reader import Parts, opened
from esb.config.yaml import Section

ModelT = TypeVar("ModelT", bound=BaseModel)


def database(root: Section, parts: Parts) -> DatabaseConfig | None:
    """Return `services.database`; None if it is left out."""
    services = opened(root, "services")
    return None if services is None else parts.part(services, "database", DatabaseConfig)


def kept_in_it(root: Section, key: str, model: type[ModelT], parts: Parts) -> ModelT | None:
    """Return the part at this key, which needs `services.database`; None if it is left out."""
    if opened(root, key) is not None:
        services = opened(root, "services")
        if services is None or opened(services, "database") is None:
            parts.mistakes.append(root.mistake("it needs services.database, where it is kept", key))
    return parts.part(root, key, model)


def delivery_engine(root: Section, parts: Parts) -> Stanza | None:
    """Return the stanza `deliveries.engine`; None if it is left out."""
    deliveries = opened(root, "deliveries")
    engine = None if deliveries is None else opened(deliveries, "engine")
    return None if engine is None or not isinstance(engine.value, dict) else parts.stanza(engine)
