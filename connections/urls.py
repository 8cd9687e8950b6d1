"""Pages of this stage."""

from django.urls import path

from connections import log_pages, pages
from connections.agents import endpoint
from connections.agents import pages as agent_pages
from connections.client import CALLBACK_PATH
from connections.tokens import pages as token_pages
from connections.webhooks import door, endpoints
from connections.webhooks import pages as webhook_pages

urlpatterns = [
    path("integrations/<slug:slug>/connect/", pages.connection_new, name="connection-new"),
    path("integrations/<slug:slug>/connect/try/", pages.connection_try, name="connection-try"),
    path("integrations/<slug:slug>/uninstall/", pages.uninstall, name="integration-uninstall"),
    path("connections/", pages.connection_list, name="connection-list"),
    path("connections/<uuid:pk>/", pages.connection_detail, name="connection-detail"),
    path("connections/<uuid:pk>/test/", pages.connection_test, name="connection-test"),
    path("connections/<uuid:pk>/default/", pages.connection_make_default, name="connection-default"),
    path("connections/<uuid:pk>/debug/", log_pages.debug, name="connection-debug"),
    path("requests/", log_pages.request_list, name="request-list"),
    path("requests/<int:pk>/", log_pages.request_detail, name="request-detail"),
    path("connections/<uuid:pk>/authorize/", token_pages.authorize, name="connection-authorize"),
    path("connections/<uuid:pk>/renew/", token_pages.renew, name="connection-renew"),
    path("connections/<uuid:pk>/clear/", token_pages.clear, name="connection-clear"),
    path("connections/<uuid:pk>/disconnect/", token_pages.disconnect, name="connection-disconnect"),
    path("connections/<uuid:pk>/agree/", token_pages.agree, name="connection-agree"),
    path(CALLBACK_PATH, token_pages.callback, name="oauth2-callback"),
    path("connections/<uuid:pk>/delete/", pages.connection_delete, name="connection-delete"),
    path(f"{endpoints.PATH}/<str:token>", door.hook, name="webhook-door"),
    path("connections/<uuid:pk>/webhooks/secret/", webhook_pages.secret, name="connection-webhook-secret"),
    path("connections/<uuid:pk>/webhooks/forward/secret/", webhook_pages.forward_secret, name="connection-webhook-forward-secret"),
    path("connections/<uuid:pk>/webhooks/address/", webhook_pages.new_address, name="connection-webhook-address"),
    path("connections/<uuid:pk>/webhooks/close/", webhook_pages.close, name="connection-webhook-close"),
    path("webhooks/<uuid:pk>/", webhook_pages.event_detail, name="webhook-event"),
    path("webhooks/<uuid:pk>/body", webhook_pages.event_body, name="webhook-event-body"),
    path("webhooks/<uuid:pk>/redeliver/", webhook_pages.redeliver, name="webhook-event-redeliver"),
    path("agents/", agent_pages.agent_list, name="agent-list"),
    path("agents/new/", agent_pages.agent_new, name="agent-new"),
    path("agents/junction-agent.pyz", agent_pages.program, name="agent-program"),
    path("agents/<uuid:pk>/", agent_pages.agent_edit, name="agent-edit"),
    path("agents/<uuid:pk>/delete/", agent_pages.agent_delete, name="agent-delete"),
    path("agents/<uuid:pk>/code/", agent_pages.agent_code, name="agent-code"),
    path("agents/machines/<uuid:pk>/revoke/", agent_pages.agent_revoke, name="agent-revoke"),
    path("agent/v1/enrol", endpoint.enrol, name="agent-enrol"),
    path("agent/v1/poll", endpoint.poll, name="agent-poll"),
    path("agent/v1/beat", endpoint.beat, name="agent-beat"),
    path("agent/v1/begin", endpoint.begin, name="agent-begin"),
    path("agent/v1/part", endpoint.part, name="agent-part"),
    path("agent/v1/room", endpoint.room, name="agent-room"),
]
