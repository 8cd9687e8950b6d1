"""API access: tokens, applications, consent."""

from django.urls import path

from integrations.access import metadata, pages

urlpatterns = [
    path("account/access/", pages.index, name="access"),
    path("account/access/tokens/new/", pages.token_new, name="token-new"),
    path("account/access/tokens/<uuid:pk>/revoke/", pages.token_revoke, name="token-revoke"),
    path("account/access/applications/new/", pages.application_new, name="application-new"),
    path("account/access/applications/<int:pk>/", pages.application_edit, name="application-edit"),
    path("account/access/applications/<int:pk>/secret/", pages.application_secret, name="application-secret"),
    path("account/access/applications/<int:pk>/delete/", pages.application_delete, name="application-delete"),
    path("account/access/consents/<int:pk>/withdraw/", pages.consent_withdraw, name="consent-withdraw"),
    path("o/authorize/", pages.ConsentView.as_view(), name="authorize"),
    path(".well-known/oauth-authorization-server", metadata.ServerMetadataView.as_view(), name="oauth-server-metadata"),
    path(".well-known/oauth-protected-resource", metadata.ResourceMetadataView.as_view(), name="oauth-resource-metadata"),
]
