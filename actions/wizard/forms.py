"""The form of one action: its own fields, its parameters as rows, its pagination by type."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.core.exceptions import ValidationError as FormError
from pydantic import ValidationError

from actions import services
from actions.models import Action
from integrations.definition import JSON_TYPE, Part, problems
from integrations.forms import RefusableForm
from integrations.models import Integration
from integrations.openapi.answers import results_keys
from integrations.operation import METHODS, PLACES, TYPES, Operation, Parameter, placeholders
from integrations.refusals import Invalid, Refusal
from integrations.wizard.answer_forms import expression_field, into_rows, rule_rows
from integrations.wizard.inputs import text
from integrations.wizard.limit_forms import RateLimitForm
from integrations.wizard.paged_forms import PaginationForm
from integrations.wizard.pagination_forms import PAGINATION_FORMS


class ActionForm(RefusableForm):
    json_names = {
        "pagination_type": "pagination.type",
        "body_content_type": "body.contentType",
        "body_required": "body.required",
        "body_schema": "body.schema",
        "errors_": "errors",
        "own_limits": "rateLimit",
    }

    name = forms.CharField(
        widget=forms.TextInput(attrs={"maxlength": services.NAME_LENGTH, "autocomplete": "off", "placeholder": "List users"}),
        error_messages={"required": "Enter a name, for example List users."},
    )
    description = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 3}))
    method = forms.ChoiceField(choices=[(name, name) for name in METHODS])
    path = forms.CharField(
        widget=text(placeholder="/users/{id}"),
        help_text="Relative to the base URI. What changes from call to call stands in braces.",
        error_messages={"required": "Enter the path, for example /users/{id}. A single slash calls the base URI itself."},
    )
    key = forms.CharField(
        required=False, widget=text(), help_text="By this name other systems know the action. Leave it empty and it is made of the name."
    )
    paginated = forms.BooleanField(
        required=False, label="Paginated", help_text="The answer is a list that comes in pages; a run fetches them one after the other."
    )
    error_expression = expression_field()
    errors_ = rule_rows("They go before the integration's; the first that fits an answer counts.")
    own_limits = forms.BooleanField(
        required=False,
        label="This action has limits of its own",
        help_text="Then what is said here holds for its answers, and nothing of the step Limits.",
    )
    deprecated = forms.BooleanField(
        required=False, label="Deprecated", help_text="It still works, but should not be used for anything new."
    )
    results_key = forms.CharField(
        required=False,
        label="Results key of this action",
        widget=text(),
        help_text="Only if its records lie elsewhere than the pagination says. It goes before the results key of the pagination.",
    )
    pagination_type = forms.ChoiceField(
        required=False,
        label="Pagination",
        choices=[("", "As the integration says"), *((kind, form.part.label) for kind, form in PAGINATION_FORMS.items())],
    )
    body_content_type = forms.CharField(
        required=False,
        label="Media type",
        widget=text(placeholder=JSON_TYPE),
        help_text="What the request body is, for example application/json. Leave it empty if the request has none.",
    )
    body_required = forms.BooleanField(required=False, label="The body is required")
    body_schema = forms.CharField(
        required=False,
        label="JSON Schema",
        widget=forms.Textarea(attrs={"rows": 10, "class": "mono", "spellcheck": "false"}),
        help_text="Describes the body, so that a run can ask for its fields. Optional.",
    )

    def clean_body_schema(self) -> dict[str, Any]:
        written = self.cleaned_data["body_schema"].strip()
        if not written:
            return {}
        try:
            schema = json.loads(written)
        except (ValueError, RecursionError) as error:
            where = f" in line {error.lineno}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
            raise FormError(f"This is not valid JSON{where}. Write it as an object in braces.") from None
        if not isinstance(schema, dict):
            raise FormError('A JSON Schema is an object in braces, for example {"type": "object"}.')
        return schema


class ParameterForm(RefusableForm):
    """One row. `was` names the parameter that the row began as, so that what the row does not show stays with it."""

    json_names = {"place": "in"}

    was = forms.CharField(required=False, widget=forms.HiddenInput)
    name = forms.CharField(required=False, widget=text(placeholder="Name", **{"aria-label": "Name"}))
    place = forms.ChoiceField(
        required=False,
        label="In",
        choices=[(name, name) for name in ("query", *[p for p in PLACES if p != "query"])],
        widget=forms.Select(attrs={"aria-label": "In"}),
    )
    type = forms.ChoiceField(required=False, choices=[(name, name) for name in TYPES], widget=forms.Select(attrs={"aria-label": "Type"}))
    required = forms.BooleanField(required=False)
    default = forms.CharField(required=False, widget=text(placeholder="Default", **{"aria-label": "Default"}))
    description = forms.CharField(required=False, widget=text(placeholder="Description", **{"aria-label": "Description"}))

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        written, kind = values.get("default", ""), values.get("type") or "string"
        if written and kind != "string":
            try:
                values["default"] = json.loads(written)
            except ValueError:
                example = {"integer": "10", "number": "0.5", "boolean": "true", "array": '["a", "b"]', "object": '{"a": 1}'}[kind]
                self.add_error("default", f"This is no {kind}. Write it as JSON, for example {example}.")
        elif not written:
            values["default"] = None
        if not values.get("name") and (written or values.get("description")):
            self.add_error("name", "The parameter needs a name.")
        return values

    @property
    def is_used(self) -> bool:
        return bool(self.cleaned_data.get("name")) and not self.cleaned_data.get("DELETE")

    def value(self, present: dict[str, Parameter]) -> dict[str, Any]:
        before = present.get(self.cleaned_data["was"])
        base = before.dump() if before else {}
        shown = ("name", "type", "required", "default", "description")
        return {**base, **{name: self.cleaned_data[name] for name in shown}, "in": self.cleaned_data["place"] or "query"}


ParameterRows = forms.formset_factory(ParameterForm, extra=1, can_delete=True, max_num=500, absolute_max=1000)


class ActionEditor:
    """The parts of an action's form as one: fields, parameter rows, and a form for each pagination type."""

    def __init__(self, *, integration: Integration, action: Action | None, data: Any = None) -> None:
        self.integration = integration
        self.action = action
        self.operation: Operation | None = action.operation if action else None
        self.is_locked = action is not None and services.is_locked(action)
        self.form = ActionForm(data, initial=self._initial())
        if self.is_locked:
            for name in services.LOCKED:
                self.form.fields[name].disabled = True
                self.form.fields[name].help_text = ""  # the page says once why all of them are locked
        self.parameters = ParameterRows(data, prefix="parameters", initial=[_row(found) for found in self._present.values()])
        limit = self.operation.rate_limit if self.operation else None
        sent = data is not None and bool(data.get("own_limits"))
        shown = RateLimitForm.shown_limit(limit or integration.working.definition.rate_limit)
        self.limits = RateLimitForm(data if sent else None, prefix="limit", initial=shown)
        own = self.operation.pagination if self.operation else None
        self.paginations: dict[str, PaginationForm] = {}
        for kind, form_class in PAGINATION_FORMS.items():
            form = form_class(data if data is not None and data.get("pagination_type") == kind else None, prefix=f"pagination-{kind}")
            form.initial = form.shown_part(own if own is not None else integration.working.definition.pagination)
            self.paginations[kind] = form
        self.own_pagination: Part | None = own
        schema = self.operation.response_schema if self.operation else None
        self.suggestion = self.operation.suggestion if self.operation else None
        self.results_keys = results_keys(schema, self.operation.path) if self.operation and schema else []

    @property
    def _present(self) -> dict[str, Parameter]:
        return {f"{found.place}:{found.name}": found for found in (self.operation.parameters if self.operation else [])}

    def _initial(self) -> dict[str, Any]:
        operation = self.operation
        if operation is None:
            return {"method": "GET"}
        body = operation.body
        return {
            "name": operation.name,
            "description": operation.description,
            "method": operation.method,
            "path": operation.path,
            "key": operation.key,
            "paginated": operation.paginated,
            "deprecated": operation.deprecated,
            "results_key": operation.results_key or "",
            "error_expression": operation.error_expression,
            "errors_": operation.errors,
            "own_limits": operation.rate_limit is not None,
            "pagination_type": getattr(operation.pagination, "type", ""),
            "body_content_type": body.content_type if body else "",
            "body_required": bool(body and body.required),
            "body_schema": json.dumps(body.schema_, indent=2, ensure_ascii=False) if body and body.schema_ else "",
        }

    @property
    def chosen_pagination(self) -> PaginationForm | None:
        return self.paginations.get(self.form.cleaned_data.get("pagination_type", "")) if self.form.is_bound else None

    def is_valid(self) -> bool:
        # Every part is asked, so that all errors show at once.
        valid = [self.form.is_valid(), self.parameters.is_valid()]
        valid += [self.chosen_pagination.is_valid()] if self.chosen_pagination else []
        valid += [self.limits.is_valid()] if self.limits.is_bound else []
        return all(valid)

    @property
    def has_errors(self) -> bool:
        return bool(
            self.form.errors
            or self.limits.errors
            or any(row.errors for row in self.parameters)
            or any(form.errors for form in self.paginations.values())
        )

    def save(self) -> tuple[Action, list[str]]:
        """Save to the draft; also the names of path parameters that were added because the path holds them. Raises `Refusal`."""
        values = self._values()
        declared = {parameter["name"] for parameter in values["parameters"] if parameter["in"] == "path"}
        added = [name for name in placeholders(values["path"]) if name not in declared]
        values["parameters"] += [{"name": name, "in": "path", "required": True} for name in added]
        if self.action is None:
            return services.add(integration=self.integration, values=values), added
        return services.change(action=self.action, values=values), added

    def operation_typed(self) -> Operation:
        """The operation as the form has it now, without saving it. Raises `Invalid`."""
        if not self.is_valid():
            raise Invalid({"": ["The form of the action has a value that does not fit. Save it to see which one."]})
        present = self.operation.dump() if self.operation else {}
        try:
            return Operation.model_validate({**present, **self._values()})
        except ValidationError as error:
            raise Invalid(problems(error)) from None

    def _values(self) -> dict[str, Any]:
        fields = self.form.cleaned_data
        values: dict[str, Any] = {name: fields[name] for name in ("name", "description", "method", "path", "paginated", "deprecated")}
        values["key"] = fields["key"] or (self.operation.key if self.operation else "")
        values["resultsKey"] = fields["results_key"] or None
        values["errorExpression"] = fields["error_expression"]
        if "errors_-TOTAL_FORMS" in self.form.data:
            values["errors"] = fields["errors_"]
        if self.limits.add_prefix("remaining_header") in self.form.data:
            values["rateLimit"] = self.limits.limit() if self.limits.is_bound else None
        values["pagination"] = self.chosen_pagination.value(self.own_pagination) if self.chosen_pagination else None
        values["parameters"] = [row.value(self._present) for row in self._rows()]
        before = self.operation.body.dump() if self.operation and self.operation.body else {}
        values["body"] = (
            {
                **before,
                "contentType": fields["body_content_type"] or JSON_TYPE,
                "required": fields["body_required"],
                "schema": fields["body_schema"],
            }
            if fields["body_content_type"] or fields["body_schema"]
            else None
        )
        return values

    def _rows(self) -> list[ParameterForm]:
        return [row for row in self.parameters.forms if row.is_used]

    def refuse(self, refusal: Refusal) -> None:
        """Put each sentence on the part it speaks of."""
        if not isinstance(refusal, Invalid):
            self.form.refuse(refusal)
            return
        rows = self._rows()
        for where, sentences in into_rows(self.form, "errors_", "errors", refusal.errors).items():
            part, _, rest = where.partition(".")
            number, _, field = rest.partition(".")
            if part == "parameters" and number.isdigit() and int(number) < len(rows):
                rows[int(number)].refuse(Invalid({field: sentences}))
            elif part == "pagination" and self.chosen_pagination:
                self.chosen_pagination.refuse(Invalid({where: sentences}))
            elif part == "rateLimit" and self.limits.is_bound:
                self.limits.refuse(Invalid({where: sentences}))
            else:
                self.form.refuse(Invalid({where: sentences}))


