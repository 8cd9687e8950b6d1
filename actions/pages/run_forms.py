"""The form that runs an action: connection, one field per input, which pages to fetch.

Fields are named as the service's errors name them: `inputs.<label>`, `pageSize`, `maxPages`. Values go to the service as
they were typed; it converts them and says what is wrong. Only here is decided which control fits a parameter.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Final

from django import forms
from django.utils.html import strip_tags
from django.utils.text import Truncator

from actions.examples import example, example_body
from actions.inputs import convert, is_given
from actions.models import Run, Schedule
from actions.pagination import PaginationError
from actions.requests import BODY, labelled
from actions.runs import DEFAULT_LIMIT, PageLimit, Plan
from connections.bodies import MULTIPART_TYPE, is_json, is_xml, text_of
from connections.choosing.walk import Choice
from connections.models import Connection
from integrations.definition import FORM_TYPE, JSON_TYPE, LARGEST_PAGE_SIZE
from integrations.forms import RefusableForm
from integrations.models import Organization
from integrations.models.environment import PRODUCTION
from integrations.operation import Body, Operation, Parameter

INPUTS: Final = "inputs."
BODY_FIELD: Final = INPUTS + BODY
NOT_SENT: Final = ("", "Not sent")
HELP_LENGTH: Final = 400  # characters; some documents describe a parameter on pages
MOST_TICK_BOXES: Final = 12
MOST_SHOWN: Final = 8  # optional inputs; more of them are folded away
SCALARS: Final = frozenset({"string", "integer", "number", "boolean"})


class RunForm(RefusableForm):
    """`organization` is the one that the user works for, `mapped` those below it for which the action can run, `choice` the walk that
    found its connection; `again` an earlier run, or a schedule, whose values the form starts with."""

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        plan: Plan,
        connections: list[Connection],
        organization: Organization,
        choice: Choice,
        mapped: Sequence[Organization] = (),
        again: Run | Schedule | None = None,
    ) -> None:
        super().__init__(data)
        self.plan = plan
        self.here = organization
        self.below = {str(one.pk): one for one in mapped}
        self.by_id = {str(connection.pk): connection for connection in connections}
        self.body_parts = _body_parts(plan.operation)
        self.parameters = labelled(plan.operation) | {f"{BODY}.{name}": part for name, part in self.body_parts.items()}
        if mapped:
            self.fields["organization"] = forms.ChoiceField(
                label="Run for",
                required=False,
                choices=[("", str(organization)), *((str(one.pk), str(one)) for one in mapped)],
                initial=str(again.organization_id) if again else "",
                help_text="An organization that is mapped: {{mapping.id}} and {{mapping.label}} stand for the customer that it is at the vendor.",
            )
        self.fields["connection"] = forms.ChoiceField(
            choices=_choices(connections, organization, automatic=bool(mapped)),
            initial=_first_choice(connections, choice, again, automatic=bool(mapped)),
            required=not mapped,
            help_text=_why(choice, again, automatic=bool(mapped)),
        )
        for label, parameter in self.parameters.items():
            if _is_set_by_paging(label, parameter, plan):
                continue
            self.fields[INPUTS + label] = field_of(parameter, parameter.name if label.startswith(f"{BODY}.") else label)
        if plan.operation.body and not self.body_parts:
            self.fields[BODY_FIELD] = _body_field(plan.operation.body)
        if plan.is_paged:
            self._add_paging(again)
        if again:
            self._fill(again.inputs)

    def json_name(self, field: str) -> str:
        return field

    # --- what the template draws -----------------------------------------------------------------------------------

    def required_inputs(self) -> list[forms.BoundField]:
        return [field for field in self._inputs() if field.field.required]

    def optional_inputs(self) -> list[forms.BoundField]:
        return [field for field in self._inputs() if not field.field.required]

    def shows_optional(self) -> bool:
        """Whether the optional inputs are few, or one of them wants to be seen."""
        optional = self.optional_inputs()
        return len(optional) <= MOST_SHOWN or any(self._matters(field) for field in optional)

    def _inputs(self) -> Iterator[forms.BoundField]:
        return (self[name] for name in self.fields if name.startswith(INPUTS))

    def _matters(self, field: forms.BoundField) -> bool:
        return bool(field.errors) or (self.is_bound and is_given(field.value()))

    # --- what the service gets ----------------------------------------------------------------------------------------

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or {}
        if values.get("pages") == "some" and not values.get("maxPages") and "maxPages" not in self.errors:
            self.add_error("maxPages", "Enter how many pages at most.")
        return values

    @property
    def connection(self) -> Connection | None:
        """The one that was named; None leaves it to the walk."""
        return self.by_id.get(self.cleaned_data["connection"])

    @property
    def for_whom(self) -> Organization:
        """The organization that was chosen, else that of a connection from below, else the one that the user works for."""
        chosen = self.below.get(self.cleaned_data.get("organization", ""))
        if chosen or self.connection is None or self.connection.organization_id in self.here.ancestor_ids:
            return chosen or self.here
        return self.connection.organization

    @property
    def inputs(self) -> dict[str, Any]:
        """The inputs by label; what was left empty is not given."""
        given = {name.removeprefix(INPUTS): value for name, value in self.cleaned_data.items() if name.startswith(INPUTS)}
        given = {name: self._typed(name, value) for name, value in given.items() if is_given(value) and value != []}
        if self.body_parts:
            body = {name: given.pop(f"{BODY}.{name}") for name in self.body_parts if f"{BODY}.{name}" in given}
            return given | ({BODY: body} if body else {})
        if BODY in given and _is_json(self.plan.operation.body):
            given[BODY] = _parsed(given[BODY])
        return given

    def _typed(self, label: str, value: Any) -> Any:
        """Text as a value of its parameter's type; what does not fit stays as it is, and the service says why."""
        parameter = self.parameters.get(label)
        try:
            return convert(value, parameter, label) if parameter else value
        except ValueError:
            return value

    @property
    def page_size(self) -> int | None:
        return self.cleaned_data.get("pageSize")

    @property
    def max_pages(self) -> PageLimit:
        """As `runs.start` takes it."""
        match self.cleaned_data.get("pages"):
            case "all":
                return None
            case "some":
                return int(self.cleaned_data["maxPages"])
        return DEFAULT_LIMIT

    @property
    def unique_by(self) -> str | None:
        """As `runs.start` takes it."""
        return self.cleaned_data.get("uniqueBy", "") if "uniqueBy" in self.data else None

    # --- how it is built ----------------------------------------------------------------------------------------------

    def _add_paging(self, again: Run | Schedule | None) -> None:
        pagination = self.plan.strategy.pagination
        limit = getattr(pagination, "default_page_limit", None)
        chosen = "default"
        if again and again.max_pages != limit:
            chosen = "some" if again.max_pages else "all"
        self.fields["pages"] = forms.ChoiceField(
            label="Pages to fetch",
            choices=[
                ("default", f"Up to {limit} page{'' if limit == 1 else 's'}, the default of this integration"),
                ("all", "All pages"),
                ("some", "Up to a number of my own"),
            ],
            initial=chosen,
            widget=forms.RadioSelect,
        )
        self.fields["maxPages"] = forms.IntegerField(
            label="Number of pages", required=False, min_value=1, initial=again.max_pages if again and chosen == "some" else None
        )
        if getattr(pagination, "page_size_param", ""):
            self.fields["pageSize"] = forms.IntegerField(
                label="Records per page",
                required=False,
                min_value=1,
                max_value=LARGEST_PAGE_SIZE,
                initial=again.page_size if again else None,
                help_text="Many vendors have a largest page size of their own and send less than what is asked.",
                widget=forms.NumberInput(attrs={"placeholder": str(getattr(pagination, "default_page_size", ""))}),
            )
        self.fields["uniqueBy"] = forms.CharField(
            label="De-duplicate by",
            required=False,
            max_length=500,
            initial=again.unique_by if again else getattr(pagination, "unique_by", ""),
            help_text="A path in each record, such as id. Of records with the same value there the first is kept. Several paths, split by commas, are one key together.",
            widget=forms.TextInput(attrs={"placeholder": "Keep all records", "autocomplete": "off", "spellcheck": "false"}),
        )

    def _fill(self, inputs: Mapping[str, Any]) -> None:
        body = inputs.get(BODY)
        parts = body if self.body_parts and isinstance(body, dict) else {}
        given = {**inputs, **{f"{BODY}.{name}": value for name, value in parts.items()}}
        for name, field in self.fields.items():
            if name.startswith(INPUTS):
                field.initial = _shown(given.get(name.removeprefix(INPUTS)), field)


