"""The alerts of deploy/prometheus, by Prometheus' own tool: each fires in its situation and in no other."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.repository import ROOT

RULES = ROOT / "deploy" / "prometheus" / "alerts.yml"
ALERTS = {rule["alert"] for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]}
HOURS = 3
SCRAPES = HOURS * 120
"""One in 30 seconds."""
AT = ("2h10m", "2h20m", "2h25m", "2h55m")
"""Moments that fall between any two events which come every twenty minutes, and right after one."""
STEADY = f"0+30x{SCRAPES}"
ZERO = f"0x{SCRAPES}"
ONE = f"1x{SCRAPES}"
CALL = 'component="send_weixin",instance="a",job="esb",system="cmsi"'
ASKED = 'instance="a",interface="get_token",job="esb",system="weixin_qy"'
WELL = {
    **{f'up{{instance="{each}",job="esb"}}': ONE for each in "ab"},
    **{f'esb_ready{{instance="{each}",job="esb"}}': ONE for each in "ab"},
    **{f'esb_build_info{{instance="{each}",job="esb"}}': ONE for each in "ab"},
    **{f'esb_config_last_reload_successful{{instance="{each}",job="esb"}}': ONE for each in "ab"},
    'esb_config_last_good{instance="a",job="esb"}': ZERO,
    f'esb_calls_total{{{CALL},outcome="ok",source="none"}}': STEADY,
    f'esb_calls_total{{{CALL},outcome="1306000",source="upstream"}}': ZERO,
    f'esb_calls_total{{{CALL},outcome="1306000",source="gateway"}}': ZERO,
    f'esb_calls_total{{{CALL},outcome="1306429",source="gateway"}}': ZERO,
    f'esb_call_duration_seconds_bucket{{{CALL},le="5.0"}}': STEADY,
    f'esb_call_duration_seconds_bucket{{{CALL},le="10.0"}}': STEADY,
    f'esb_call_duration_seconds_bucket{{{CALL},le="+Inf"}}': STEADY,
    f'esb_upstream_calls_total{{{ASKED},class="ok"}}': STEADY,
    f'esb_upstream_calls_total{{{ASKED},class="config"}}': ZERO,
    f'esb_upstream_calls_total{{{ASKED},class="network"}}': ZERO,
    'esb_token_fetches_total{instance="a",job="esb",outcome="fetched",platform="qy"}': f"0+0x{SCRAPES}",
    'esb_token_fetches_total{instance="a",job="esb",outcome="refused",platform="qy"}': ZERO,
    'esb_quota_gates_closed{instance="a",job="esb",platform="qy"}': ZERO,
    'esb_store_away{instance="a",job="esb"}': ZERO,
    'esb_database_away{instance="a",job="esb"}': ZERO,
    'esb_delivery_oldest_due_seconds{instance="a",job="esb"}': f"4x{SCRAPES}",
    'esb_callback_oldest_due_seconds{instance="a",job="esb"}': f"4x{SCRAPES}",
    'esb_delivery_hold_age_seconds{by="gateway",instance="a",job="esb"}': ZERO,
    'esb_delivery_hold_age_seconds{by="operator",instance="a",job="esb"}': f"3600x{SCRAPES}",
    'esb_retention_overdue_seconds{instance="a",job="esb"}': f"3600x{SCRAPES}",
    'esb_ledger_dropped_total{instance="a",job="esb"}': ZERO,
    'esb_idempotency_keys_unprotected_total{instance="a",job="esb",reason="away"}': ZERO,
    'esb_idempotency_keys_unprotected_total{instance="a",job="esb",reason="process"}': STEADY,
    'esb_crashes_total{instance="a",job="esb"}': ZERO,
    'esb_worker_restarts_total{instance="a",job="esb",reason="ended"}': ZERO,
    'esb_worker_restarts_total{instance="a",job="esb",reason="stuck"}': ZERO,
}
"""Two gateways, of which one has traffic; values as promtool writes them."""


def every(scrapes: int) -> str:
    """A counter that goes up by one every so many scrapes."""
    return " ".join(str(scrape // scrapes) for scrape in range(SCRAPES))


def gone(labels: str = 'instance="b",job="esb"') -> dict[str, str]:
    """One gateway that is not scraped any more, from the first hour on."""
    seen = f"1x119 _x{SCRAPES - 120}"
    return {
        f"up{{{labels}}}": f"1x119 0x{SCRAPES - 120}",
        **{
            f"{name}{{{labels}}}": seen for name in ("esb_ready", "esb_build_info", "esb_config_last_reload_successful")
        },
    }


REFUSED_SECRET = {f'esb_upstream_calls_total{{{ASKED},class="config"}}': every(40)}
NO_SERIES = {name: f"_x{SCRAPES}" for name in WELL if not name.startswith("up")}
SITUATIONS: dict[str, tuple[dict[str, str], set[str]]] = {
    "all is well": ({}, set()),
    "WeChat refuses our secret, at one message in twenty minutes": (REFUSED_SECRET, {"EsbCredentialRefused"}),
    "a quota is used up, at one message in 90 seconds": (
        {'esb_quota_gates_closed{instance="a",job="esb",platform="qy"}': "1 1 0 " * (SCRAPES // 3)},
        {"EsbQuotaUsedUp"},
    ),
    "one of two gateways is gone": (gone(), {"EsbGatewayGone"}),
    "no gateway is scraped": (
        {**NO_SERIES, **gone(), **gone('instance="a",job="esb"')},
        {"EsbAbsent", "EsbGatewayGone"},
    ),
    "a gateway was taken out of service on purpose": (
        {name: f"1x119 _x{SCRAPES - 120}" for name in WELL if 'instance="b"' in name},
        set(),
    ),
    "a worker dies every five minutes": (
        {'esb_worker_restarts_total{instance="a",job="esb",reason="ended"}': every(10)},
        {"EsbWorkersFlap"},
    ),
    "a worker died once": ({'esb_worker_restarts_total{instance="a",job="esb",reason="ended"}': every(200)}, set()),
    "all messages are refused": (
        {
            f'esb_calls_total{{{CALL},outcome="ok",source="none"}}': f"100x{SCRAPES}",
            f'esb_calls_total{{{CALL},outcome="1306000",source="upstream"}}': every(4),
        },
        {"EsbNothingGetsThrough"},
    ),
    "half of the messages are refused": (
        {f'esb_calls_total{{{CALL},outcome="1306000",source="upstream"}}': STEADY},
        set(),
    ),
    "nobody calls": ({f'esb_calls_total{{{CALL},outcome="ok",source="none"}}': f"100x{SCRAPES}"}, set()),
    "a reload was refused": (
        {'esb_config_last_reload_successful{instance="a",job="esb"}': f"1x200 0x{SCRAPES - 201}"},
        {"EsbReloadRefused"},
    ),
    "a gateway was started on a wrong file": (
        {'esb_config_last_good{instance="a",job="esb"}': ONE},
        {"EsbLastGoodServed"},
    ),
    "a gateway starts and does not get ready": ({'esb_ready{instance="b",job="esb"}': ZERO}, {"EsbNotReady"}),
    "the gateway itself fails": (
        {f'esb_calls_total{{{CALL},outcome="1306000",source="gateway"}}': STEADY},
        {"EsbGatewayErrors"},
    ),
    "calls are turned away": (
        {f'esb_calls_total{{{CALL},outcome="1306429",source="gateway"}}': STEADY},
        {"EsbGatewayErrors", "EsbTooManyCalls"},
    ),
    "a plugin crashes every five minutes": (
        {'esb_crashes_total{instance="a",job="esb"}': every(10)},
        {"EsbCrashes"},
    ),
    "calls are slow": (
        {f'esb_call_duration_seconds_bucket{{{CALL},le="5.0"}}': every(1)},
        {"EsbSlow"},
    ),
    "WeChat cannot be reached": (
        {f'esb_upstream_calls_total{{{ASKED},class="network"}}': STEADY},
        {"EsbUpstreamUnreachable"},
    ),
    "no access token is to be had": (
        {'esb_token_fetches_total{instance="a",job="esb",outcome="refused",platform="qy"}': every(1)},
        {"EsbTokenFetchesFail"},
    ),
    "somebody else fetches our access tokens": (
        {'esb_token_fetches_total{instance="a",job="esb",outcome="fetched",platform="qy"}': every(1)},
        {"EsbTokenFetchedTooOften"},
    ),
    "nobody delivers": (
        {'esb_delivery_oldest_due_seconds{instance="b",job="esb"}': STEADY},
        {"EsbDeliveriesLate"},
    ),
    "deliveries are late for a moment": (
        {'esb_delivery_oldest_due_seconds{instance="a",job="esb"}': "400 4 4 4 " * (SCRAPES // 4)},
        set(),
    ),
    "nobody calls back": ({'esb_callback_oldest_due_seconds{instance="a",job="esb"}': STEADY}, {"EsbCallbacksLate"}),
    "a credential does not work, and its deliveries wait": (
        {'esb_delivery_hold_age_seconds{by="gateway",instance="a",job="esb"}': STEADY},
        {"EsbCredentialHeld"},
    ),
    "an operator has forgotten what was stopped yesterday": (
        {'esb_delivery_hold_age_seconds{by="operator",instance="a",job="esb"}': f"90000x{SCRAPES}"},
        {"EsbHoldForgotten"},
    ),
    "nothing is deleted any more": (
        {'esb_retention_overdue_seconds{instance="a",job="esb"}': f"9000+30x{SCRAPES}"},
        {"EsbRetentionLate"},
    ),
    "the ledger drops synchronous calls": (
        {'esb_ledger_dropped_total{instance="a",job="esb"}': every(10)},
        {"EsbLedgerDrops"},
    ),
    "keys are not protected, since Redis is away": (
        {'esb_idempotency_keys_unprotected_total{instance="a",job="esb",reason="away"}': every(10)},
        {"EsbKeysUnprotected"},
    ),
    "the shared store is away": ({'esb_store_away{instance="a",job="esb"}': ONE}, {"EsbStoreAway"}),
    "the database is away": ({'esb_database_away{instance="a",job="esb"}': ONE}, {"EsbDatabaseAway"}),
}


@pytest.fixture(scope="module")
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("no promtool here (Debian: apt-get install prometheus)")
    return found


def looked_up(series: dict[str, str], moments: tuple[str, ...], firing: set[str]) -> dict[str, Any]:
    """Return promtool's test that these alerts, and no others, fire at these moments."""
    samples = [{"labels": f'{{alertname="{alert}"}}', "value": 1} for alert in sorted(firing)]
    expression = 'group by (alertname) (ALERTS{alertstate="firing"})'
    return {
        "interval": "30s",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [{"expr": expression, "eval_time": each, "exp_samples": samples} for each in moments],
    }


