"""The protocols of `services:`; the type checker holds the built-in back ends to them."""

from collections.abc import Sequence

import pytest

from esb.contracts.services import Apps, Login, Service, TokenIdentities, Users
from esb.gateway.plugin_loader import PROTOCOLS
from esb.services.access_tokens.bk_ssm import BkSsm
from esb.services.access_tokens.none import NoAccessTokens
from esb.services.apps.bk_auth import BkAuth
from esb.services.apps.static import StaticApps
from esb.services.jwt.bk_jwt import BkJwt
from esb.services.jwt.none import NoGatewayJwt
from esb.services.login.bk_login import BkLogin
from esb.services.login.static import StaticLogin
from esb.services.users.bk_user import BkUsers
from esb.services.users.static import StaticUsers

APPS: Sequence[type[Apps]] = (StaticApps, BkAuth)
LOGINS: Sequence[type[Login]] = (StaticLogin, BkLogin)
USERS: Sequence[type[Users]] = (StaticUsers, BkUsers)
TOKENS: Sequence[type[TokenIdentities]] = (NoAccessTokens, BkSsm, NoGatewayJwt, BkJwt)


@pytest.mark.parametrize("found", [*APPS, *LOGINS, *USERS, *TOKENS])
def test_a_built_in_back_end_is_a_service_that_says_which_key_it_is_for(found: type) -> None:
    assert issubclass(found, Service)
    assert found.service in PROTOCOLS
    assert found.__module__.startswith(f"esb.services.{found.service}.")
