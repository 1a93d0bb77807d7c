"""Errors of templates, known without jinja2."""


class BadTemplate(ValueError):
    """A template that cannot be used; the text says in which line, and why."""


class TemplateFailed(Exception):
    """A template that could not be rendered for one alert."""
