"""The order of a chain of middlewares: the shared one, or a component's own."""

from collections.abc import Iterator, Sequence

from esb.config import ComponentStanza, Config, Stanza
from esb.core.errors import Mistake

DEFAULT_CHAIN = ("app_auth", "user_auth", "permission")
APP_AUTH = "app_auth"
"""The middleware that says which app calls, and the one that reads a token in the path."""
PERMISSION = "permission"
"""The middleware that asks what the app may call."""
BEHIND_IT = frozenset({"user_auth", PERMISSION, "rate_limit"})
"""Middlewares that ask which app calls."""
NOBODY = "nothing before it says which app calls, so it refuses every call; app_auth stands before it"
UNREAD_RIGHTS = (
    "nobody reads this: no chain has the middleware permission, so the app may call everything; write"
    " `- use: permission` behind app_auth"
)
_UNREAD_TOKENS = "nobody reads them: the chain of this component has no app_auth"
_UNGUARDED = "nobody asks for rights: the chain of this component has no permission"


def uses(config: Config, stanza: ComponentStanza) -> Sequence[str]:
    """Return the names of the middlewares before this component, outermost first."""
    if stanza.middlewares is None:
        return shared(config)
    return [middleware.use for middleware in stanza.middlewares]


def shared(config: Config) -> Sequence[str]:
    """Return the names of the middlewares of the shared chain, outermost first."""
    return DEFAULT_CHAIN if config.middlewares is None else [middleware.use for middleware in config.middlewares]


def foreign(names: Sequence[str]) -> bool:
    """Return whether one of these middlewares is another's: it may say who calls, and judge that too."""
    return any(name not in BEHIND_IT and name != APP_AUTH for name in names)


def lacks(config: Config, stanza: ComponentStanza) -> Iterator[Mistake]:
    """Yield the keys of a component that say nothing, since its chain lacks the middleware that reads them."""
    chain = uses(config, stanza)
    if stanza.tokens and APP_AUTH not in chain:
        yield stanza.section.mistake(_UNREAD_TOKENS, "tokens")
    if stanza.restricted and PERMISSION not in chain:
        yield stanza.section.mistake(_UNGUARDED, "restricted")


def mistakes(chain: Sequence[Stanza]) -> Iterator[Mistake]:
    """Yield what cannot work in the order of this chain. Nothing is known of middlewares that others wrote."""
    names = [stanza.use for stanza in chain]
    for index, stanza in enumerate(chain):
        before = names[:index]
        if stanza.use not in BEHIND_IT | {APP_AUTH}:
            continue
        if stanza.use in before:
            yield stanza.section.mistake("it stands in this chain already; once is enough", "use")
        elif stanza.use in BEHIND_IT and APP_AUTH in names[index:]:
            yield stanza.section.mistake("it asks which app calls, so it stands behind app_auth", "use")
        elif stanza.use == PERMISSION and APP_AUTH not in before and not foreign(before):
            yield stanza.section.mistake(NOBODY, "use")
