"""What templates need to look right: icons, fields, navigation, and values as people write them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django import forms, template
from django.template import Context
from django.urls import NoReverseMatch, reverse
from django.utils.html import strip_tags
from django.utils.safestring import SafeString, mark_safe
from django.utils.timesince import timesince
from lucide.templatetags.lucide import lucide

from integrations import json_text
from integrations.organizations.choices import offered
from integrations.widgets import ChoiceCards, DropZone

# What every token has (actions/pagination.py); the rest tells pages apart.
_COUNTS_OF_TOKENS = frozenset({"number", "size", "received", "largest", "total"})

# Markdown: a link or a picture; emphasis, code, and what begins a heading or a quotation.
_LINK = re.compile(r"!?\[([^\[\]]*)\]\([^()\s]*\)")
_MARKS = re.compile(r"\*\*|__|`|^[ \t]*(?:#{1,6}|>)[ \t]+", re.MULTILINE)

register = template.Library()


@register.simple_tag
def icon(name: str, size: int = 16, label: str = "") -> SafeString:
    """An icon of lucide, `size` pixels wide. Without a label it is an ornament that screen readers pass over."""
    said = {"role": "img", "aria_label": label} if label else {"aria_hidden": "true"}
    return mark_safe(lucide(name, size=size, **said))  # noqa: S308 - a drawing of the package; it escapes the attributes


@register.inclusion_tag("partials/field.html")
def field(field: forms.BoundField, **options: Any) -> dict[str, Any]:
    """One form field: `{% field form.host prefix="https://" %}`. The options are those of partials/field.html."""
    return {"field": field, **options}


@register.filter
def kind(field: forms.BoundField) -> str:
    """How a field is drawn: hidden, cards, radio, checkboxes, checkbox, dropzone or input."""
    match field.field.widget:
        case widget if widget.is_hidden:
            return "hidden"
        case ChoiceCards():
            return "cards"
        case forms.CheckboxSelectMultiple():
            return "checkboxes"
        case forms.RadioSelect():
            return "radio"
        case forms.CheckboxInput():
            return "checkbox"
        case DropZone():
            return "dropzone"
    return "input"


@register.simple_tag(takes_context=True)
def my_organizations(context: Context) -> dict[str, Any]:
    """What the switcher offers at first: `found`, and whether there are `more`."""
    return offered(context["request"].user)


@register.inclusion_tag("partials/nav_link.html", takes_context=True)
def nav_link(context: Context, label: str, view: str, icon: str) -> dict[str, Any]:
    """A link of the left navigation, marked as current on its page and those below. Nothing where the view has no URL."""
    try:
        url = reverse(view)
    except NoReverseMatch:
        return {}
    path = context["request"].path if "request" in context else ""
    return {"label": label, "url": url, "icon": icon, "current": path == url or (url != "/" and path.startswith(url))}


@register.filter
def json_pretty(value: Any) -> str:
    """A JSON value on indented lines, in the order it has. What JSON does not know is written as text."""
    return json_text.dump(value, indent=True).decode()


@register.filter
def elapsed(value: timedelta | float | None) -> str:
    """A duration as people say it: 84 ms, 3.2 s, 4 min 5 s, 2 h 10 min. Numbers are milliseconds; None gives nothing."""
    if value is None:
        return ""
    milliseconds = value.total_seconds() * 1000 if isinstance(value, timedelta) else float(value)
    if milliseconds < 1000:
        return f"{milliseconds:.0f} ms"
    seconds = milliseconds / 1000
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


@register.filter
def ago(value: datetime | None) -> str:
    """How long ago something was, in its largest unit: just now, 4 minutes ago, 2 weeks ago. None gives nothing."""
    if value is None:
        return ""
    since = timesince(value, depth=1)
    return "just now" if since.startswith("0") else f"{since} ago"


@register.filter
def grouped(value: int | None) -> str:
    """A whole number with its thousands apart: 12,480. None gives a dash."""
    return "\N{EN DASH}" if value is None else f"{value:,}"


@register.filter
def request_target(url: str) -> str:
    """What a request asks a host for: path and query of a URL."""
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


@register.filter
def token_text(token: dict[str, Any] | None) -> str:
    """What tells a page's token from others, shortly: `page 3`; a dash where there is none, as after the last page."""
    if not token:
        return "\N{EN DASH}"
    told = [f"{name} {value}" for name, value in token.items() if name not in _COUNTS_OF_TOKENS and value not in (None, "")]
    text = ", ".join(told) or "first"
    return text if len(text) <= 60 else f"{text[:60]}…"


@register.filter
def place(pointer: str) -> str:
    """A JSON pointer as people read it: `/paths/~1users/get` is `paths > /users > get`."""
    parts = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
    return " > ".join(parts) or "the document"


@register.filter
def plain(text: str) -> str:
    """A vendor's Markdown without its marks, where a few words of it are shown: links give their text, tags and emphasis go."""
    text = _LINK.sub(r"\1", strip_tags(text))
    return _MARKS.sub("", text).strip()
