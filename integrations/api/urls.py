"""The API of this stage. Paths end without a slash, as in the documents they follow."""

from django.urls import path

from integrations.api import views

urlpatterns = [
    path("integrations", views.IntegrationsView.as_view(), name="api-integration-list"),
    path("integrations/<str:key>", views.IntegrationView.as_view(), name="api-integration"),
    path("integrations/<str:key>/icon", views.IconView.as_view(), name="api-integration-icon"),
]