def _is_set_by_paging(label: str, parameter: Parameter, plan: Plan) -> bool:
    """Whether the walk through the pages sends this parameter itself, so that an input for it would have no effect.

    A required one without a default stays where the first request does not have it: the service refuses a run that lacks it.
    """
    place = "body" if label.startswith(f"{BODY}.") else parameter.place
    if (place, parameter.name) not in plan.strategy.sent_parameters():
        return False
    try:
        first = plan.strategy.request(plan.first({}, 1))
    except PaginationError:  # an expression that needs the inputs
        return False
    sent_first = {*dict(first.params), *dict(first.headers), *first.path, *first.body}
    return parameter.name in sent_first or not parameter.required or is_given(parameter.default)


def field_of(parameter: Parameter, label: str) -> forms.Field:
    """The control that fits a parameter."""
    required = parameter.required and not is_given(parameter.default)
    common: dict[str, Any] = {"label": label, "help_text": _help(parameter.description), "required": required}
    options = [(text_of(option), text_of(option)) for option in parameter.enum if is_given(option)]
    field: forms.Field
    match parameter.type:
        case "array" if options:
            few = len(options) <= MOST_TICK_BOXES
            field = forms.MultipleChoiceField(
                choices=options, widget=forms.CheckboxSelectMultiple if few else forms.SelectMultiple(attrs={"size": 8}), **common
            )
        case _ if options:
            field = forms.ChoiceField(choices=options if required else [NOT_SENT, *options], **common)
        case "boolean" if parameter.required or is_given(parameter.default):
            field = forms.BooleanField(**common | {"required": False})  # a tick box that must be ticked could not say no
        case "boolean":
            field = forms.ChoiceField(choices=[NOT_SENT, ("true", "Yes"), ("false", "No")], **common)
        case "integer" | "number" as kind:
            field = forms.CharField(widget=forms.NumberInput(attrs={"step": "1" if kind == "integer" else "any"}), **common)
        case "object":
            field = forms.CharField(widget=_code(rows=4, placeholder='{"name": "value"}'), **common)
        case "array":
            field = forms.CharField(**common | {"help_text": f"{common['help_text']} Several values: with commas between them.".strip()})
        case _:
            field = forms.CharField(strip=False, widget=_text_input(parameter), **common)
    field.initial = _shown(parameter.default, field)
    return field


