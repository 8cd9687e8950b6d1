"""The command line: `junction-agent enrol CODE`, `run`, `check [METHOD] URL`."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
from pathlib import Path
from typing import Any

from junction_agent import VERSION, config, identity, line
from junction_agent.policy import Refused
from junction_agent.service import Agent
from junction_agent.vendor import ExchangeError, Request, Vendors

REVOKED = 3  # the exit status of an agent that Junction does not know any more; systemd does not start it again


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        settings = config.load(options.config)
        match options.command:
            case "enrol":
                return _enrol(settings, options.code)
            case "check":
                return _check(settings, options.method.upper(), options.url)
        return _run(settings)
    except (config.ConfigError, identity.IdentityError, line.LineError) as error:
        print(error, file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="junction-agent", description="Makes requests inside this network on behalf of Junction.")
    parser.add_argument("--version", action="version", version=f"junction-agent {VERSION}")
    parser.add_argument("--config", type=Path, default=Path(config.DEFAULT_FILE), help=f"the file of the agent ({config.DEFAULT_FILE})")
    commands = parser.add_subparsers(dest="command", required=True)
    enrol = commands.add_parser("enrol", help="exchange keys with Junction, once, with a code of its page Agents")
    enrol.add_argument("code")
    commands.add_parser("run", help="work until it is stopped")
    check = commands.add_parser("check", help="say whether the file lets a request pass, and whether the server answers")
    check.add_argument("url")
    check.add_argument("--method", default="GET")
    return parser


def _enrol(settings: config.Config, code: str) -> int:
    found = line.enrol(settings.server, code, proxy=settings.proxy, ca=settings.ca)
    identity.save(settings.state, found)
    print(f"Enrolled at {found.server} for the agent {found.agent}. Start it with: junction-agent run")
    return 0


def _check(settings: config.Config, method: str, url: str) -> int:
    vendors = Vendors(settings.policy, ca=settings.vendor_ca)
    request = Request(method, url, [("User-Agent", f"junction-agent/{VERSION}"), ("Accept", "*/*")], b"", has_body=False)
    try:
        targets = vendors.targets(request)
        if method not in ("GET", "HEAD"):
            print(f"{method} {request.shown} is allowed. Nothing was sent.")
            return 0
        with vendors.exchange(request, targets) as answered:
            print(f"{method} {request.shown} is allowed, and the server answered {answered.status} {answered.reason}.")
    except (Refused, ExchangeError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _run(settings: config.Config) -> int:
    logging.basicConfig(level=settings.log_level, format="%(levelname)s %(message)s", stream=sys.stderr)
    who = identity.load(settings.state, server=settings.server)
    agent = Agent(settings, who)

    def stop(*_: Any) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    logging.getLogger("junction_agent").info("Agent %s %s asks %s for work.", who.agent, VERSION, who.server)
    try:
        agent.run()
    except line.Revoked:
        print(
            "Junction does not know this agent any more: it was revoked. Enrol again with a new code, if it should work.", file=sys.stderr
        )
        return REVOKED
    except KeyboardInterrupt:
        logging.getLogger("junction_agent").info("Stopped.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
