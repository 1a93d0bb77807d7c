"""Keys of esb.yaml for WeChat that belong together."""

import pytest
from pydantic import SecretStr

from esb.channels.wechat.config import OfficialAccountConfig, TemplateKeys, WeComConfig, revealed

SECRET = SecretStr("secret")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, "WeCom needs wx_qy_corpid"),
        ({"wx_qy_corpid": "c", "wx_qy_corpsecret": SECRET}, "belong together"),
        ({"wx_qy_corpid": "c", "wx_qy_agentid": 7}, "belong together"),
    ],
)
def test_an_app_of_wecom_is_whole_or_the_callers_own(changes: dict[str, object], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        WeComConfig.model_validate(changes).require_wecom()
    for whole in ({}, {"wx_qy_corpsecret": SECRET, "wx_qy_agentid": 7}):
        WeComConfig.model_validate({"wx_qy_corpid": "c", **whole}).require_wecom()


@pytest.mark.parametrize("missing", ["wx_app_id", "wx_secret", "wx_template_id"])
def test_an_official_account_needs_all_of_itself(missing: str) -> None:
    whole = {"wx_app_id": "a", "wx_secret": SECRET, "wx_template_id": "t"}
    OfficialAccountConfig.model_validate(whole).require_official_account()
    with pytest.raises(ValueError, match=f"an official account needs {missing}$"):
        OfficialAccountConfig.model_validate(
            {**whole, missing: None if missing == "wx_secret" else ""}
        ).require_official_account()


@pytest.mark.parametrize(("token_api", "hazards"), [("stable", []), ("plain", ["wx_token_api"])])
def test_a_token_that_a_fetch_kills_is_a_hazard_of_several_processes(token_api: str, hazards: list[str]) -> None:
    config = OfficialAccountConfig.model_validate({"wx_token_api": token_api})
    assert list(config.worker_hazards()) == hazards


def test_what_is_not_configured_is_no_secret() -> None:
    assert (revealed(None), revealed(SECRET)) == ("", "secret")


def test_a_notice_goes_to_the_usual_keys_of_a_template_unless_others_are_named() -> None:
    usual = {"heading": "first", "message": "keyword1", "date": "keyword2", "remark": "remark"}
    assert TemplateKeys().model_dump() == usual
