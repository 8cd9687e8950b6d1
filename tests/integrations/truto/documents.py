"""The document of seed 003, field by field, with the servers of a test in it."""

from __future__ import annotations

import copy
from typing import Any

SMALL: dict[str, Any] = {
    "base_url": "https://my-crm.example.com/api",
    "label": "My CRM",
    "credentials": {
        "api_key": {"format": "api_key", "config": {"fields": [{"name": "api_key", "label": "API Key", "type": "password"}]}},
    },
}

BEARER: dict[str, Any] = {"format": "bearer", "config": {"token": "{{oauth.token.access_token}}"}}
PAGES: dict[str, Any] = {"format": "page", "config": {"page_key": "page", "limit_key": "per_page"}}
LIMIT: dict[str, Any] = {
    "is_rate_limited": True,
    "retry_after_header_expression": "Retry-After",
    "rate_limit_header_expression": "X-RateLimit-Remaining",
}
WHOLE: dict[str, Any] = {
    "base_url": "https://api.example.com",
    "label": "Example API Integration",
    "logo": "https://example.com/logo.png",
    "icon": "https://example.com/icon.png",
    "headers": {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "truto"},
    "query": {"search": "{{search_query}}", "filter": "{{filter_criteria}}"},
    "query_array_format": "comma",
    "actions": {
        "sync_users": {
            "type": "request",
            "config": {
                "method": "post",
                "path": "/sync/users",
                "headers": {"Authorization": "Bearer {{oauth.token.access_token}}"},
                "body": {"users": "{{context.users}}"},
            },
        }
    },
    "credentials": {
        "oauth2": {
            "format": "oauth2",
            "config": {
                "client": {"id": "your-client-id", "secret": "your-client-secret"},
                "auth": {"tokenHost": "https://auth.example.com", "tokenPath": "/oauth/token", "refreshPath": "/oauth/refresh"},
                "options": {"scopeSeparator": " ", "authorizationMethod": "header", "bodyFormat": "form"},
                "fields": [
                    {"name": "client_id", "label": "Client ID", "type": "text", "required": True},
                    {"name": "client_secret", "label": "Client Secret", "type": "password", "required": True},
                ],
                "tokenParams": {"grant_type": "client_credentials"},
                "refreshParams": {"grant_type": "refresh_token"},
                "tokenExpiryDuration": "3600",
            },
        }
    },
    "authorization": BEARER,
    "pagination": PAGES,
    "rate_limit": LIMIT,
    "resources": {
        "users": {
            "list": {
                "method": "get",
                "path": "/users",
                "response_path": "data.users",
                "headers": {"Authorization": "Bearer {{oauth.token.access_token}}"},
                "query": {"page": "{{pagination.page}}", "per_page": "{{pagination.per_page}}"},
                "pagination": PAGES,
                "authorization": BEARER,
                "rate_limit": LIMIT,
                "examples": {"response": '{"data": {"users": [{"id": "123e4567-e89b-12d3-a456-426614174000", "name": "John Doe"}]}}\n'},
            }
        },
        "orders": {
            "create": {
                "method": "post",
                "path": "/orders",
                "body": {"user_id": "{{context.user_id}}", "items": "{{context.items}}"},
                "response_path": "data.order",
                "headers": {"Authorization": "Bearer {{oauth.token.access_token}}"},
                "authorization": BEARER,
            }
        },
    },
    "webhook": {
        "signature_verification": {
            "format": "HMAC-SHA256",
            "config": {"secret": "your-webhook-secret", "algorithm": "sha256", "parts": ["header", "body"]},
        },
        "handle_verification": "verify_webhook_signature",
    },
    "error_expression": "{{response.error}}",
}


def whole(**changed: Any) -> dict[str, Any]:
    """A copy of the whole document with some members replaced."""
    return {**copy.deepcopy(WHOLE), **changed}


def at(server: str) -> dict[str, Any]:
    """The whole document for an API and a token endpoint at one address."""
    found = whole(base_url=server)
    found["credentials"]["oauth2"]["config"]["auth"]["tokenHost"] = server
    return found


def masked(config: dict[str, Any]) -> dict[str, Any]:
    found = copy.deepcopy(config)
    found["credentials"]["oauth2"]["config"]["client"]["secret"] = "•••"
    found["webhook"]["signature_verification"]["config"]["secret"] = "•••"
    return found
