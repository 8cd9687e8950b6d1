"""Every address of the project, stage by stage."""

from django.urls import URLPattern, URLResolver, include, path, re_path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from oauth2_provider.views import RevokeTokenView

from integrations.accounts.tokens import LimitedTokenView
from integrations.api.views import UnknownView

handler400 = "integrations.api.problems.bad_request"

urlpatterns: list[URLPattern | URLResolver] = [
    path("", RedirectView.as_view(pattern_name="integration-list"), name="home"),
    path("", include("integrations.accounts.urls")),
    path("", include("connections.urls")),
    path("", include("integrations.urls")),
    path("", include("actions.urls")),
    path("", include("actions.api.truto_urls")),
    path("api/", include("actions.api.urls")),
    path("api/", include("connections.api.urls")),
    path("api/", include("integrations.api.urls")),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="api-docs"),
    re_path("^api/", UnknownView.as_view()),
    path("o/token/", LimitedTokenView.as_view(), name="token"),
    path("o/revoke_token/", RevokeTokenView.as_view(), name="revoke-token"),
]
