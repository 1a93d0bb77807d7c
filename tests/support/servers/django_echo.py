"""A Django application that tells each request as Django under a WSGI server sees it. Run by gunicorn."""

import base64

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import re_path


def echo(request: HttpRequest) -> HttpResponse:
    """Answer what came, under the names of RealUpstream.seen."""
    headers = {
        name.removeprefix("HTTP_").replace("_", "-").lower(): value
        for name, value in request.META.items()
        if name.startswith("HTTP_") or name in {"CONTENT_TYPE", "CONTENT_LENGTH"}
    }
    # Django itself reads no body that has no length.
    body = request.body if "CONTENT_LENGTH" in request.META else request.META["wsgi.input"].read()
    return JsonResponse(
        {
            "method": request.method,
            "path": request.path_info,
            "query": request.META["QUERY_STRING"],
            "headers": headers,
            "body": base64.b64encode(body).decode(),
            "GET": dict(request.GET.lists()),
            "POST": dict(request.POST.lists()),
        }
    )


settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, SECRET_KEY="of-nobody", DEBUG=False, USE_TZ=True)
django.setup()
urlpatterns = [re_path("", echo)]
application = get_wsgi_application()
