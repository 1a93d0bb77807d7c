"""Rules about who may listen, and to whom the gateway listens."""

from collections.abc import Iterator

from esb.config.database import parsed, query
from esb.core.host_names import is_loopback
from esb.introspect.audit.rule import Place, rule
from esb.introspect.audit.subject import Subject, in_clear

WIDEST = {4: 8, 6: 32}
"""Bits that the network of a proxy has in common, by version of IP: with fewer it is not one organisation's."""
BACK_ENDS = frozenset({"bk_auth", "bk_login", "bk_user", "bk_ssm"})
WECHAT_HOSTS = ("wx_qy_host", "wx_mp_host", "tencent_host")


@rule(
    "W114",
    "high",
    "whoever reaches this address reads metrics, configuration and callers: reading needs no token",
    "listen on 127.0.0.1 or at a Unix socket, or write `read: token` and tokens",
)
def admin_is_open(subject: Subject) -> Iterator[Place]:
    """Yield the admin listener that other machines may read."""
    admin = subject.config.server.admin
    if admin is not None and admin.unix is None and admin.read != "token" and not is_loopback(admin.host):
        yield Place(subject.root, ("server", "admin", "host"))


@rule(
    "W142",
    "medium",
    "nobody is known as an operator, so that their pages are closed to all, and the others are open to whoever comes",
    "write server.admin.tokens, or trusted_header and trusted_from; or listen on 127.0.0.1",
)
def portal_knows_nobody(subject: Subject) -> Iterator[Place]:
    """Yield the portal that other machines reach, and at which nothing tells who somebody is."""
    portal, admin = subject.config.server.portal, subject.config.server.admin
    if portal is None or is_loopback(portal.host):
        return
    if portal.trusted_header is None and not (admin is not None and admin.tokens):
        yield Place(subject.root, ("server", "portal", "host"))


@rule(
    "W143",
    "high",
    "whoever is in this network can say that he is any operator",
    "list the addresses of single sign-on alone",
)
def single_sign_on_is_anybody(subject: Subject) -> Iterator[Place]:
    """Yield the networks that may name operators and hold half the world."""
    portal = subject.config.server.portal
    for index, network in enumerate(() if portal is None else portal.trusted_from):
        if network.prefixlen < WIDEST[network.version]:
            yield Place(subject.root, ("server", "portal", "trusted_from", index))


@rule(
    "W115",
    "high",
    "whoever is in this network can say from which address a call comes",
    "list the addresses of your own proxies alone",
)
def proxies_are_many(subject: Subject) -> Iterator[Place]:
    """Yield the networks of trusted proxies that hold half the world."""
    for index, network in enumerate(subject.config.server.trusted_proxies):
        if network.prefixlen < WIDEST[network.version]:
            yield Place(subject.root, ("server", "trusted_proxies", index))


@rule(
    "W116",
    "medium",
    "mails, and the password if there is one, go to this server without encryption",
    "write `smtp_usetls: true` (STARTTLS) or `smtp_usessl: true` (TLS from the first byte)",
)
def plain_mail(subject: Subject) -> Iterator[Place]:
    """Yield the mail servers that are spoken to in clear."""
    for stanza, part in subject.components:
        host = part.value("smtp_host")
        if host and not part.value("dest_url") and not is_loopback(host) and part.value("encryption") == "none":
            yield Place(stanza.config, ("smtp_host",))


@rule(
    "W117",
    "medium",
    "who calls is told in clear, so that whoever is on the way can say he is another",
    "write https://, or `identity: none` if the upstream does not need it",
)
def identity_in_clear(subject: Subject) -> Iterator[Place]:
    """Yield the upstreams that are told user and app by plain HTTP."""
    for stanza, part in subject.components:
        if stanza.use == "http" and part.value("identity") != "none":
            for index, host in enumerate(part.value("hosts")):
                if in_clear(host):
                    yield Place(stanza.config, ("hosts", index))


@rule(
    "W118",
    "medium",
    "credentials of callers, or contacts of people, go through the network in clear",
    "write https://",
)
def back_end_in_clear(subject: Subject) -> Iterator[Place]:
    """Yield the back ends that are asked about callers by plain HTTP."""
    for part in subject.services.values():
        if part.stanza.use in BACK_ENDS and in_clear(part.value("url")):
            yield Place(part.stanza.config, ("url",))


@rule(
    "W119",
    "medium",
    "the password of the store goes to this server in clear",
    "write rediss://, or unix:// for a server on this machine",
)
def redis_in_clear(subject: Subject) -> Iterator[Place]:
    """Yield the Redis server that gets its password without TLS from another machine."""
    store = subject.services.get("store")
    if store is not None and store.stanza.use == "redis":
        url = store.value("url").get_secret_value()
        if url.startswith("redis://") and "@" in url and in_clear(url.replace("redis://", "http://", 1)):
            yield Place(store.stanza.config, ("url",))


@rule(
    "W140",
    "medium",
    "the password of the database, and all that is read and written, goes to this server unprotected",
    "write ?tls=verify behind it, and perhaps &ca=FILE, or a socket for a server on this machine",
)
def database_in_clear(subject: Subject) -> Iterator[Place]:
    """Yield the database on another machine whose certificate nobody looks at."""
    database = subject.config.database
    if database is not None:
        parts = parsed(database.url.get_secret_value())
        found = query(parts) if parts.scheme != "sqlite" else {"socket": ""}
        if "socket" not in found and found.get("tls") != "verify" and not is_loopback(parts.hostname or "localhost"):
            yield Place(subject.root, ("services", "database", "url"))


@rule(
    "W120",
    "high",
    "secrets and messages go through the network in clear",
    "write https://",
)
def vendor_in_clear(subject: Subject) -> Iterator[Place]:
    """Yield the addresses of WeChat and Tencent Cloud, or of proxies to them, that are plain HTTP."""
    for stanza, part in subject.components:
        for key in WECHAT_HOSTS:
            if in_clear(part.value(key)):
                yield Place(stanza.config, (key,))


RULES = (
    admin_is_open,
    portal_knows_nobody,
    single_sign_on_is_anybody,
    proxies_are_many,
    plain_mail,
    identity_in_clear,
    back_end_in_clear,
    redis_in_clear,
    database_in_clear,
    vendor_in_clear,
)
