"""Shares and owner of an integration, teams of an organization."""

from django.urls import path

from integrations.sharing import pages, team_pages

urlpatterns = [
    path("integrations/<str:slug>/shares/", pages.shares, name="integration-shares"),
    path("integrations/<str:slug>/shares/<str:principal>/", pages.level, name="integration-share"),
    path("integrations/<str:slug>/transfer/", pages.transfer, name="integration-transfer"),
    path("organizations/<slug:slug>/teams/", team_pages.index, name="team-list"),
    path("organizations/<slug:slug>/teams/<slug:team>/", team_pages.detail, name="team-detail"),
    path("organizations/<slug:slug>/teams/<slug:team>/delete/", team_pages.delete, name="team-delete"),
]
