"""Servers that nobody here wrote, each telling what it sees of a request: Django, PHP, Node, and nginx before Node."""

import base64
import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.ports import free_port
from tests.support.repository import ROOT

PHP = r"""<?php
$headers = [];
foreach ($_SERVER as $name => $value) {
    if (str_starts_with($name, 'HTTP_')) $headers[strtolower(str_replace('_', '-', substr($name, 5)))] = $value;
}
header('Content-Type: application/json');
echo json_encode([
    'method' => $_SERVER['REQUEST_METHOD'],
    'path' => rawurldecode(explode('?', $_SERVER['REQUEST_URI'], 2)[0]),
    'query' => $_SERVER['QUERY_STRING'] ?? '',
    'headers' => $headers,
    'body' => base64_encode(file_get_contents('php://input')),
    'GET' => (object) $_GET,
    'POST' => (object) $_POST,
], JSON_INVALID_UTF8_SUBSTITUTE);
"""
NODE = r"""
require('http').createServer((request, response) => {
  const pieces = [], headers = {}, [path, ...query] = request.url.split('?');
  for (let at = 0; at < request.rawHeaders.length; at += 2) {
    const name = request.rawHeaders[at].toLowerCase().replace(/[^a-z0-9]/g, '-');
    headers[name] = (name in headers ? headers[name] + ',' : '') + request.rawHeaders[at + 1];
  }
  request.on('data', piece => pieces.push(piece)).on('end', () => {
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify({
      method: request.method, path: decodeURIComponent(path), query: query.join('?'), headers,
      body: Buffer.concat(pieces).toString('base64'), GET: {}, POST: {}}));
  });
}).listen(Number(process.argv[2]), '127.0.0.1');
"""
NGINX = """
{user}daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port};
    underscores_in_headers on;
    ignore_invalid_headers off;
    location / {{
      proxy_pass http://127.0.0.1:{node};
      proxy_http_version 1.1;
      proxy_set_header Uri-Of-Nginx $uri;
    }}
  }}
}}
"""
START_SECONDS = 60


@dataclass(frozen=True)
class Sight:
    """A request as a server sees it. Names of headers are folded as it folds them, in lower case and with hyphens."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    query_parameters: Mapping[str, Any]
    form: Mapping[str, Any]


def sight(answer: Mapping[str, Any]) -> Sight:
    """Read the answer of one of these servers."""
    return Sight(
        answer["method"],
        answer["path"],
        answer["query"],
        answer["headers"],
        base64.b64decode(answer["body"]),
        answer["GET"],
        answer["POST"],
    )


def _needs(program: str, package: str) -> str:
    """Return the program's path. The test is skipped where it is not installed."""
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin")
    if found is None:
        pytest.skip(f"{program} is not installed (Debian: apt-get install {package})")
    return found


def _django(port: int, folder: Path, opened: ExitStack) -> list[str]:
    if importlib.util.find_spec("gunicorn") is None:
        pytest.skip("gunicorn is not installed (pip install gunicorn)")
    application = "tests.support.servers.django_echo:application"
    return [sys.executable, "-m", "gunicorn", "--chdir", str(ROOT), "--bind", f"127.0.0.1:{port}", application]


def _php(port: int, folder: Path, opened: ExitStack) -> list[str]:
    script = folder / "echo.php"
    script.write_text(PHP)
    return [_needs("php", "php-cli"), "-n", "-S", f"127.0.0.1:{port}", str(script)]


def _node(port: int, folder: Path, opened: ExitStack) -> list[str]:
    script = folder / "echo.js"
    script.write_text(NODE)
    return [_needs("node", "nodejs"), str(script), str(port)]


def _nginx(port: int, folder: Path, opened: ExitStack) -> list[str]:
    program = _needs("nginx", "nginx-light")
    node = opened.enter_context(real_upstream("node", folder)).rpartition(":")[2]
    script = folder / "nginx.conf"
    user = "user root;\n" if os.geteuid() == 0 else ""  # or else it takes another, who may not write here
    script.write_text(NGINX.format(user=user, folder=folder, port=port, node=node))
    return [program, "-p", str(folder), "-c", str(script), "-e", "stderr"]


Command = Callable[[int, Path, ExitStack], list[str]]
REAL_UPSTREAMS: Mapping[str, Command] = {"django": _django, "php": _php, "node": _node, "nginx": _nginx}


@contextmanager
def real_upstream(name: str, folder: Path) -> Iterator[str]:
    """Start one of REAL_UPSTREAMS, and give its URL. What it needs on disk goes into this folder."""
    with ExitStack() as opened:
        port = free_port()
        command = REAL_UPSTREAMS[name](port, folder, opened)
        log = opened.enter_context((folder / f"{name}.log").open("wb"))
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
        try:
            _wait(process, port, folder / f"{name}.log")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(60)


def _wait(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), 1):
                return
        except OSError:
            assert process.poll() is None, log.read_text(errors="replace")
            assert time.monotonic() < until, log.read_text(errors="replace")
            time.sleep(0.02)


def read_sight(body: bytes) -> Sight:
    return sight(json.loads(body))
