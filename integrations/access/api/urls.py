"""The API of one's own access."""

from django.urls import path

from integrations.access.api import views

urlpatterns = [
    path("me", views.MeView.as_view(), name="api-me"),
    path("tokens", views.TokensView.as_view(), name="api-token-list"),
    path("tokens/<str:key>", views.TokenView.as_view(), name="api-token"),
    path("applications", views.ApplicationsView.as_view(), name="api-application-list"),
    path("applications/<str:key>", views.ApplicationView.as_view(), name="api-application"),
    path("applications/<str:key>/secret", views.SecretView.as_view(), name="api-application-secret"),
    path("authorized-applications", views.ConsentsView.as_view(), name="api-authorized-application-list"),
    path("authorized-applications/<str:key>", views.ConsentView.as_view(), name="api-authorized-application"),
]
