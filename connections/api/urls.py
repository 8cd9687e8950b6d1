"""The API of this stage."""

from django.urls import path

from connections.api import views

urlpatterns = [
    path("connections", views.ConnectionsView.as_view(), name="api-connection-list"),
    path("connections/<str:key>", views.ConnectionView.as_view(), name="api-connection"),
    path("connections/<str:key>/test", views.ConnectionTestView.as_view(), name="api-connection-test"),
]
