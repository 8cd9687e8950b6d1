"""The vendor's OpenAPI 3.0 document, built from the same lists and limits that the code uses."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from demo.vendor import data, oauth, paging
from demo.vendor.access import HEADER
from demo.vendor.web import FORM_TYPE

TITLE = "Sample Vendor"
DESCRIPTION = (
    "Devices, tickets, sites, alerts, invoices and tags of a company that does not exist. "
    f"Every endpoint takes an API key (header {HEADER}, query parameter or cookie api_key, or Authorization: Token), Basic or Bearer credentials. "
    f"A page has at most {paging.MAX_PAGE_SIZE} records, whatever size is asked for."
)
JSON = "application/json"
Node = dict[str, Any]


# --- schemas --------------------------------------------------------------------------------------------------------


def _text(description: str = "", **more: Any) -> Node:
    return {"type": "string", **({"description": description} if description else {}), **more}


def _integer(description: str = "", **more: Any) -> Node:
    return {"type": "integer", **({"description": description} if description else {}), **more}


def _moment(description: str, **more: Any) -> Node:
    return _text(description, format="date-time", **more)


def _array(items: Node) -> Node:
    return {"type": "array", "items": items}


def _object(properties: Node, *, required: Iterable[str] | None = None) -> Node:
    """An object; all its properties are required unless a list says which."""
    names = list(properties if required is None else required)
    return {"type": "object", **({"required": names} if names else {}), "properties": properties}


def _ref(name: str) -> Node:
    return {"$ref": f"#/components/schemas/{name}"}


_DEVICE_INPUT: Node = {
    "name": _text("Name as shown in lists.", minLength=1, maxLength=100),
    "kind": _text("Kind of device.", enum=list(data.KINDS)),
    "status": _text("What the device was when it was last heard of.", enum=list(data.DEVICE_STATUSES)),
    "site_id": _integer("Site where the device stands.", minimum=1, maximum=data.COUNTS["sites"]),
    "tags": _array(_text()),
}

_SCHEMAS: Node = {
    "Device": _object(
        {
            "id": _integer("Number of the device."),
            "serial": _text("Serial number, empty if unknown."),
            **_DEVICE_INPUT,
            "ip_address": _text("IPv4 address.", format="ipv4", nullable=True),
            "firmware": _text("Version of the firmware."),
            "last_seen": _moment("When the device was last heard of.", nullable=True),
        }
    ),
    "DeviceInput": _object(_DEVICE_INPUT, required=["name", "kind", "site_id"]),
    "DeviceChanges": _object(_DEVICE_INPUT, required=()),
    "Ticket": _object(
        {
            "id": _integer("Number of the ticket."),
            "number": _text("Number as written on paper."),
            "subject": _text("What is wrong."),
            "priority": _text("How soon it matters.", enum=list(data.PRIORITIES)),
            "state": _text("How far it is.", enum=list(data.TICKET_STATES)),
            "device_id": _integer("Device that the ticket is about."),
            "labels": _array(_text()),
            "opened_at": _moment("When the ticket was opened."),
            "closed_at": _moment("When the ticket was closed.", nullable=True),
        }
    ),
    "TicketInput": _object(
        {
            "subject": _text("What is wrong.", minLength=1),
            "device_id": _integer("Device that the ticket is about."),
            "priority": _text("How soon it matters.", enum=list(data.PRIORITIES), default="normal"),
            "labels": _array(_text()),
        },
        required=["subject", "device_id"],
    ),
    "Site": _object(
        {
            "id": _integer("Number of the site."),
            "code": _text("Short code."),
            "name": _text("Name."),
            "region": _text("Region.", enum=list(data.REGIONS)),
            "floors": _integer("Number of floors."),
            "position": _object({"latitude": {"type": "number"}, "longitude": {"type": "number"}}),
        }
    ),
    "Alert": _object(
        {
            "id": _text("Id of the alert."),
            "device_id": _integer("Device that raised the alert."),
            "severity": _text("How bad it is.", enum=list(data.SEVERITIES)),
            "message": _text("What happened."),
            "acknowledged": {"type": "boolean", "description": "Whether anybody has taken note."},
            "raised_at": _moment("When the alert was raised."),
        }
    ),
    "Invoice": _object(
        {
            "id": _text("Id of the invoice."),
            "site_id": _integer("Site that the invoice is for."),
            "month": _text("Month that the invoice covers, YYYY-MM."),
            "currency": _text("Currency, ISO 4217.", enum=list(data.CURRENCIES)),
            "state": _text("How far it is.", enum=list(data.INVOICE_STATES)),
            "lines": _array(_object({"description": _text(), "quantity": _integer(), "unit_price": {"type": "number"}})),
            "total": {"type": "number", "description": "Sum of all lines."},
        }
    ),
    "Tag": _object({"id": _integer("Number of the tag."), "name": _text("Name."), "color": _text("Color in lists.")}),
    "Attachment": _object(
        {
            "device_id": _integer("Device that the file belongs to."),
            "file_name": _text("Name of the file."),
            "content_type": _text("Media type of the file."),
            "size": _integer("Size in bytes."),
            "sha256": _text("SHA-256 of the content, hexadecimal."),
            "description": _text("What the file shows."),
        }
    ),
    "Account": _object(
        {
            "account": _text("Name of the account."),
            "collections": {"type": "object", "additionalProperties": _integer("Number of records.")},
        }
    ),
    "DevicePage": _object(
        {
            "items": _array(_ref("Device")),
            "page": _integer("This page."),
            "page_size": _integer("Records on a full page."),
            "page_count": _integer("Number of pages."),
            "total": _integer("Number of records on all pages."),
        }
    ),
    "TicketPage": _object(
        {
            "results": _array(_ref("Ticket")),
            "offset": _integer("Records before this page."),
            "limit": _integer("Records on a full page."),
            "count": _integer("Number of records on all pages."),
        }
    ),
    "AlertPage": _object(
        {
            "data": _array(_ref("Alert")),
            "links": _object(
                {
                    "self": _text("This page.", format="uri"),
                    "next": _text("The next page, null on the last one.", format="uri", nullable=True),
                }
            ),
        }
    ),
    "InvoicePage": _object(
        {
            "data": _array(_ref("Invoice")),
            "next_cursor": _text("Send it as cursor to get the next page; null on the last one.", nullable=True),
        }
    ),
    "Error": _object(
        {
            "error": _object(
                {
                    "code": _text("For programs."),
                    "message": _text("For people."),
                    "fields": {"type": "object", "additionalProperties": _text()},
                },
                required=["code", "message"],
            )
        }
    ),
}


# --- parameters -----------------------------------------------------------------------------------------------------


def _query(name: str, description: str, schema: Node, **more: Any) -> Node:
    return {"name": name, "in": "query", "description": description, "schema": schema, **more}


def _size(name: str) -> Node:
    limits = {"minimum": 1, "maximum": paging.MAX_PAGE_SIZE, "default": paging.DEFAULT_PAGE_SIZE}
    return _query(name, f"Records on a page, at most {paging.MAX_PAGE_SIZE}.", {"type": "integer", **limits})


_PAGE = _query("page", "Number of the page, from 1.", {"type": "integer", "minimum": 1, "default": 1})
_OFFSET = _query("offset", "Records to skip.", {"type": "integer", "minimum": 0, "default": 0})
_CURSOR = _query("cursor", "next_cursor of the page before; leave it out for the first page.", {"type": "string"})
_LINK_STYLE = _query(
    "link_style", "Whether links hold scheme and host.", {"type": "string", "enum": ["absolute", "relative"], "default": "absolute"}
)
_DEVICE_ID = {"name": "id", "in": "path", "required": True, "description": "Number of the device.", "schema": {"type": "integer"}}
_SEARCH = [
    _query("kind", "Kinds of device, any of them.", _array({"type": "string", "enum": list(data.KINDS)}), style="form", explode=True),
    _query("status", "Statuses, any of them.", _array({"type": "string", "enum": list(data.DEVICE_STATUSES)}), style="form", explode=False),
    _query("tag", "Names of tags, any of them.", _array({"type": "string"}), style="pipeDelimited", explode=False),
    _query("site_id[]", "Numbers of sites, any of them.", _array({"type": "integer"}), style="form", explode=True),
]


# --- operations -----------------------------------------------------------------------------------------------------


def _errors(*statuses: int) -> Node:
    texts = {
        401: "Credentials are missing or wrong.",
        403: "The credentials lack the permission.",
        404: "There is no such record.",
        422: "Some values are wrong.",
    }
    return {str(status): {"description": texts[status], "content": {JSON: {"schema": _ref("Error")}}} for status in statuses}


def _operation(
    operation_id: str,
    summary: str,
    tag: str,
    *,
    answer: Node | None,
    status: int = 200,
    parameters: list[Node] | None = None,
    body: tuple[str, Node] | None = None,
    headers: Node | None = None,
    errors: tuple[int, ...] = (),
    scope: str = "",
) -> Node:
    success: Node = {"description": "Done." if answer is None else "The answer."}
    if headers:
        success["headers"] = headers
    if answer is not None:
        success["content"] = {JSON: {"schema": answer}}
    operation: Node = {"operationId": operation_id, "summary": summary, "tags": [tag]}
    if parameters:
        operation["parameters"] = parameters
    if body:
        operation["requestBody"] = {"required": True, "content": {body[0]: {"schema": body[1]}}}
    if scope:
        operation["security"] = _security(scope)
    return {**operation, "responses": {str(status): success, **_errors(401, *errors)}}


def _security(scope: str) -> list[Node]:
    return [{"apiKey": []}, {"basic": []}, {"bearer": []}, {"oauth2": [scope]}]


_LINK_HEADERS: Node = {
    "Link": {"description": "URLs of the first, previous, next and last page, RFC 8288.", "schema": {"type": "string"}},
    "X-Total-Count": {"description": "Number of records on all pages.", "schema": {"type": "integer"}},
}
_UPLOAD = _object({"file": _text("The file.", format="binary"), "description": _text("What the file shows.")}, required=["file"])

_PATHS: Node = {
    "/me": {"get": _operation("getMe", "Show who is calling", "Account", answer=_ref("Account"))},
    "/devices": {
        "get": _operation(
            "listDevices", "List devices", "Devices", answer=_ref("DevicePage"), parameters=[_PAGE, _size("page_size")], errors=(422,)
        ),
        "post": _operation(
            "createDevice", "Create a device", "Devices", answer=_ref("Device"), status=201,
            body=(JSON, _ref("DeviceInput")), errors=(403, 422), scope="write",
        ),
    },
    "/devices/search": {
        "get": _operation(
            "searchDevices", "Search devices", "Devices", answer=_ref("DevicePage"),
            parameters=[*_SEARCH, _PAGE, _size("page_size")], errors=(422,),
        )
    },
    "/devices/{id}": {
        "parameters": [_DEVICE_ID],
        "get": _operation("getDevice", "Show a device", "Devices", answer=_ref("Device"), errors=(404,)),
        "patch": _operation(
            "updateDevice", "Change a device", "Devices", answer=_ref("Device"),
            body=(JSON, _ref("DeviceChanges")), errors=(403, 404, 422), scope="write",
        ),
        "delete": _operation("deleteDevice", "Delete a device", "Devices", answer=None, status=204, errors=(403, 404), scope="write"),
    },
    "/devices/{id}/attachments": {
        "parameters": [_DEVICE_ID],
        "post": _operation(
            "attachFile", "Attach a file to a device", "Devices", answer=_ref("Attachment"), status=201,
            body=("multipart/form-data", _UPLOAD), errors=(403, 404, 422), scope="write",
        ),
    },
    "/tickets": {
        "get": _operation(
            "listTickets", "List tickets", "Tickets", answer=_ref("TicketPage"), parameters=[_OFFSET, _size("limit")], errors=(422,)
        ),
        "post": _operation(
            "createTicket", "Open a ticket", "Tickets", answer=_ref("Ticket"), status=201,
            body=(FORM_TYPE, _ref("TicketInput")), errors=(403, 422), scope="write",
        ),
    },
    "/sites": {
        "get": _operation(
            "listSites", "List sites", "Sites", answer=_array(_ref("Site")),
            parameters=[_PAGE, _size("per_page")], headers=_LINK_HEADERS, errors=(422,),
        )
    },
    "/alerts": {
        "get": _operation(
            "listAlerts", "List alerts", "Alerts", answer=_ref("AlertPage"),
            parameters=[_PAGE, _size("per_page"), _LINK_STYLE], errors=(422,),
        )
    },
    "/invoices": {
        "get": _operation(
            "listInvoices", "List invoices", "Invoices", answer=_ref("InvoicePage"),
            parameters=[_CURSOR, _size("limit")], errors=(403, 422), scope="billing",
        )
    },
    "/tags": {"get": _operation("listTags", "List tags", "Tags", answer=_array(_ref("Tag")))},
}  # fmt: skip


def build(*, origin: str = "") -> Node:
    """The whole document. `origin` goes before the token URL, which OpenAPI 3.0 wants absolute; "" leaves it relative."""
    flows = {"clientCredentials": {"tokenUrl": f"{origin}/oauth/token", "scopes": oauth.SCOPES}}
    tags = {
        "Account": "Who is calling.",
        "Devices": "Page by page.",
        "Tickets": "By offset.",
        "Sites": "By the Link header.",
        "Alerts": "By links in the body.",
        "Invoices": "By cursor.",
        "Tags": "All at once.",
    }
    return {
        "openapi": "3.0.3",
        "info": {"title": TITLE, "version": "1.0.0", "description": DESCRIPTION},
        "servers": [{"url": "/v1"}],
        "security": _security("read"),
        "tags": [{"name": name, "description": description} for name, description in tags.items()],
        "paths": _PATHS,
        "components": {
            "securitySchemes": {
                "apiKey": {"type": "apiKey", "in": "header", "name": HEADER, "description": "The key of your account."},
                "basic": {"type": "http", "scheme": "basic", "description": "User name and password of your account."},
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A token that does not expire, or one from the token endpoint.",
                },
                "oauth2": {"type": "oauth2", "description": "Client credentials.", "flows": flows},
            },
            "schemas": _SCHEMAS,
        },
    }
