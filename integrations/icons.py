"""Icons: SVG is read, checked against what an image needs and refused with a reason if it holds more; PNG and JPEG see `pictures` (leaf)."""

from __future__ import annotations

from xml.etree.ElementTree import Element, ParseError, register_namespace, tostring

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from integrations import pictures

MAX_BYTES = 100 * 1024  # a logo as an SVG has a few kilobytes; more is a photograph in disguise
_DEEPEST = 200  # elements in one another; a drawing has a handful
MAX_UPLOAD = max(MAX_BYTES, pictures.MAX_BYTES)  # bytes that are read of an upload before its kind is known
HINT = f"SVG up to {MAX_BYTES // 1024} KB, PNG or JPEG up to {pictures.MAX_BYTES // 1024} KB"
ACCEPT = ".svg,.png,.jpg,.jpeg,image/svg+xml,image/png,image/jpeg"

_SVG = "{http://www.w3.org/2000/svg}"
_XLINK = "{http://www.w3.org/1999/xlink}"
register_namespace("", _SVG[1:-1])
register_namespace("xlink", _XLINK[1:-1])

_ELEMENTS = frozenset(
    "svg g defs title desc metadata path rect circle ellipse line polyline polygon text tspan textPath use symbol marker clipPath mask pattern "
    "linearGradient radialGradient stop style filter feBlend feColorMatrix feComponentTransfer feComposite feDropShadow feFlood feFuncA feFuncB "
    "feFuncG feFuncR feGaussianBlur feMerge feMergeNode feMorphology feOffset feTile feTurbulence switch view a".split()
)
# Programs that draw leave notes in namespaces of their own; they show nothing and are dropped.
_EDITOR_NAMESPACES = ("inkscape", "sodipodi", "adobe", "figma", "sketch", "rdf-syntax", "creativecommons", "purl.org", "boxy")


def check(data: bytes) -> str:
    """An icon as text, ready to be stored and served as an image: an SVG document, or a PNG or JPEG as a `data:` URL.

    Raises `ValueError` with a sentence.
    """
    return pictures.check(data) if pictures.kind_of(data) else check_svg(data)


def served(stored: str) -> tuple[str, bytes]:
    """Media type and bytes of what `check` gave; "" is the default icon."""
    return pictures.opened(stored) if stored.startswith("data:") else ("image/svg+xml", (stored or DEFAULT).encode())


def check_svg(data: bytes) -> str:
    """The SVG document as text, without what drawing programs leave in it.

    Raises `ValueError` with a sentence for anything that is no SVG, is too large, or could run or load something:
    scripts, event attributes, embedded pages, references to other places.
    """
    if len(data) > MAX_BYTES:
        raise ValueError(f"The icon has {len(data) // 1024} KB; the limit is {MAX_BYTES // 1024} KB. Export a simpler SVG.")
    try:
        root = fromstring(data, forbid_dtd=False)
    except DefusedXmlException:
        raise ValueError("The icon declares XML entities, which can be used for attacks. Export it again as a plain SVG.") from None
    except (ParseError, ValueError, LookupError):
        raise ValueError("The icon is neither SVG nor PNG nor JPEG. Choose a file that opens as an image in a browser.") from None
    if root.tag not in (f"{_SVG}svg", "svg"):
        raise ValueError("The icon is XML but not an SVG image. Choose a file that ends in .svg and opens as an image in a browser.")
    if root.tag == "svg":
        raise ValueError('The SVG lacks xmlns="http://www.w3.org/2000/svg", so browsers would not show it. Export it again as a plain SVG.')
    _clean(root)
    return tostring(root, encoding="unicode")


def _clean(element: Element, depth: int = 0) -> None:
    if depth > _DEEPEST:
        raise ValueError("The icon nests its elements too deeply for a drawing. Export a simpler SVG.")
    for child in list(element):
        if not isinstance(child.tag, str) or any(word in child.tag.lower() for word in _EDITOR_NAMESPACES):
            element.remove(child)
            continue
        name = child.tag.removeprefix(_SVG)
        if name == "script":
            raise ValueError("The icon holds a script. Icons are images only: remove the script element and upload it again.")
        if name not in _ELEMENTS:
            raise ValueError(f"The icon holds the element {name}, which is not a plain drawing. Remove it and upload the file again.")
        _clean(child, depth + 1)
    if element.tag == f"{_SVG}style" and _loads(element.text or ""):
        raise ValueError("The icon's style loads something from elsewhere. Remove @import and url(...) and upload it again.")
    for attribute, value in list(element.attrib.items()):
        name = attribute.removeprefix(_XLINK)
        if name.startswith("{"):
            del element.attrib[attribute]
        elif name.lower().startswith("on"):
            raise ValueError(f"The icon holds the event attribute {name}. Icons are images only: remove it and upload the file again.")
        elif (name == "href" and not value.strip().startswith("#")) or _loads(value):
            raise ValueError(
                f"The icon refers to something outside of itself ({name}). Embed it as paths, or remove it, and upload the file again."
            )


def _loads(text: str) -> bool:
    plain = text.lower().replace(" ", "").replace('"', "").replace("'", "")
    return "@import" in plain or "javascript:" in plain or ("url(" in plain and plain.count("url(") != plain.count("url(#"))


# What an integration without an icon shows: two lines that meet.
DEFAULT = (
    f'<svg xmlns="{_SVG[1:-1]}" viewBox="0 0 24 24" fill="none" stroke="#5b6478" stroke-width="2" stroke-linecap="round">'
    '<circle cx="5" cy="6" r="2.5"/><circle cx="5" cy="18" r="2.5"/><circle cx="19" cy="12" r="2.5"/><path d="M7.5 6c5 0 4 6 9 6M7.5 18c5 0 4-6 9-6"/></svg>'
)