def _text_input(parameter: Parameter) -> forms.Widget:
    return forms.DateInput(attrs={"type": "date"}) if parameter.format == "date" else forms.TextInput(attrs={"autocomplete": "off"})


def _body_field(body: Body) -> forms.Field:
    sample = _pretty(example(body.schema_)) if _is_json(body) or body.content_type in (FORM_TYPE, MULTIPART_TYPE) else ""
    if is_xml(body.content_type.partition(";")[0].strip().lower()):
        sample = text_of(example_body(body))
    notes = [_help(body.description), f"Sent as {body.content_type or JSON_TYPE}."]
    if body.content_type == MULTIPART_TYPE:
        notes.append('A file is {"filename": "a.txt", "content": "…"}, with "encoding": "base64" where it is not text.')
    return forms.CharField(
        label="Body",
        required=body.required,
        initial=sample if body.required else "",
        strip=False,
        help_text=" ".join(filter(None, notes)),
        widget=_code(rows=min(20, max(6, sample.count("\n") + 2)), placeholder=sample),
    )


def _body_parts(operation: Operation) -> dict[str, Parameter]:
    """The fields of a form body, if all of them are plain values; else nothing, and the body is one text."""
    body = operation.body
    if body is None or body.content_type.partition(";")[0].strip().lower() not in (FORM_TYPE, MULTIPART_TYPE):
        return {}
    properties = body.schema_.get("properties")
    required = body.schema_.get("required")
    if not isinstance(properties, dict) or not 1 <= len(properties) <= 40:
        return {}
    parts = {}
    for name, schema in properties.items():
        kind = schema.get("type") if isinstance(schema, dict) else None
        if kind not in SCALARS or schema.get("format") in ("binary", "byte"):
            return {}
        parts[name] = Parameter(
            name=name,
            type=kind,
            required=isinstance(required, list) and name in required,
            enum=schema["enum"] if isinstance(schema.get("enum"), list) else [],
            default=schema.get("default"),
            description=str(schema.get("description") or ""),
        )
    return parts


