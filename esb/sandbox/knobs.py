"""Settings for the platforms' quotas and for what they leave undocumented; `mp_overlap_s` is written `mp.overlap_s`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, NewType, get_args, get_origin, get_type_hints

from esb.sandbox import control_values

Probability = NewType("Probability", float)
Over = Literal["cut", "40058"]


@dataclass(frozen=True, slots=True)
class Knobs:
    """Every knob with its default. Names end in their unit; a quota of 0 is switched off."""

    token_ttl_s: int = 7200
    mp_overlap_s: float = 300
    mp_keep_previous: int = 1
    mp_new_token_lag_ms: float = 0
    mp_old_token_flaky: Probability = Probability(0)
    mp_token_per_day: int = 0
    mp_template_per_day: int = 0
    mp_custom_per_day: int = 0
    mp_per_minute: int = 0
    mp_clear_quota_per_month: int = 0
    mp_duplicate_errcode: int = 0
    mp_receipts: int = 1
    mp_receipt_delay_ms: float = 0
    mp_template_text: Literal["full", "shown"] = "full"
    mp_errmsg_tail: Literal["rid", "hint", "none"] = "rid"
    stable_renew_window_s: float = 300
    stable_force_per_day: int = 20
    stable_force_gap_s: float = 30
    qy_same_token: bool = True
    qy_expires_in: Literal["remaining", "full"] = "remaining"
    qy_early_expire_prob: Probability = Probability(0)
    qy_bad_secret_ban_after: int = 2000
    qy_ban_s: float = 3600
    qy_member_per_minute: int = 0
    qy_member_per_hour: int = 0
    qy_app_per_day: int = 0
    qy_lookup_misses_per_day: int = 0
    qy_text_over: Over = "cut"
    qy_markdown_over: Over = "cut"
    qy_invalid_fields: Literal["absent", "empty"] = "absent"
    qy_duplicate_errcode: int = 0
    robot_per_minute: int = 0
    robot_markdown_over: Literal["40058", "warning"] = "40058"
    tencent_per_second: int = 0
    sms_number_per_30s: int = 0
    sms_number_per_hour: int = 0
    sms_number_per_day: int = 0
    sms_same_content_per_day: int = 0
    sms_app_per_day: int = 0
    sms_characters: int = 500
    voice_number_per_hour: int = 0
    mail_bytes: int = 32 * 2**20
    mail_recipients: int = 0
    mail_per_minute: int = 0
    mail_smtputf8: bool = True

    def turned(self, values: object, where: str = "knobs") -> "Knobs":
        """Return these knobs with some of them set; `values` maps dotted names, an unknown one is refused."""
        readers = _readers()
        settings = control_values.mapping(values, where, readers)
        return replace(self, **{_attribute(name): readers[name](value, name) for name, value in settings.items()})

    def dotted(self) -> dict[str, Any]:
        return {name: getattr(self, _attribute(name)) for name in _readers()}


def _attribute(name: str) -> str:
    return name.replace(".", "_", 1)


def _readers() -> Mapping[str, Callable[[object, str], Any]]:
    return {name.replace("_", ".", 1): _reader(kind) for name, kind in get_type_hints(Knobs).items()}


def _reader(kind: Any) -> Callable[[object, str], Any]:
    if get_origin(kind) is Literal:
        return partial(control_values.one_of, choices=get_args(kind))
    return {
        int: control_values.whole,
        float: control_values.amount,
        bool: control_values.flag,
        Probability: control_values.probability,
    }[kind]
