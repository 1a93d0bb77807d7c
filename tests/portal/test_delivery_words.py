"""Words for what became of a delivery: one for each state, and what a code means on the platform that told it."""

from pathlib import Path
from typing import get_args

import pytest

from esb.config import Config, ConfigSource
from esb.core.delivery_states import DeliveryState, ReceiverState
from esb.core.messages import untranslated
from esb.core.upstream_classes import ACCEPTED, Kind
from esb.portal.delivery_words import ADVICE, CALLBACK_STATES, RECEIVER_STATES, STATES, hint_of
from esb.portal.language import every_text

COMPONENTS = """\
version: 1
components:
  - {path: /a/qy/, use: cmsi_send_weixin, config: {wx_type: qywx}}
  - {path: /a/mp/, use: cmsi_send_weixin, config: {wx_type: mp}}
  - {path: /a/default/, use: cmsi_send_weixin}
  - {path: /a/robot/, use: cmsi_send_wecom_robot}
  - {path: /a/account/, use: cmsi_send_mp_weixin}
  - {path: /a/mail/, use: cmsi_send_mail}
"""


@pytest.fixture
def config(tmp_path: Path) -> Config:
    file = tmp_path / "esb.yaml"
    file.write_text(COMPONENTS)
    return ConfigSource(file, {}).resolve()


def test_every_state_has_a_word_and_every_class_advice() -> None:
    assert set(STATES) == {state.word for state in DeliveryState}
    assert set(RECEIVER_STATES) == {state.word for state in ReceiverState}
    assert set(CALLBACK_STATES) <= set(STATES)
    assert set(ADVICE) == set(get_args(Kind)) - ACCEPTED


def test_a_code_is_read_as_the_platform_means_it(config: Config) -> None:
    def hint(component: str, code: object = 43004) -> str:
        return hint_of(config, component, code, "", untranslated)

    assert hint("a.qy") == hint("a.default")
    assert hint("a.mp") == hint("a.account")
    assert len({hint("a.qy"), hint("a.mp"), hint("a.robot")}) >= 2
    assert "follow" in hint("a.mp")
    for nothing in (hint("a.mail"), hint("a.gone"), hint("a.mp", "FailedOperation"), hint("a.mp", None)):
        assert nothing == ""


def test_refusals_are_in_the_language_of_the_page_and_others_stay_as_they_are() -> None:
    translate = every_text("zh-hans")
    assert translate("Only a delivery that is dead can be sent again") == "只有状态为 dead 的投递才能重新发送"
    assert translate("95 % of {nothing}") == "95 % of {nothing}"
    assert translate("") == ""
