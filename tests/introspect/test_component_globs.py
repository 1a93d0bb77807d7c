"""Globs over components, and those of them that match none."""

from pathlib import Path

import pytest

from esb.config import Config, load
from esb.introspect.component_globs import declared_names, doubts

CONFIG = """\
version: 1
components:
  - {path: /cc/hosts/, use: nothing}
  - {path: /v2/cmsi/send_sms/, use: nothing, active: false}
"""


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "esb.yaml").write_text(CONFIG)
    return load(tmp_path / "esb.yaml")


def test_a_component_has_a_name_in_its_version_too(config: Config) -> None:
    assert declared_names(config) == {"cc.hosts", "cmsi.send_sms", "v2.cmsi.send_sms"}


@pytest.mark.parametrize("glob", ["*", "cc.hosts", "cc.*", "cmsi.send_???", "v2.*", "v2.cmsi.send_sms"])
def test_a_glob_that_matches_is_not_doubted(config: Config, glob: str) -> None:
    assert [*doubts(config, [glob])] == []


def test_each_glob_that_matches_none_is_doubted_once(config: Config) -> None:
    assert [*doubts(config, ["cc.host", "job.*", "cc.host", "cc.*"])] == [
        "'cc.host' matches none of the components that are declared here (did you mean 'cc.hosts'?)",
        "'job.*' matches none of the components that are declared here",
    ]
