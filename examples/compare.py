"""Sends the same requests to two gateways and shows where their answers differ. Standard library only.

python examples/compare.py OLD_URL NEW_URL requests.jsonl

Each line of the file is {"path": "cmsi/send_weixin/", "body": {...}, "headers": {...}}, headers may be left out.
Every request goes to both: what sends a message sends it twice. Exit code 0 if nothing differs, 1 otherwise.
"""

import json
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

CHANGING = ("request_id", "msgids")
"""Keys that differ from answer to answer."""


def ask(base: str, request: dict[str, Any]) -> Any:
    """Return status and JSON of the answer; the error's name if there is none."""
    url = f"{base.rstrip('/')}/api/c/compapi/{request['path'].lstrip('/')}"
    headers = {"Content-Type": "application/json", **request.get("headers", {})}
    asked = urllib.request.Request(url, json.dumps(request.get("body", {})).encode(), headers)  # noqa: S310 - by hand
    try:
        response = urllib.request.urlopen(asked, timeout=60)  # noqa: S310
    except urllib.error.HTTPError as error:
        response = error
    except OSError as error:
        return type(error).__name__
    with response:
        raw = response.read().decode("utf-8", "replace")
    try:
        return {"status": response.status, "answer": steady(json.loads(raw))}
    except ValueError:
        return {"status": response.status, "answer": raw}


def steady(value: Any) -> Any:
    """The value without what differs from answer to answer."""
    if isinstance(value, dict):
        return {key: steady(part) for key, part in value.items() if key not in CHANGING}
    return [steady(part) for part in value] if isinstance(value, list) else value


def main(old: str, new: str, file: str) -> int:
    """Print the requests that were answered differently; return the exit code, 1 if there are any."""
    lines = [line for line in Path(file).read_text("utf-8").splitlines() if line.strip()]
    differences = 0
    for number, line in enumerate(lines, 1):
        request = json.loads(line)
        answers = [ask(base, request) for base in (old, new)]
        if answers[0] == answers[1]:
            continue
        differences += 1
        print(f"line {number}: {request['path']}")  # noqa: T201
        for name, answer in zip(("old", "new"), answers, strict=True):
            print(f"  {name}: {json.dumps(answer, ensure_ascii=False, sort_keys=True)}")  # noqa: T201
    print(f"{len(lines)} requests, {differences} answered differently")  # noqa: T201
    return min(differences, 1)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
