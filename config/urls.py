"""Every address of the project, stage by stage."""

from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

urlpatterns: list[URLPattern | URLResolver] = [
    path("", RedirectView.as_view(pattern_name="integration-list"), name="home"),
    path("api/", include("actions.api.urls")),
    path("api/", include("connections.api.urls")),
    path("api/", include("integrations.api.urls")),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
    path("o/", include("oauth2_provider.urls", namespace="oauth2_provider")),
]
