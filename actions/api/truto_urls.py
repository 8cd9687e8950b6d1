"""Truto's addresses; they stand at the root, as its clients have them."""

from django.urls import path

from actions.api import truto

urlpatterns = [
    path("integration", truto.TrutoListView.as_view(), name="truto-integration-list"),
    path("integration/<str:key>", truto.TrutoView.as_view(), name="truto-integration"),
]
