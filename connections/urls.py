"""Pages of this stage."""

from django.urls import path

from connections import pages, token_pages

urlpatterns = [
    path("integrations/<slug:slug>/connect/", pages.connection_new, name="connection-new"),
    path("integrations/<slug:slug>/connect/try/", pages.connection_try, name="connection-try"),
    path("integrations/<slug:slug>/uninstall/", pages.uninstall, name="integration-uninstall"),
    path("connections/", pages.connection_list, name="connection-list"),
    path("connections/<uuid:pk>/", pages.connection_detail, name="connection-detail"),
    path("connections/<uuid:pk>/test/", pages.connection_test, name="connection-test"),
    path("connections/<uuid:pk>/default/", pages.connection_make_default, name="connection-default"),
    path("connections/<uuid:pk>/authorize/", token_pages.authorize, name="connection-authorize"),
    path("connections/<uuid:pk>/renew/", token_pages.renew, name="connection-renew"),
    path("connections/<uuid:pk>/clear/", token_pages.clear, name="connection-clear"),
    path("connections/<uuid:pk>/disconnect/", token_pages.disconnect, name="connection-disconnect"),
    path("connections/<uuid:pk>/agree/", token_pages.agree, name="connection-agree"),
    path("oauth2/callback", token_pages.callback, name="oauth2-callback"),
    path("connections/<uuid:pk>/delete/", pages.connection_delete, name="connection-delete"),
]
