"""What an agent and Junction believe, and whom: somebody sits in between and forges, repeats, holds back and exchanges."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from connections.agents import jobs, services
from connections.agents.route import Route
from connections.exchange import TransportError
from connections.models import Agent, AgentCode, AgentInstance
from connections.network import Network
from integrations.models import AuditEntry, Membership, Role
from junction_agent import line, protocol
from junction_agent.identity import Identity, IdentityError, load, save
from junction_agent.line import Forged, Line, LineError, Revoked
from tests.cast import Cast
from tests.connections.agents.middle import Middle, Passed, give, in_the_middle
from tests.connections.server import Handler

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def middle(live_server: Any) -> Iterator[Middle]:
    with in_the_middle(live_server.url) as between:
        yield between


def enrolled(agent: Agent, cast: Cast, url: str) -> Line:
    _, code = services.new_code(agent=agent, user=cast.alice)
    return Line(url, line.enrol(url, code))


def offered(agent: Agent, url: str = "http://localhost/") -> jobs.Offer:
    """A request that waits for an agent."""
    message = {"method": "GET", "url": url, "headers": [], "hasBody": False, "seconds": {}}
    return jobs.Offer(agent.pk, protocol.pack(message), safe=True)


def send(middle: Middle, one: Passed) -> tuple[int, bytes]:
    """The same bytes once more, as whoever recorded them would send them."""
    repeater = Line(middle.url, Identity(middle.url, "", "", protocol.new_key()))
    status, _, answer = repeater.post(one.path, one.body, one.headers, seconds=10)
    return status, answer


# --- enrolment --------------------------------------------------------------------------------------------------------


def test_enrolment_never_sends_the_secret_and_works_once(agent: Agent, cast: Cast, middle: Middle) -> None:
    _, code = services.new_code(agent=agent, user=cast.alice)
    name, secret = protocol.split_code(code)
    found = line.enrol(middle.url, code)
    instance = AgentInstance.objects.get()
    assert (found.instance, found.agent, found.server) == (str(instance.pk), "Head office", middle.url)
    assert (instance.agent, instance.public_key, instance.enrolled_by) == (agent, protocol.public_of(found.key), cast.alice)
    said = json.dumps([middle.passed[0].body.decode("latin-1"), middle.passed[0].answer.decode("latin-1")])
    assert (name in said, secret in said, found.key in said) == (True, False, False)
    with pytest.raises(LineError) as caught:
        line.enrol(middle.url, code)
    assert (str(caught.value), AgentInstance.objects.count()) == (services.NO_CODE, 1)
    verbs = list(AuditEntry.objects.filter(kind="agent").order_by("pk").values_list("verb", flat=True))
    assert verbs == ["created", "enrolment code made", "machine enrolled"]


def test_enrolment_code_ends(agent: Agent, cast: Cast, live_server: Any) -> None:
    row, code = services.new_code(agent=agent, user=cast.alice)
    AgentCode.objects.filter(pk=row.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(LineError, match="has ended"):
        line.enrol(live_server.url, code)
    assert AgentInstance.objects.count() == 0


def test_enrolment_code_that_is_guessed_at_is_worth_nothing_after_five_times(agent: Agent, cast: Cast, live_server: Any) -> None:
    row, code = services.new_code(agent=agent, user=cast.alice)
    for _ in range(services.MOST_FAILURES):
        with pytest.raises(LineError):
            line.enrol(live_server.url, f"{row.name}-{'A' * 32}")
    with pytest.raises(LineError):
        line.enrol(live_server.url, code)
    assert AgentInstance.objects.count() == 0


def test_nobody_can_pose_as_junction_without_the_code(agent: Agent, cast: Cast, middle: Middle) -> None:
    def other_key(handler: Handler, one: Passed) -> bool:
        meta, _ = protocol.unpack(one.answer)
        give(handler, one, body=protocol.pack({**meta, "serverKey": protocol.public_of(protocol.new_key())}))
        return True

    middle.change = other_key
    _, code = services.new_code(agent=agent, user=cast.alice)
    with pytest.raises(Forged):
        line.enrol(middle.url, code)


def test_key_of_an_agent_is_for_its_owner_only(tmp_path: Path) -> None:
    identity = Identity("https://junction.example.com", "instance", "Head office", protocol.new_key(), "server")
    save(tmp_path / "state", identity)
    file = tmp_path / "state" / "identity.json"
    assert (file.stat().st_mode & 0o777, load(tmp_path / "state", server=identity.server)) == (0o600, identity)
    assert identity.key not in repr(identity)
    file.chmod(0o640)
    with pytest.raises(IdentityError) as caught:
        load(tmp_path / "state", server=identity.server)
    assert str(caught.value) == f"{file} holds the agent's key and can be read by others. Run: chmod 600 {file}"


# --- Junction's requests ----------------------------------------------------------------------------------------------


def test_request_that_was_changed_on_the_way_is_dropped(agent: Agent, cast: Cast, middle: Middle) -> None:
    mine = enrolled(agent, cast, middle.url)
    offered(agent, "http://localhost/wanted")

    def other_url(handler: Handler, one: Passed) -> bool:
        give(handler, one, body=one.answer.replace(b"/wanted", b"/secret"))
        return True

    middle.change = other_url
    with pytest.raises(Forged, match="not signed by Junction for this question"):
        mine.ask("poll", {}, hold=1)
    assert b"/wanted" in middle.passed[-1].answer


def test_request_that_was_recorded_is_dropped_when_it_comes_again(agent: Agent, cast: Cast, middle: Middle) -> None:
    mine = enrolled(agent, cast, middle.url)
    offered(agent)
    meta, _ = mine.ask("poll", {}, hold=1)
    recorded = middle.passed[-1]
    assert (meta["method"], meta["url"]) == ("GET", "http://localhost/")

    def again(handler: Handler, _: Passed) -> bool:
        give(handler, recorded)
        return True

    middle.change = again
    with pytest.raises(Forged):
        mine.ask("poll", {}, hold=1)


def test_request_for_another_machine_is_dropped(agent: Agent, cast: Cast, middle: Middle) -> None:
    mine, other = enrolled(agent, cast, middle.url), enrolled(agent, cast, middle.url)
    offered(agent)
    mine.ask("poll", {}, hold=1)
    recorded = middle.passed[-1]

    def exchanged(handler: Handler, _: Passed) -> bool:
        give(handler, recorded)
        return True

    middle.change = exchanged
    with pytest.raises(Forged):
        other.ask("poll", {}, hold=1)


def test_request_that_was_held_back_is_dropped(agent: Agent, cast: Cast, middle: Middle, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = enrolled(agent, cast, middle.url)
    monkeypatch.setattr(line, "SECONDS", 2.0)

    def slowly(handler: Handler, one: Passed) -> bool:
        handler.send_response(one.status)
        for name, value in [*one.fields, ("Content-Length", str(len(one.answer)))]:
            handler.send_header(name, value)
        handler.end_headers()
        step = len(one.answer) // 6 + 1
        for start in range(0, len(one.answer), step):  # no single wait is long enough for a time-out
            time.sleep(0.6)
            handler.wfile.write(one.answer[start : start + step])
        return True

    middle.change = slowly
    with pytest.raises(Forged, match="too late"):
        mine.ask("beat", {"jobs": {}})


def test_agent_believes_only_junction_that_it_was_revoked(agent: Agent, cast: Cast, middle: Middle) -> None:
    mine = enrolled(agent, cast, middle.url)

    def liar(handler: Handler, one: Passed) -> bool:
        give(handler, one, body=protocol.pack({"error": "revoked"}), status=403)
        return True

    middle.change = liar
    with pytest.raises(Forged):
        mine.ask("poll", {}, hold=1)
    middle.change = None
    services.revoke(instance=AgentInstance.objects.get())
    with pytest.raises(Revoked):
        mine.ask("poll", {}, hold=1)


# --- an agent's answers -----------------------------------------------------------------------------------------------


def test_question_that_was_recorded_is_refused_when_it_comes_again(agent: Agent, cast: Cast, middle: Middle) -> None:
    mine = enrolled(agent, cast, middle.url)
    mine.ask("beat", {"jobs": {}})
    status, answer = send(middle, middle.passed[-1])
    assert (status, protocol.unpack(answer)[0]) == (401, {"error": "replayed"})


def test_question_that_was_changed_on_the_way_is_refused(agent: Agent, cast: Cast, middle: Middle) -> None:
    mine = enrolled(agent, cast, middle.url)
    mine.ask("beat", {"jobs": {}})
    one = middle.passed[-1]
    changed = Passed(one.path, one.headers, one.body.replace(b"jobs", b"sobj"), 0, [], b"")
    elsewhere = Passed(one.path.replace("beat", "poll"), one.headers, one.body, 0, [], b"")
    assert [send(middle, other)[0] for other in (changed, elsewhere)] == [401, 401]
    assert middle.passed[-1].fields == []  # whoever asked learns nothing


def test_machine_without_the_key_is_refused(agent: Agent, cast: Cast, live_server: Any) -> None:
    mine = enrolled(agent, cast, live_server.url)
    thief = Line(live_server.url, Identity(live_server.url, mine.identity.instance, "", protocol.new_key(), mine.identity.server_key))
    with pytest.raises(LineError, match="does not know this agent"):
        thief.ask("poll", {}, hold=1)


def test_question_of_long_ago_is_refused_and_a_wrong_clock_is_no_hindrance(agent: Agent, cast: Cast, middle: Middle) -> None:
    mine = enrolled(agent, cast, middle.url)
    mine._offset = -3600
    assert mine.ask("beat", {"jobs": {}}) == ({"gone": []}, b"")
    late, right = middle.passed[-2:]
    assert (late.status, protocol.unpack(late.answer)[0]["error"], right.status) == (401, "clock", 200)
    assert abs(mine._offset) <= 2


def test_part_of_an_answer_is_taken_from_the_machine_that_has_the_request(agent: Agent, cast: Cast, live_server: Any) -> None:
    mine, other = enrolled(agent, cast, live_server.url), enrolled(agent, cast, live_server.url)
    offer = offered(agent)
    meta, _ = mine.ask("poll", {}, hold=1)
    said = {"job": meta["job"], "number": 0, "head": {"status": 200, "reason": "OK", "headers": []}, "end": True}
    with pytest.raises(line.Gone):
        other.ask("part", {**said, "claim": "guessed"}, b"forged")
    mine.ask("part", {**said, "claim": meta["claim"]}, b"true")
    mine.ask("part", {**said, "claim": meta["claim"]}, b"true")  # sent twice, because the connection broke
    first, second = offer.part(1), offer.part(0.01)
    assert first is not None
    assert (protocol.unpack(first)[1], second) == (b"true", None)


def test_claim_of_one_machine_is_worth_nothing_to_another(agent: Agent, cast: Cast, live_server: Any) -> None:
    """Somebody who has taken over one machine, and has seen what another one was given."""
    mine, other = enrolled(agent, cast, live_server.url), enrolled(agent, cast, live_server.url)
    elsewhere = services.create(organization=cast.client_a, user=cast.alice, name="Warehouse")
    foreign = enrolled(elsewhere, cast, live_server.url)
    offer = offered(agent)
    meta, _ = mine.ask("poll", {}, hold=1)
    stolen = {"job": meta["job"], "claim": meta["claim"]}
    forged = {**stolen, "number": 0, "head": {"status": 200, "reason": "OK", "headers": []}, "end": True}
    for thief in (other, foreign):
        for verb, said in (("part", forged), ("begin", stolen), ("room", stolen)):
            with pytest.raises(line.Gone):
                thief.ask(verb, said, data=b"forged" if verb == "part" else b"")
        assert thief.ask("beat", {"jobs": {meta["job"]: meta["claim"]}})[0] == {"gone": [meta["job"]]}
    assert offer.part(0.01) is None
    mine.ask("part", forged, b"true")
    part = offer.part(1)
    assert part is not None
    assert protocol.unpack(part)[1] == b"true"


def test_agent_gets_requests_of_its_own_queue_only(agent: Agent, cast: Cast, live_server: Any) -> None:
    elsewhere = services.create(organization=cast.client_a, user=cast.alice, name="Warehouse")
    foreign = enrolled(elsewhere, cast, live_server.url)
    offer = offered(agent)
    assert jobs.taken(elsewhere.pk, machine=foreign.identity.instance, seconds=0) is None
    assert jobs.taken(agent.pk, machine=foreign.identity.instance, seconds=0) is not None
    assert offer.look(head_was_read=False) == "claimed"


def test_machine_that_was_revoked_can_neither_answer_nor_begin_what_it_was_given(agent: Agent, cast: Cast, live_server: Any) -> None:
    mine, other = enrolled(agent, cast, live_server.url), enrolled(agent, cast, live_server.url)
    offer = offered(agent)
    meta, _ = mine.ask("poll", {}, hold=1)
    services.revoke(instance=AgentInstance.objects.get(pk=mine.identity.instance))
    said = {"job": meta["job"], "claim": meta["claim"]}
    for verb in ("part", "begin", "beat", "room", "poll"):
        with pytest.raises(Revoked):
            mine.ask(verb, {**said, "number": 0, "jobs": {}}, hold=0)
    assert offer.part(0.01) is None
    jobs._redis().hset(f"junction:agent-job:{offer.id}", "lease", 0)  # its lease has run out
    assert offer.look(head_was_read=False) == "queued"
    assert other.ask("poll", {}, hold=1)[0]["job"] == meta["job"]


def test_machine_that_sends_more_than_there_is_room_for_is_not_listened_to(agent: Agent, cast: Cast, live_server: Any) -> None:
    """The broker is shared by all organizations; one machine must not fill it."""
    mine = enrolled(agent, cast, live_server.url)
    offer = offered(agent)
    meta, _ = mine.ask("poll", {}, hold=1)
    said = {"job": meta["job"], "claim": meta["claim"]}
    taken = 0
    with pytest.raises(line.Gone):
        for number in range(100):
            mine.ask("part", {**said, "number": number}, bytes(protocol.PART_BYTES))
            taken += 1
    assert taken == protocol.PARTS_WAITING + 1
    with pytest.raises(line.Gone):
        mine.ask("part", {**said, "number": None}, bytes(protocol.PART_BYTES))  # a failure that ends nothing
    assert jobs._redis().llen(f"junction:agent-answer:{offer.id}") == taken


@pytest.mark.parametrize(
    "head",
    [
        {"status": 200, "reason": "OK", "headers": [["X-A: 1\r\nSet-Cookie", "stolen"]]},
        {"status": 200, "reason": "OK", "headers": [["", "x"]]},
        {"status": 99999, "reason": "OK", "headers": []},
        {"status": -1, "reason": "OK", "headers": []},
        {"status": 101, "reason": "Switching", "headers": []},
        {"status": "two hundred", "reason": "OK", "headers": []},
        {"status": 200, "reason": "OK", "headers": {"a": 1}},
        {"status": 200, "reason": "OK"},
        [200],
        "200 OK",
        None,
    ],
)
def test_head_that_no_server_sends_is_refused_in_words(agent: Agent, cast: Cast, live_server: Any, head: Any) -> None:
    error = told_by(agent, cast, live_server.url, {"number": 0, "head": head, "end": True})
    assert (error.kind, error.message.startswith("The agent Head office sent an answer with")) == ("agent_lost", True), error.message


def test_line_breaks_that_an_agent_sends_in_a_header_begin_no_other_header(agent: Agent, cast: Cast, live_server: Any) -> None:
    head = {"status": 200, "reason": "OK\r\nX-B: 2", "headers": [["X-A", "1\r\nSet-Cookie: sid=stolen"]]}
    with answering(agent, cast, live_server.url, {"number": 0, "head": head, "end": True}) as route:
        incoming = route.send("GET", "http://localhost/", [], None, network=Network(), timeouts=(10, 30), end=time.monotonic() + 30)
    assert (incoming.reason, incoming.headers) == ("OK  X-B: 2", [("X-A", "1  Set-Cookie: sid=stolen")])


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        ({"message": "No route.\0", "kind": "refused"}, "refused", "No route.\ufffd (Through the agent Head office.)"),
        ({"message": "x" * 5000, "kind": ["tls"]}, "closed", f"{'x' * 1000} (Through the agent Head office.)"),
        ({"kind": "anything"}, "closed", "The exchange broke off. (Through the agent Head office.)"),
        (
            "No route.",
            "agent_lost",
            "The agent Head office sent something that cannot be read. Agent and Junction may be of different versions.",
        ),
        ([1], "agent_lost", "The agent Head office sent something that cannot be read. Agent and Junction may be of different versions."),
    ],
)
def test_what_an_agent_says_went_wrong_is_a_sentence_whatever_it_sends(
    agent: Agent, cast: Cast, live_server: Any, error: Any, kind: str, message: str
) -> None:
    found = told_by(agent, cast, live_server.url, {"number": None, "error": error, "end": True})
    assert (found.kind, found.message) == (kind, message)


def test_code_ends_when_whoever_made_it_may_not_manage_agents_any_more(agent: Agent, cast: Cast, live_server: Any) -> None:
    _, code = services.new_code(agent=agent, user=cast.alice)
    Membership.objects.filter(user=cast.alice).update(role=Role.VIEWER)
    with pytest.raises(LineError, match="has ended"):
        line.enrol(live_server.url, code)
    assert AgentInstance.objects.count() == 0


@pytest.mark.parametrize("seconds", [-3600, 3600])
def test_clock_of_the_machine_may_be_wrong_in_both_directions(agent: Agent, cast: Cast, middle: Middle, seconds: int) -> None:
    mine = enrolled(agent, cast, middle.url)
    mine._offset = seconds
    assert mine.ask("beat", {"jobs": {}}) == ({"gone": []}, b"")

    def forged_time(handler: Handler, one: Passed) -> bool:
        """Somebody in between who wants the machine's questions to be of another time."""
        give(handler, one, body=protocol.pack({"error": "clock", "time": 1}), status=401)
        return True

    middle.change = forged_time
    before = mine._offset
    with pytest.raises(LineError):
        mine.ask("beat", {"jobs": {}})
    assert mine._offset == before


@contextmanager
def answering(agent: Agent, cast: Cast, url: str, said: dict[str, Any]) -> Iterator[Route]:
    """A machine that takes the next request and answers it with `said`, whatever that is."""
    machine = enrolled(agent, cast, url)

    def answer() -> None:
        meta, _ = machine.ask("poll", {}, hold=10)
        machine.ask("part", {"job": meta["job"], "claim": meta["claim"], **said}, b"")

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    try:
        yield Route(agent.pk, agent.name)
    finally:
        thread.join(20)


def told_by(agent: Agent, cast: Cast, url: str, said: dict[str, Any]) -> TransportError:
    with answering(agent, cast, url, said) as route, pytest.raises(TransportError) as caught:
        route.send("GET", "http://localhost/", [], None, network=Network(), timeouts=(10, 30), end=time.monotonic() + 30)
    return caught.value
