from pathlib import Path

import pytest

from esb.config import load
from esb.config.time_zone import known_zone

CONFIG = "version: 1\nserver: {port: 8080}\ncomponents: []\n"
UNDERSTOOD = ["", "UTC", "Asia/Shanghai", ":Asia/Shanghai", "CST-8", "EST5EDT,M3.2.0,M11.1.0", "<+08>-8", __file__]
UNKNOWN = ["Asia/Nowhere", ":Asia/Nowhere", "Shanghai", "+8", "/nowhere", "../etc/passwd", "A\x00"]


@pytest.mark.parametrize("value", UNDERSTOOD)
def test_a_zone_of_the_environment_that_the_machine_knows_is_no_mistake(tmp_path: Path, value: str) -> None:
    (tmp_path / "esb.yaml").write_text(CONFIG)
    assert load(tmp_path / "esb.yaml", {"TZ": value}).mistakes == []


@pytest.mark.parametrize("value", UNKNOWN)
def test_one_that_would_silently_mean_utc_is(tmp_path: Path, value: str) -> None:
    (tmp_path / "esb.yaml").write_text(CONFIG)
    (mistake,) = load(tmp_path / "esb.yaml", {"TZ": value}).mistakes
    assert (mistake.line, mistake.key) == (2, "server.timezone")
    assert mistake.text.startswith("the environment variable TZ names no time zone that is known here")


def test_it_does_not_matter_beside_a_zone_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "esb.yaml").write_text(CONFIG.replace("port: 8080", "timezone: Asia/Shanghai"))
    assert load(tmp_path / "esb.yaml", {"TZ": "Asia/Nowhere"}).mistakes == []


@pytest.mark.parametrize("name", ["", "/etc/localtime", "../UTC", "Asia", "Asia/Nowhere", "A\x00", "CST-8"])
def test_a_name_is_one_of_the_zones_that_python_knows(name: str) -> None:
    assert known_zone("Asia/Shanghai") == "Asia/Shanghai"
    with pytest.raises(ValueError, match="time zone"):
        known_zone(name)