def _row(parameter: Parameter) -> dict[str, Any]:
    default = parameter.default
    return {
        "was": f"{parameter.place}:{parameter.name}",
        "name": parameter.name,
        "place": parameter.place,
        "type": parameter.type,
        "required": parameter.required,
        "default": "" if default is None else default if isinstance(default, str) else json.dumps(default, ensure_ascii=False),
        "description": parameter.description,
    }


class RenameForm(RefusableForm):
    """Regex Replace over several actions."""

    field = forms.ChoiceField(
        label="Change", choices=[("name", "Name"), ("description", "Description")], widget=forms.RadioSelect, initial="name"
    )
    pattern = forms.CharField(
        required=False,
        strip=False,
        widget=text(placeholder="^(.*) Get$", **{"class": "mono"}),
        help_text="A regular expression. Parentheses keep a part for the replacement.",
    )
    replacement = forms.CharField(
        required=False,
        strip=False,
        widget=text(placeholder="Get \\1", **{"class": "mono"}),
        help_text="\\1 or $1 is the first part in parentheses. Leave it empty to remove what matches.",
    )
    scope = forms.ChoiceField(
        label="In",
        choices=[
            ("all", "All actions"),
            ("filtered", "The actions that the search shows"),
            ("checked", "The actions with a tick in the list"),
        ],
        widget=forms.RadioSelect,
        initial="all",
    )
    q = forms.CharField(required=False, widget=forms.HiddenInput)
