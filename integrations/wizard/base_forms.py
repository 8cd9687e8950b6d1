"""What the forms of the wizard have in common. They translate; what fits is said by the definition and the services."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic.alias_generators import to_camel

from integrations.definition import Part
from integrations.forms import RefusableForm
from integrations.models import Integration
from integrations.widgets import Card


class StepForm(RefusableForm):
    """A form of one step: it shows the values of the working revision and saves them to the draft."""

    def __init__(self, data: Any = None, files: Any = None, *, integration: Integration | None = None, prefix: str | None = None) -> None:
        self.integration = integration
        super().__init__(data, files, prefix=prefix, initial=self.shown(integration) if integration else {})

    def shown(self, integration: Integration) -> dict[str, Any]:  # noqa: ARG002 - the base shows nothing
        """The values of the inputs. A form without any shows none."""
        return {}

    def save(self) -> None:
        """Save to the draft through a service, whose `Refusal` the caller shows. A form without inputs has nothing to save."""

    @property
    def saved(self) -> Integration:
        if self.integration is None:
            raise ValueError("There is no integration yet.")
        return self.integration


class PartForm(StepForm):
    """The fields of one part (one authentication method, one pagination type).

    `part` is the class of the definition, `field` its place in the definition. `card` says when to choose it. A field
    left empty takes the part's default; what the part has and the form does not show stays as it is.
    """

    part: ClassVar[type[Part]]
    field: ClassVar[str]
    card: ClassVar[Card]
    # Fields that are no part of the part, such as the headers of every request.
    beside: ClassVar[tuple[str, ...]] = ()
    # Fields that most APIs need not touch; the page folds them away.
    advanced: ClassVar[tuple[str, ...]] = ()

    def json_name(self, field: str) -> str:
        return self.json_names.get(field, f"{self.field}.{to_camel(field)}")

    def shown(self, integration: Integration) -> dict[str, Any]:
        return self.shown_part(getattr(integration.working.definition, self.field))

    def shown_part(self, part: Part | None) -> dict[str, Any]:
        """The values of the inputs for a part; the defaults if it is of another class."""
        present = part if isinstance(part, self.part) else self.part()
        return {name: getattr(present, name) for name in self.base_fields if name not in self.beside}

    def value(self, present: Part | None) -> dict[str, Any]:
        """The part as JSON, made of the inputs over `present`."""
        base = present.dump() if isinstance(present, self.part) else self.part().dump()
        given = {to_camel(name): value for name, value in self.cleaned_data.items() if name in self.base_fields and name not in self.beside}
        empty = {name for name, value in given.items() if value is None}
        defaults = self.part().dump()
        return {**base, **given, **{name: defaults[name] for name in empty}}

    @property
    def plain_fields(self) -> list[Any]:
        return [self[name] for name in self.fields if name not in self.beside and name not in self.advanced]

    @property
    def advanced_fields(self) -> list[Any]:
        return [self[name] for name in self.advanced if name in self.fields]

    @property
    def advanced_open(self) -> bool:
        """Whether something in the folded part needs to be seen."""
        return any(field.errors for field in self.advanced_fields)
