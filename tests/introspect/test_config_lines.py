"""The lines of a configuration: YAML that says the same as the view, each with the place where it stands."""

from pathlib import Path

import yaml

from esb.config import load
from esb.introspect.config_lines import config_lines

TEXT = """\
version: 1
server: {timezone: Asia/Shanghai}
services:
  apps:
    use: static
    config:
      apps:
        - code: a
          secrets: ["${SECRET}"]
          components: ["*", "yes", "a: b", "# no comment"]
middlewares:
  - {use: app_auth}
include: [more.yaml]
systems:
  other: {timeout: 7}
components:
  - path: /cmsi/get_msg_type/
    use: cmsi_get_msg_type
"""
MORE = """\
components:
  - path: /other/list/
    use: http
    config:
      hosts: ["http://127.0.0.1:1"]
      path: /
"""


def test_each_line_has_the_place_where_it_stands_and_defaults_have_none(tmp_path: Path) -> None:
    (tmp_path / "esb.yaml").write_text(TEXT)
    (tmp_path / "more.yaml").write_text(MORE)
    found = config_lines(load(tmp_path / "esb.yaml", {"SECRET": "from-outside"}))
    lines = [*found.shared, *(line for _, lines in found.components for line in lines)]
    places = {line.text.strip(): (Path(line.file).name, line.line) for line in lines}
    assert places["timezone: Asia/Shanghai"] == ("esb.yaml", 2)
    assert places["- code: a"] == ("esb.yaml", 8)
    assert places["workers: 1"] == ("", 0)
    assert places["- name: other.list"] == ("more.yaml", 2)
    assert places["hosts: [http://127.0.0.1:1]"] == ("more.yaml", 5)
    assert places["- use: app_auth"] == ("esb.yaml", 12)
    assert "from-outside" not in "".join(line.text for line in lines)


def test_it_is_yaml_that_says_what_the_view_says(tmp_path: Path) -> None:
    (tmp_path / "esb.yaml").write_text(TEXT)
    (tmp_path / "more.yaml").write_text(MORE)
    found = config_lines(load(tmp_path / "esb.yaml", {"SECRET": "from-outside"}))
    shared = yaml.safe_load("\n".join(line.text for line in found.shared).replace("***", '"***"'))
    assert shared["services"]["apps"]["config"] == found.view["services"]["apps"]["config"]
    assert shared["server"]["timezone"] == "Asia/Shanghai"
    for (name, lines), view in zip(found.components, found.view["components"], strict=True):
        (read,) = yaml.safe_load("\n".join(line.text for line in lines))
        assert read["name"] == name == view["name"]
        assert read["config"] == view["config"]
