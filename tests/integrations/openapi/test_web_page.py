"""Documentation pages of the usual tools, and where they say that the description is."""

from __future__ import annotations

import pytest

from integrations.openapi.web_page import links, usual_places

PAGE = "https://docs.example.com/api/reference/index.html"
HERE = "https://docs.example.com/api/reference/"


@pytest.mark.parametrize(
    ("text", "documents"),
    [
        ("<redoc spec-url='../openapi.yaml'></redoc>", ["https://docs.example.com/api/openapi.yaml"]),
        ('<redoc spec-url="/schema?a=1&amp;b=2"></redoc>', ["https://docs.example.com/schema?a=1&b=2"]),
        ('<script>Redoc.init("api-v2.json", {}, el)</script>', [f"{HERE}api-v2.json"]),
        ('<rapi-doc spec-url = "v1"></rapi-doc>', [f"{HERE}v1"]),
        ('<script id="api-reference" data-url="/v1/spec"></script>', ["https://docs.example.com/v1/spec"]),
        ('<elements-api apiDescriptionUrl="https://api.example.com/d"></elements-api>', ["https://api.example.com/d"]),
        ('<div id="swagger-ui"><script>SwaggerUIBundle({ url: "/schema/", dom_id: "#x" })', ["https://docs.example.com/schema/"]),
        ('SwaggerUIBundle({urls: [{"url":"\\/a\\/v1","name":"1"},{url: \'/a/v2\'}]})', ["https://docs.example.com/a/v1", "https://docs.example.com/a/v2"]),
        ('{"configUrl":"/v3/api-docs/swagger-config","urls":[{"url":"/v3/api-docs/a","name":"a"}]}', ["https://docs.example.com/v3/api-docs/a"]),
        ('<a href="files/openapi-3.yml">Download</a>', [f"{HERE}files/openapi-3.yml"]),
        ("<a href=/swagger.json>Download</a>", ["https://docs.example.com/swagger.json"]),
        ('<link rel="manifest" href="/manifest.json"><a href="package.json">', []),
        ('<script type="application/ld+json">{"url": "https://example.com"}</script>', []),
        ('SwaggerUIBundle({url: "https://petstore.swagger.io/v2/swagger.json"})', []),
        ('<redoc spec-url="javascript:alert(1)"><redoc spec-url="http://[x"><redoc spec-url="file:///etc/passwd">', []),
        (f'<redoc spec-url="{PAGE}#operation">', []),
    ],
)  # fmt: skip
def test_page_names_its_document(text: str, documents: list[str]) -> None:
    assert links(text, PAGE).documents == documents


def test_page_names_the_scripts_that_may_name_its_document() -> None:
    text = (
        '<script src="./swagger-ui-bundle.js"></script><script src="./swagger-initializer.js" charset="UTF-8"></script>'
        '<script src="/jquery.min.js"></script><script>SwaggerUIBundle({configUrl: "/v3/api-docs/swagger-config"})</script>'
    )
    assert links(text, PAGE).settings == ["https://docs.example.com/v3/api-docs/swagger-config", f"{HERE}swagger-initializer.js"]


def test_usual_places_are_beside_the_page_and_at_the_top() -> None:
    places = usual_places("https://example.com/docs")
    assert places[:3] == [f"https://example.com/{name}" for name in ("openapi.json", "swagger.json", "openapi.yaml")]
    assert "https://example.com/docs/openapi.json" in places
    assert "https://example.com/swagger/v1/swagger.json" in places
    assert len(places) == len(set(places))


@pytest.mark.parametrize(
    "text", ['"' * 200_000, "<script " * 50_000, "url:" * 100_000, "='" * 100_000, "spec-url=" * 50_000, " " * 500_000]
)
def test_page_made_to_exhaust_time_is_read(text: str) -> None:
    assert links(text, PAGE).documents == []
