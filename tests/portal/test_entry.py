"""Logging in and out: with a token of esb.yaml, for as long as it stands there."""

from tests.support.portal import Portal
from tests.support.processes.deployment import ADMIN_TOKEN, TOKENS


async def test_an_operator_logs_in_with_a_token_and_out_again(portal: Portal) -> None:
    response = await portal.log_in()
    assert response.status == 200
    page = await portal.get("/")
    assert "Log out ops" in page
    assert 'href="/apps"' in page
    assert ADMIN_TOKEN not in page
    await portal.post("/logout", on="/")
    assert "Log out" not in await portal.get("/")


async def test_a_wrong_token_is_told_as_such_and_stands_nowhere(portal: Portal) -> None:
    response = await portal.log_in("wrong-token")
    text = await response.text()
    assert response.status == 401
    assert "none of the tokens" in text
    assert "wrong-token" not in text


async def test_the_session_is_no_business_of_scripts_and_other_sites(portal: Portal) -> None:
    response = await portal.log_in()
    cookies = [cookie for each in (*response.history, response) for cookie in each.headers.getall("Set-Cookie", ())]
    session = next(cookie for cookie in cookies if cookie.startswith("esb_session"))
    assert "HttpOnly" in session
    assert "SameSite=Strict" in session


async def test_a_session_ends_with_its_token(portal: Portal) -> None:
    await portal.log_in()
    portal.file.write_text(portal.file.read_text().replace(TOKENS, ""))
    await portal.deployment.reloader.reload()
    assert "Log out" not in await portal.get("/")


async def test_nobody_is_led_elsewhere_by_logging_in(portal: Portal) -> None:
    for back in ("//elsewhere.example", "https://elsewhere.example", "/\\elsewhere.example"):
        response = await portal.post("/login", {"token": ADMIN_TOKEN, "back": back})
        assert str(response.url).startswith(portal.url)
