"""Django as the old ESB works: threads, and for every message a new connection, and a token of its own."""

import os
import sys
from typing import Any

import django
import requests
from business import JSON, PATH, SEND_URL, TOKEN_URL, Refused, envelope, message, refusal, token
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path
from gunicorn.app.base import BaseApplication

THREADS = 64


def send(request: HttpRequest) -> HttpResponse:
    try:
        body = message(request.headers["X-Bkapi-Authorization"], request.body)
    except Refused as reason:
        return HttpResponse(refusal(reason), content_type=JSON)
    url = SEND_URL + token(requests.get(TOKEN_URL, timeout=30).content)
    answer = requests.post(url, data=body, headers={"Content-Type": "application/json"}, timeout=30)
    return HttpResponse(envelope(answer.content), content_type=JSON)


urlpatterns = [path(PATH.lstrip("/"), send)]


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no annotations
    """One process of many threads, as uWSGI ran the old ESB."""

    def load_config(self) -> None:
        for name, value in {
            "bind": "127.0.0.1:0",
            "worker_class": "gthread",
            "threads": THREADS,
            "keepalive": 75,
            "when_ready": announce,
        }.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        return get_wsgi_application()


def announce(server: Any) -> None:
    print(f"listening on http://127.0.0.1:{server.LISTENERS[0].sock.getsockname()[1]}", flush=True)


if __name__ == "__main__":
    sys.modules["django_esb"] = sys.modules[__name__]
    os.environ["NO_PROXY"] = "*"
    middleware = ["django.middleware.common.CommonMiddleware", "django.middleware.security.SecurityMiddleware"]
    settings.configure(ROOT_URLCONF="django_esb", ALLOWED_HOSTS=["*"], SECRET_KEY="bench", MIDDLEWARE=middleware)
    django.setup()
    Server().run()
