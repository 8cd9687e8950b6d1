"""What to do about a call that failed: the commonest causes by name, and a sentence for each (leaf)."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit

from connections.exchange import Answer, may_carry_credentials

SKEW: Final = 300  # seconds by which clocks may differ; most signatures are taken for five minutes
# What Go, nginx, Apache and Tomcat say to plain http on a port for TLS.
_WANTS_TLS: Final = re.compile(
    r"(?i)HTTP request (?:was sent )?to (?:an )?HTTPS|plain HTTP to an SSL-enabled|combination of host and port requires TLS"
)
_SIGN_IN: Final = ("login", "signin", "sign-in", "sign_in", "sso", "saml", "authorize", "auth/", "oauth", "account/logon", "idp")

ADVICE: Final[dict[str, str]] = {
    # The way there.
    "dns": "Compare the host with the vendor's documentation, letter by letter. A name that only your own network knows cannot be found from here.",
    "refused": "Nothing listens there. Check the port, whether the server runs, and whether it listens on this network.",
    "connect_timeout": "Most often a firewall drops what Junction sends. Have the address of Junction's server allowed, or check host and port.",
    "read_timeout": "The server took the request and did not answer. Choose a smaller request for the test, or try again when it is less busy.",
    "deadline": "The answer takes too long as a whole. Choose a request for the test that answers with little, such as /me.",
    "closed_cut": "The answer broke off in the middle: the server, or a proxy or firewall on the way, ended it. Test again; if it stays, show the vendor this answer.",
    "closed": "The server hung up. Check whether the port expects https, and whether a firewall in between ends connections.",
    "malformed_https": "The port expects https. Enter the address with https://, or the port for plain http.",
    "malformed": "What answers there is no HTTP server. Check the port.",
    "too_large": "Choose a request for the test that answers with little, such as /me.",
    "address": "Junction does not call private networks by itself. Its operator can allow one with EGRESS_ALLOW.",
    "plain_http": "Enter the address with https://. Its operator can allow plain http to a network with EGRESS_ALLOW.",
    "invalid": "Check host, path and headers for blanks and control characters.",
    "redirects": "The server sends calls in a circle. Compare host, path and http or https with the vendor's documentation.",
    "redirect_elsewhere": "Enter the address to which the server redirects, if it is the vendor's: credentials do not follow to another host.",
    "proxy": "Check the address of the proxy, and whether its rules allow this host and port.",
    "proxy_credentials": "Enter the user name and the password of the proxy again.",
    "no_agent": "Start the agent on its machine, or look at the page Agents for when it was last seen.",
    "agent_refused": "Whoever runs the agent adds the host to the list in its file; nothing else can open the way.",
    "agent_lost": "Look at the page Agents whether the agent is online, and at its machine's network; then test again.",
    # TLS.
    "tls": "Check that host and port are those of the API; the server broke off while the encryption was agreed upon.",
    "tls_expired": "The vendor has to renew the certificate. Until then nothing can be sent safely.",
    "tls_not_yet_valid": "Compare the clock of Junction's server with the right time; if it is right, the vendor's certificate starts later.",
    "tls_wrong_name": "Use the host name for which the certificate is made; it often stands in the vendor's documentation, and never is an IP address.",
    "tls_self_signed": "If the server is your own, enter its certificate under Network as a certificate authority to trust.",
    "tls_unknown_authority": "If a company's own authority signed the certificate, enter that authority's certificate under Network. Otherwise the server lacks its intermediate certificate.",
    "tls_untrusted": "Ask the server's operator for a certificate from a public authority, or enter theirs under Network.",
    "tls_not_spoken": "The port answers, but without TLS. Check the port, or whether the API is reached by http://.",
    "tls_version": "The server speaks only old versions of TLS. Have it updated, or lower the smallest version under Network.",
    "tls_client_certificate": "Enter the client certificate that the vendor gave you, with its key, under Network.",
    "tls_authority": "Enter the certificate of the authority in PEM form, from -----BEGIN CERTIFICATE----- on.",
    # What the vendor answered.
    "400": "Compare method, path, parameters and body of the test with the vendor's documentation.",
    "401": "Enter the credentials again, without blanks round them. If they are right, the integration may send them in another place than the vendor wants.",
    "403": "Give the account the permission or scope at the vendor. If it has both, the vendor may refuse Junction's address: allow it there.",
    "404": "The path of the test does not exist below the base URI. Look for a version such as /v1 that is missing or there twice.",
    "405": "Choose the method for the test that the vendor's documentation names for this path.",
    "406": "Set an Accept header, or another format for answers, as the vendor's documentation says.",
    "407": "A proxy on the way asks for credentials. Enter them under Network, or ask whoever runs the network.",
    "408": "The server gave up waiting. Try again; if it stays, tell the vendor.",
    "410": "This address of the API has been switched off. Look in the vendor's documentation for its successor.",
    "415": "Set the format of requests as the vendor's documentation says; it wants another Content-Type.",
    "429": "The credentials may well be right. Wait as long as the vendor asks, then test again.",
    "5xx": "The fault is the vendor's. Look at its status page, and try again later.",
    "html": "A page for people came. The base URI is probably that of the website; that of the API often begins with api. or ends in /api.",
    "login_redirect": "The vendor sent the call to its sign-in page: the credentials were not taken for an API call, or the address is that of the website.",
    "media_type": "The answer is in another format than expected. Set the format of answers, or an Accept header that asks for the right one.",
    "invalid_json": "The answer calls itself JSON and is none. Its beginning stands below; compare path and Accept header with the vendor's documentation.",
    "empty": "The server answered with nothing. Choose a request for the test that answers with data.",
    "clock": "The clocks of both servers differ, and signed requests and tokens are refused then. Set the clock of Junction's server by NTP.",
    "success_path": "The vendor answered, but not what the test expects. Compare the success path and its values with the answer.",
    "fail_path": "The vendor answered with a sign of failure. What it said tells what to correct.",
    "rule": "A rule of the integration says that this answer is a failure. What the vendor said tells what to correct.",
    # Before anything was sent.
    "token": "Check client ID, client secret and the token URL; the events of the token below say what the vendor answered.",
    "reauthorize": "Press Reconnect, or enter the credentials anew.",
}  # fmt: skip


def advice_for(cause: str) -> str:
    """The sentence for a cause, that of its kind where there is none for its detail, "" for an unknown one."""
    return ADVICE.get(cause) or ADVICE.get(cause.partition("_")[0], "")


def cause_of(answer: Answer, *, asked: str, now: datetime) -> str:
    """The cause by which an answer fails, as in ADVICE; "" for one that says nothing of the kind. `asked` is the URL of the request."""
    if answer.status == 400 and _WANTS_TLS.search(answer.text[:2000]):
        return "malformed_https"
    if is_page(answer):
        return (
            "login_redirect" if _is_sign_in(answer.url) and answer.url != asked else "html" if answer.status < 400 else _by_status(answer)
        )
    if answer.status in (401, 403) and not may_carry_credentials(answer.url, asked):
        return "redirect_elsewhere"
    if answer.status in (400, 401, 403) and abs(skew_of(answer, now)) > SKEW:
        return "clock"
    return _by_status(answer)


def is_page(answer: Answer) -> bool:
    """Whether the answer is a web page, whatever it calls itself."""
    start = answer.body[:200].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return answer.content_type in ("text/html", "application/xhtml+xml") or start.startswith((b"<!doctype html", b"<html"))


def skew_of(answer: Answer, now: datetime) -> float:
    """Seconds by which the server's clock is ahead, by its Date header; 0 where it has none. A cache's answer says nothing."""
    if answer.headers.get("Age"):
        return 0.0
    try:
        moment = parsedate_to_datetime(answer.headers.get("Date"))
    except (ValueError, TypeError):
        return 0.0
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now).total_seconds()


def _is_sign_in(url: str) -> bool:
    parts = urlsplit(url)
    text = f"{parts.netloc}{parts.path}".lower()
    return any(word in text for word in _SIGN_IN)


def _by_status(answer: Answer) -> str:
    if answer.status < 400:
        return ""
    if answer.status == 422:
        return "400"
    if answer.status in (420, 509):
        return "429"
    return "5xx" if answer.status >= 500 else str(answer.status)
