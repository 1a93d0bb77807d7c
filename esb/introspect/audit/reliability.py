"""Rules about what is lost at a restart, among many processes, or while something is away."""

from collections.abc import Iterator

from esb.channels.wechat.config import PLAIN
from esb.gateway.chains import APP_AUTH, PERMISSION
from esb.incoming.admission import STRANGERS
from esb.introspect.audit.rule import Place, rule
from esb.introspect.audit.subject import Subject

RATE_LIMIT = "rate_limit"
REDIS = "redis"
SQLITE = "sqlite:"


@rule(
    "W101",
    "medium",
    "the nonces of signed calls are forgotten at a restart: for some minutes whoever has seen such a call can repeat"
    " it",
    "use redis, or a database",
)
def nonces_in_memory(subject: Subject) -> Iterator[Place]:
    """Yield the store of a gateway that takes signed calls from other machines, and forgets them."""
    takes_signatures = APP_AUTH in subject.shared_chain or any(
        APP_AUTH in subject.chain(stanza) for stanza in subject.config.components
    )
    if subject.forgets and subject.is_public and takes_signatures:
        yield Place(subject.root, ("services", "store"))


@rule(
    "W121",
    "medium",
    "a call may take longer than server.shutdown_grace, so that a restart cuts it off",
    "raise shutdown_grace, or lower the timeout",
)
def timeout_over_grace(subject: Subject) -> Iterator[Place]:
    """Yield the components whose calls a restart does not wait for."""
    for stanza in subject.config.components:
        if stanza.active and stanza.timeout > subject.config.server.shutdown_grace:
            yield Place(stanza.section, ("timeout",))


@rule(
    "W122",
    "medium",
    "each process remembers nonces, idempotency keys and limits for itself: a call can be repeated at another",
    "use redis or a database, or one worker",
)
def memory_with_workers(subject: Subject) -> Iterator[Place]:
    """Yield the store of several processes that share none. Without `per_process: accept` that is a mistake."""
    if subject.forgets and subject.config.server.workers > 1 and "store" in subject.config.services:
        yield Place(subject.config.services["store"].section, ("config", "per_process"))


@rule(
    "W123",
    "medium",
    "each fetch of a plain token kills the one before: another program with this account breaks this one",
    "write `wx_token_api: stable`",
)
def plain_tokens(subject: Subject) -> Iterator[Place]:
    """Yield the official accounts with tokens of which there is but one."""
    for stanza, part in subject.components:
        if part.value("wx_token_api") == PLAIN:
            yield Place(stanza.config, ("wx_token_api",))


@rule(
    "W124",
    "medium",
    "while the store is away, a signed call can be repeated at every other process",
    "write `nonces: refuse`",
)
def nonces_degrade(subject: Subject) -> Iterator[Place]:
    """Yield the store whose absence opens the gateway for repetitions."""
    store = subject.services.get("store")
    failure = store.value("on_store_failure") if store is not None else None
    if store is not None and getattr(failure, "nonces", "") == "degrade":
        yield Place(store.stanza.config, ("on_store_failure", "nonces"))


@rule(
    "W125",
    "medium",
    "so large a body never fits into what the process may hold, and is always refused",
    "raise server.max_buffered, or lower max_body",
)
def body_never_fits(subject: Subject) -> Iterator[Place]:
    """Yield the sizes of bodies that are over the budget of known callers."""
    server = subject.config.server
    budget = server.max_buffered - server.max_buffered // STRANGERS
    if server.max_body > budget:
        yield Place(subject.root, ("server", "max_body"))
    for stanza, part in subject.components:
        if stanza.max_body is not None and stanza.max_body > budget and not part.streams:
            yield Place(stanza.section, ("max_body",))


@rule("W126", "medium", "the limit counts for nobody", "write the code of an app")
def limit_of_nobody(subject: Subject) -> Iterator[Place]:
    """Yield the limits of apps that are not there."""
    for part in subject.middlewares:
        for code in part.value("apps") if part.stanza.use == RATE_LIMIT else ():
            if about := subject.lack_of_app(code):
                yield Place(part.stanza.config, ("apps", code), about)


@rule(
    "W127",
    "low",
    "this limits nobody: it has neither `default` nor `apps`",
    "write `default: [{tokens: 100}]`, a hundred calls a minute",
)
def limit_without_rules(subject: Subject) -> Iterator[Place]:
    """Yield the limits that limit nothing."""
    for part in subject.middlewares:
        if part.stanza.use == RATE_LIMIT and not part.value("default") and not any(part.value("apps").values()):
            yield Place(part.stanza.section, ("use",))


@rule(
    "W128",
    "low",
    "calls that permission refuses count for the limit, too",
    "write rate_limit behind permission",
)
def limit_before_permission(subject: Subject) -> Iterator[Place]:
    """Yield the limits that stand before what refuses."""
    shared = subject.config.middlewares
    for chain in [shared, *(stanza.middlewares for stanza in subject.config.components)]:
        uses = [stanza.use for stanza in chain or ()]
        if RATE_LIMIT in uses and PERMISSION in uses[uses.index(RATE_LIMIT) :]:
            yield Place((chain or ())[uses.index(RATE_LIMIT)].section, ("use",))


@rule(
    "W141",
    "medium",
    "the store is for processes on many machines, and a file of SQLite is on one of them",
    "use PostgreSQL or MySQL, or leave the store out if one process is all",
)
def shared_store_and_a_file(subject: Subject) -> Iterator[Place]:
    """Yield the database that other machines do not have, beside a store that they do."""
    store, database = subject.config.services.get("store"), subject.config.database
    is_a_file = database is not None and database.url.get_secret_value().startswith(SQLITE)
    if is_a_file and store is not None and store.use == REDIS:
        yield Place(subject.root, ("services", "database", "url"))


RULES = (
    nonces_in_memory,
    timeout_over_grace,
    memory_with_workers,
    plain_tokens,
    nonces_degrade,
    body_never_fits,
    limit_of_nobody,
    limit_without_rules,
    limit_before_permission,
    shared_store_and_a_file,
)