def _choices(connections: list[Connection], here: Organization, *, automatic: bool) -> list[Any]:
    """Connections by organization; the names alone where all are one's own, and nothing chosen where none is."""
    groups = [
        (str(organization), [(str(row.pk), _called(row)) for row in rows])
        for organization, rows in groupby(connections, key=lambda row: row.organization)
    ]
    if automatic:
        return [("", "The one that the organization uses"), *groups]
    own = [row for row in connections if row.organization_id == here.pk]
    if len(own) == len(connections):
        return list(groups[0][1])
    return groups if connections[0].organization_id in here.ancestor_ids else [("", "Choose a connection"), *groups]


def _first_choice(connections: list[Connection], choice: Choice, again: Run | Schedule | None, *, automatic: bool) -> str:
    """The connection of the earlier run, else the one that the walk finds. Never that of an organization below, unasked."""
    if again and any(row.pk == again.connection_id for row in connections):
        return str(again.connection_id)
    if automatic:
        return ""
    if choice.connection:
        return str(choice.connection.pk)
    own = [row for row in connections if row.organization_id == choice.seeker.organization.pk]
    return str(own[0].pk) if own else ""


def _called(connection: Connection) -> str:
    """Its name, and what tells it from others."""
    marks = ["default"] if connection.is_default else []
    marks += [connection.environment] if connection.environment != PRODUCTION else []
    marks += [f"revision {connection.revision.number}"] if connection.revision else []
    return f"{connection.name} ({', '.join(marks)})" if marks else connection.name


def _why(choice: Choice, again: Run | Schedule | None, *, automatic: bool) -> str:
    """Why the walk found what is chosen, unless that is the plain default."""
    if again or automatic or not choice.connection or (choice.steps[0].taken and choice.steps[0].rule == "default"):
        return ""
    return choice.reason


def _shown(value: Any, field: forms.Field) -> Any:
    """A stored value as the control takes it."""
    if not is_given(value):
        return None
    if isinstance(field, forms.BooleanField):
        return text_of(value).lower() in ("true", "1", "yes", "on")
    if isinstance(field, forms.MultipleChoiceField):
        return [text_of(item) for item in value] if isinstance(value, list) else [text_of(value)]
    if isinstance(field.widget, forms.Textarea) and isinstance(value, dict | list):
        return _pretty(value)
    return text_of(value)


def _is_json(body: Body | None) -> bool:
    return is_json(body.content_type.partition(";")[0].strip().lower() if body else "")


def _parsed(text: str) -> Any:
    """JSON as a value; text that is none is left for the service, which says where it is wrong."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _pretty(value: Any) -> str:
    return "" if value is None else json.dumps(value, ensure_ascii=False, indent=2)


def _code(*, rows: int, placeholder: str) -> forms.Textarea:
    return forms.Textarea(attrs={"rows": rows, "class": "mono", "spellcheck": "false", "placeholder": placeholder})


def _help(description: str) -> str:
    """Descriptions come from documents that may write HTML in them."""
    return Truncator(" ".join(strip_tags(description).split())).chars(HELP_LENGTH)
