"""The API of this stage. Paths end without a slash, as in the documents they follow."""

from django.urls import path

from integrations.api import templates, views

urlpatterns = [
    path("integrations", views.IntegrationsView.as_view(), name="api-integration-list"),
    path("integrations/<str:key>", views.IntegrationView.as_view(), name="api-integration"),
    path("integrations/<str:key>/icon", views.IconView.as_view(), name="api-integration-icon"),
    path("integration-templates", templates.TemplatesView.as_view(), name="api-template-list"),
    path("integration-templates/<path:key>/integrations", templates.TemplateIntegrationsView.as_view(), name="api-template-integrations"),
    path("integration-templates/<path:key>", templates.TemplateView.as_view(), name="api-template"),
]
