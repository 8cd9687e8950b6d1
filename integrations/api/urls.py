"""The API of this stage. Paths end without a slash, as in the documents they follow."""

from django.urls import include, path

from integrations.api import gallery, requests, templates, views

urlpatterns = [
    path("", include("integrations.access.api.urls")),
    path("", include("integrations.organizations.api.urls")),
    path("", include("integrations.sharing.api.urls")),
    path("integrations", views.IntegrationsView.as_view(), name="api-integration-list"),
    path("integrations/<str:key>", views.IntegrationView.as_view(), name="api-integration"),
    path("integrations-list", gallery.GalleryView.as_view(), name="api-integration-gallery"),
    path("integrations/<str:key>/icon", views.IconView.as_view(), name="api-integration-icon"),
    path("integrations/<str:key>/install-requests", requests.AskView.as_view(), name="api-integration-ask"),
    path("install-requests", requests.InstallRequestsView.as_view(), name="api-install-request-list"),
    path("install-requests/<uuid:pk>/decision", requests.DecisionView.as_view(), name="api-install-request-decide"),
    path("integration-templates", templates.TemplatesView.as_view(), name="api-template-list"),
    path("integration-templates/<path:key>/integrations", templates.TemplateIntegrationsView.as_view(), name="api-template-integrations"),
    path("integration-templates/<path:key>", templates.TemplateView.as_view(), name="api-template"),
]
