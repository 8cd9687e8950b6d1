"""The part of a connection's form that says from where its calls are made, and the forms of the page Agents."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms

from connections.agents.services import NAME_LENGTH
from connections.agents.ways import MODES, Way
from connections.models import Agent
from integrations.forms import RefusableForm

WAY_FIELDS = ("mode", "agent", "agentCredential")


class WayFields(forms.Form):
    """Mode, agent, and the credential of the agent's file; mixed into the form of a connection."""

    def add_way(self, agents: Iterable[Agent]) -> None:
        """`agents` are those that the organization may use."""
        found = list(agents)
        # With a credential of the agent none is required here, which a browser cannot know; the answer says what is missing.
        self.use_required_attribute = not found
        note = "Cloud: Junction itself calls the API. On-premise: an agent behind your firewall does; no port has to be opened for it."
        self.fields["mode"] = forms.ChoiceField(
            choices=list(MODES.items()), widget=forms.RadioSelect, initial="cloud", required=False, help_text=note
        )
        self.fields["agent"] = forms.ChoiceField(
            choices=[("", "Choose …"), *((str(agent.pk), _shown(agent)) for agent in found)],
            required=False,
            help_text="Which place the calls are made from."
            if found
            else "There is no agent yet. An admin adds one on the page Agents, and installs it behind the firewall.",
        )
        self.fields["agentCredential"] = forms.CharField(
            label="Credential of the agent",
            required=False,
            max_length=100,
            help_text="A name in the agent's own file. The agent puts that credential on each request, and it never leaves your site; "
            "then none is entered below. Empty: the credentials below are used.",
            widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "autocapitalize": "off"}),
        )

    @property
    def way(self) -> dict[str, Any]:
        """What was entered; nothing where the form came without it."""
        if self.add_prefix("mode") not in self.data:
            return {}
        entered = {name: str(self.data.get(self.add_prefix(name), "")).strip() for name in WAY_FIELDS}
        return {"mode": "cloud"} if entered["mode"] == "cloud" else entered

    @property
    def agent_holds_credential(self) -> bool:
        """Whether the credentials of the form may stay empty."""
        return bool(self.way.get("agentCredential"))


def way_initial(way: Way) -> dict[str, str]:
    """The values of a stored connection."""
    return {"mode": way.mode, "agent": str(way.agent.pk) if way.agent else "", "agentCredential": way.credential}


def _shown(agent: Agent) -> str:
    """Its name and how many of its machines are online."""
    states = [instance.state for instance in agent.instances.all()]
    online = states.count("online")
    return f"{agent.name} ({f'{online} online' if online else 'none online'})"


class AgentForm(RefusableForm):
    name = forms.CharField(
        max_length=NAME_LENGTH,
        help_text="The place where it runs, for example Head office.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    is_shared = forms.BooleanField(
        required=False,
        label="Organizations below may use it",
        help_text="Their connections then reach every host that the agent's file allows.",
    )
