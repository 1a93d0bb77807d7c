"""nginx, which passes every call on as it is: no business at all. Becomes nginx, with a configuration for this run."""

import os
import socket
import tempfile
from pathlib import Path

CONFIG = """\
daemon off;
master_process off;
error_log stderr;
pid {folder}/pid;
events {{ worker_connections 10000; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream wecom {{ server {upstream}; keepalive 5000; }}
    server {{
        listen 127.0.0.1:{port} backlog=8192;
        keepalive_requests 1000000;
        location / {{
            proxy_pass http://wecom;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }}
    }}
}}
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


if __name__ == "__main__":
    folder = Path(tempfile.mkdtemp(prefix="esb-bench-nginx-"))
    port = free_port()
    upstream = os.environ["UPSTREAM"].removeprefix("http://")
    (folder / "nginx.conf").write_text(CONFIG.format(folder=folder, upstream=upstream, port=port))
    print(f"listening on http://127.0.0.1:{port}", flush=True)
    os.execvp("nginx", ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")])
