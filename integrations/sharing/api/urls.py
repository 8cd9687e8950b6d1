"""The API of shares, owners and teams."""

from django.urls import path

from integrations.sharing.api import views

urlpatterns = [
    path("integrations/<str:key>/shares", views.SharesView.as_view(), name="api-share-list"),
    path("integrations/<str:key>/shares/<str:principal>", views.ShareView.as_view(), name="api-share"),
    path("integrations/<str:key>/owner", views.OwnerView.as_view(), name="api-owner"),
    path("organizations/<str:key>/teams", views.TeamsView.as_view(), name="api-team-list"),
    path("organizations/<str:key>/teams/<str:team>", views.TeamView.as_view(), name="api-team"),
]
