"""Authentication of the user: a login state that is proven, or a name that the app may give without proof."""

from collections.abc import Collection, Iterable
from typing import Any

from pydantic import Field

from esb.config import ConfigModel
from esb.config.component_paths import names_in_rights
from esb.contracts.explain import Decision, Grant, Question, allowed, attempted, below, ends, longest, refused, unknown
from esb.contracts.middleware import Handler, Middleware
from esb.contracts.services import ChainServices
from esb.core.call import Call, User
from esb.core.errors import AuthenticationError, EsbError, Message, template
from esb.core.reasons import Reason
from esb.middlewares._globs import ALL, matches
from esb.middlewares._identity import identity_by_token

LONGEST_NAME = 255
NO_USER = template("User authentication failed, please provide a valid user identity, such as bk_token, bk_username")


class UserAuthConfig(ConfigModel):
    """Where else a login state may come from."""

    cookie: str | None = Field(
        "bk_token", description="cookie that may carry bk_token when nothing else names a user; null switches it off"
    )


class UserAuth(Middleware[UserAuthConfig]):
    """Set `call.user` if nobody has yet, or refuse the call. A credential that is present and bad is final."""

    config_type = UserAuthConfig
    early = True

    def __init__(self, config: UserAuthConfig, services: ChainServices) -> None:
        super().__init__(config, services)
        self._cookie = config.cookie
        self.cookies = () if config.cookie is None else (config.cookie,)
        self._login = services.login

    async def __call__(self, call: Call, handler: Handler) -> Any:
        if call.user is not None:
            return await handler(call)
        credentials = call.credentials
        claims = credentials.claims
        if credentials.brings_token:
            user, source = await self._by_token(call)
        elif credentials.parameter_access_token:
            raise AuthenticationError(
                "The specified user TOKEN [bk_access_token] does not exist", call_reason=Reason.TOKEN_INVALID
            )
        elif bk_token := claims.get("bk_token"):
            user, source = await self._logged_in(call, bk_token), "bk_token"
        elif username := claims.get("bk_username") or claims.get("username"):
            user, source = self._named(call, username), "bk_username"
        elif credentials.path_app is not None:
            return await handler(call)  # a token in the path stands for an app alone
        elif bk_token := self._cookie_token(credentials.cookie):
            user, source = await self._logged_in(call, bk_token), "cookie"
        else:
            raise AuthenticationError(NO_USER, call_reason=Reason.USER_MISSING)
        call.record.user = user.username
        call.record.user_source = source
        return await handler(call.made_by(call.app, user))

    async def explain(self, question: Question) -> Decision:
        call = question.call
        if call.user is not None:
            return allowed(f"{call.user.username} is known already")
        if question.by == "bk_token":
            return unknown("the login state itself says who calls; services.login is not asked")
        impersonate = below(question.entry, "impersonate") if question.entry is not None else ()
        service = "apps" if impersonate else ""
        outcome = await attempted(self, call)
        claimed = call.credentials.claims.get("bk_username", "")[:LONGEST_NAME]
        if isinstance(outcome, EsbError):
            why = str(outcome.data["hint"]) if isinstance(outcome.data, dict) else "no user is named"
            lapsed = longest(grant for grant in _fitting(question, claimed) if not grant.is_in_force(question.at))
            if lapsed is not None:
                impersonate, why = lapsed.place, f"the right to name {lapsed.users} {lapsed.lapse(question.at)}"
            return refused(outcome, why, where=impersonate if claimed else (), service=service * bool(claimed))
        if outcome.user is None:
            return allowed("a token in the path stands for an app alone")
        why = f"bk_username={claimed} is named without proof: "
        given = longest(grant for grant in _fitting(question, claimed) if grant.is_in_force(question.at))
        if given is not None:
            why += f"it may name {given.users} in calls of {' '.join(given.components)}"
            return allowed(why, where=given.place, until=ends(given.until), service=service, user=outcome.user)
        globs = outcome.app.impersonate if outcome.app is not None else ()
        why += f"`impersonate` has {next(glob for glob in globs if glob == ALL or matches(claimed, (glob,)))}"
        return allowed(why, where=impersonate, service=service, user=outcome.user)

    async def _by_token(self, call: Call) -> tuple[User, str]:
        identity, source = await identity_by_token(self.services, call)
        if identity.user is None:
            raise AuthenticationError("{reason}", call_reason=Reason.USER_MISSING, reason=identity.no_user)
        return identity.user, source

    async def _logged_in(self, call: Call, bk_token: str) -> User:
        return User(await self._login.username(call, bk_token), verified=True)

    def _named(self, call: Call, username: str) -> User:
        allowed = call.app.impersonate if call.app is not None else ()
        if ALL not in allowed and not matches(username, allowed) and not _may_name_here(call, username):
            hint = Message(
                "this app may not name this user by bk_username: its entry in services.apps needs `impersonate`,"
                " or `esb impersonation add` gives it the right"
            )
        elif username != username.strip() or not username.isprintable() or len(username) > LONGEST_NAME:
            # Upstreams would read another name than the globs allowed: a header loses its outer spaces, for one.
            hint = Message("bk_username is no user name: it is too long, or holds control characters or outer spaces")
        else:
            return User(username, False)
        raise AuthenticationError(NO_USER, {"hint": hint}, call_reason=Reason.IMPERSONATION_DENIED)

    def _cookie_token(self, header: str) -> str:
        if not header or self._cookie is None:
            return ""
        for pair in header.split(";"):  # as browsers send them; http.cookies gives up at the first odd neighbour
            name, _, value = pair.partition("=")
            if name.strip() == self._cookie:
                return value.strip().strip('"')
        return ""


def _may_name_here(call: Call, username: str) -> bool:
    """Return whether the app may name this user in calls of this component."""
    given = call.app.impersonations if call.app is not None else ()
    return any(matches(username, (each.users,)) and _covers(call, (each.components,)) for each in given)


def _covers(call: Call, globs: Collection[str]) -> bool:
    return any(matches(name, globs) for name in names_in_rights(call.component, call.path))


def _fitting(question: Question, username: str) -> Iterable[Grant]:
    """Yield the rights to name this user in such a call, those too that have ended or are to begin."""
    given = question.impersonations
    return (each for each in given if matches(username, (each.users,)) and _covers(question.call, each.components))
