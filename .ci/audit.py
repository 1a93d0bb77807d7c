"""Ask an index of advisories for what requirements/image.txt locks: exit code 1 if one of them has a known hole.

    python .ci/audit.py .venv/audit-tool/bin/pip-audit

Where no index can be had, that is said, and nothing is proved.
"""

import json
import subprocess
import sys
from pathlib import Path

LOCK = Path(__file__).parents[1] / "requirements" / "image.txt"


def main(tool: str) -> int:
    command = [tool, "--requirement", str(LOCK), "--require-hashes", "--disable-pip", "--format", "json"]
    done = subprocess.run([*command, "--progress-spinner", "off"], capture_output=True, text=True, check=False)
    try:
        found = json.loads(done.stdout)["dependencies"]
    except ValueError:
        found = []
    audited = [each for each in found if "skip_reason" not in each]
    holes = [(each, hole) for each in audited for hole in each["vulns"]]
    for each, hole in holes:
        print(
            f"{each['name']} {each['version']}: {hole['id']}, mended in {', '.join(hole['fix_versions']) or 'none yet'}"
        )
    if not audited:
        print("No index of advisories can be had here: nothing is audited", file=sys.stderr)
        return 0
    print(f"{len(audited)} of {len(found)} requirements audited, {len(holes)} known holes")
    return bool(holes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
