"""The API of this stage."""

from django.urls import path

from connections.api import agents, calling, proxy, requests, tokens, views, webhooks

urlpatterns = [
    path("requests", requests.LoggedRequestsView.as_view(), name="api-request-list"),
    path("requests/<int:pk>", requests.LoggedRequestView.as_view(), name="api-request"),
    path("connections", views.ConnectionsView.as_view(), name="api-connection-list"),
    path("connections/try", views.ConnectionTryView.as_view(), name="api-connection-try"),
    path("connections/<str:key>", views.ConnectionView.as_view(), name="api-connection"),
    path("connections/<str:key>/test", views.ConnectionTestView.as_view(), name="api-connection-test"),
    path("connections/<str:key>/events", views.ConnectionEventsView.as_view(), name="api-connection-event-list"),
    path("connections/<str:key>/webhook", webhooks.EndpointView.as_view(), name="api-webhook"),
    path("connections/<str:key>/webhook/secret", webhooks.NewSecretView.as_view(), name="api-webhook-secret"),
    path("connections/<str:key>/webhook/address", webhooks.NewAddressView.as_view(), name="api-webhook-address"),
    path("connections/<str:key>/webhook/forward-secret", webhooks.NewForwardSecretView.as_view(), name="api-webhook-forward-secret"),
    path("connections/<str:key>/webhook/events", webhooks.EventsView.as_view(), name="api-webhook-event-list"),
    path("webhooks/<str:key>", webhooks.EventView.as_view(), name="api-webhook-event"),
    path("webhooks/<str:key>/redeliver", webhooks.RedeliverView.as_view(), name="api-webhook-event-redeliver"),
    path("connections/<str:key>/authorize", tokens.AuthorizeView.as_view(), name="api-connection-authorize"),
    path("connections/<str:key>/renew", tokens.RenewView.as_view(), name="api-connection-renew"),
    path("connections/<str:key>/clear", tokens.ClearView.as_view(), name="api-connection-clear"),
    path("connections/<str:key>/disconnect", tokens.DisconnectView.as_view(), name="api-connection-disconnect"),
    path("connections/<str:key>/agree", tokens.AgreeView.as_view(), name="api-connection-agree"),
    path("connections/<str:key>/token-events", tokens.TokenEventsView.as_view(), name="api-token-event-list"),
    path("integrations/<str:key>/connections", views.UninstallView.as_view(), name="api-integration-uninstall"),
    path("integrations/<str:key>/connection", calling.OwnConnectionView.as_view(), name="api-integration-connection"),
    path("integrations/<str:key>/account", calling.AccountView.as_view(), name="api-integration-account"),
    path("integrations/<str:key>/request", proxy.ProxyView.as_view(), name="api-integration-request"),
    path("agents", agents.AgentsView.as_view(), name="api-agent-list"),
    path("agents/<str:key>", agents.AgentView.as_view(), name="api-agent"),
    path("agents/<str:key>/codes", agents.AgentCodesView.as_view(), name="api-agent-codes"),
    path("agent-machines/<str:key>", agents.AgentMachineView.as_view(), name="api-agent-machine"),
    path("integrations/<str:key>/connect", tokens.ConnectView.as_view(), name="api-integration-connect"),
]