def checked(promtool: str, folder: Path, *tests: dict[str, Any]) -> str:
    """Return what promtool finds wrong with these tests, "" if nothing."""
    file = folder / "test.yml"
    file.write_text(yaml.safe_dump({"rule_files": [str(RULES)], "evaluation_interval": "30s", "tests": list(tests)}))
    return complaint(promtool, "test", "rules", file)


def complaint(promtool: str, *arguments: str | Path) -> str:
    done = subprocess.run([promtool, *arguments], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_the_rules_are_rules(promtool: str) -> None:
    assert complaint(promtool, "check", "rules", RULES) == ""


@pytest.mark.parametrize(("changed", "firing"), SITUATIONS.values(), ids=SITUATIONS)
def test_an_alert_fires_in_its_situation_and_in_no_other(
    promtool: str, tmp_path: Path, changed: dict[str, str], firing: set[str]
) -> None:
    assert checked(promtool, tmp_path, looked_up({**WELL, **changed}, AT, firing)) == ""


def test_every_alert_has_a_situation() -> None:
    assert set().union(*(firing for _, firing in SITUATIONS.values())) == ALERTS


def test_a_refusal_with_which_a_series_is_born_is_seen(promtool: str, tmp_path: Path) -> None:
    born = f"_x200 1x{SCRAPES - 201}"
    young = {name: born for name in WELL if "upstream" in name and "config" in name}
    assert checked(promtool, tmp_path, looked_up({**WELL, **young}, ("1h42m",), {"EsbCredentialRefused"})) == ""


def test_what_does_not_fire_is_noticed(promtool: str, tmp_path: Path) -> None:
    assert "EsbSlow" in checked(promtool, tmp_path, looked_up(WELL, AT[:1], {"EsbSlow"}))
