"""The pages of this stage. The pages of an integration as a whole belong to the stage `actions`."""

from django.urls import include, path

from integrations import template_views, views
from integrations.wizard import views as wizard

wizard.register()

urlpatterns = [
    path("", include("integrations.organizations.urls")),
    path("", include("integrations.access.urls")),
    path("", include("integrations.sharing.urls")),
    path("integrations/", views.index, name="integration-list"),
    path("integrations/requests/", views.requests, name="install-request-list"),
    path("integrations/requests/<uuid:pk>/decide/", views.decide, name="install-request-decide"),
    path("integrations/new/", wizard.new, name="integration-new"),
    path("integrations/templates/", template_views.index, name="template-list"),
    path("integrations/templates/<path:key>/", template_views.detail, name="template-detail"),
    path("integrations/<str:slug>/edit/<slug:step>/", wizard.step, name="wizard-step"),
    path("integrations/<str:slug>/ask/", views.ask, name="integration-ask"),
    path("integrations/<str:slug>/icon.svg", views.icon, name="integration-icon"),
    path("integrations/<str:slug>/status/", views.status, name="integration-status"),
    path("integrations/<str:slug>/discard/", views.discard, name="integration-discard"),
    path("integrations/<str:slug>/delete/", views.delete, name="integration-delete"),
]
