"""What the forms of the pagination types have in common: fields that nearly every API needs, and rarer ones that are folded away."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms

from integrations import services
from integrations.definition import LARGEST_PAGE_SIZE, MAX_DEFAULT_PAGE_LIMIT, MAX_DEFAULT_PAGE_SIZE
from integrations.models import Integration
from integrations.wizard.base_forms import PartForm
from integrations.wizard.inputs import text
from integrations.wizard.setting_fields import LinesField, NumbersField, YesNoField, option, place, tick


class PaginationForm(PartForm):
    field = "pagination"

    @property
    def advanced_open(self) -> bool:
        """Also where a folded setting is not what it usually is."""
        usual = self.part()
        own = [name for name in self.advanced if name not in self.beside]
        unusual = any(self.initial.get(name, getattr(usual, name)) != getattr(usual, name) for name in own)
        return super().advanced_open or unusual or any(self.initial.get(name) for name in self.beside)

    def save(self) -> None:
        services.change_definition(integration=self.saved, pagination=self.value(self.saved.working.definition.pagination))


class WalkedForm(PaginationForm):
    """What every type but none has. The origins that get credentials belong to the integration: an action's form leaves them out."""

    beside = ("credential_origins",)
    json_names: ClassVar[dict[str, str]] = {"credential_origins": "credentialOrigins"}
    field_order = ("results_key", "page_size_param", "default_page_size", "default_page_limit")
    advanced: ClassVar[tuple[str, ...]] = (
        "max_page_size",
        "total_path",
        "total_header",
        "total_counts",
        "has_more_path",
        "last_page_path",
        "end_statuses",
        "repeat_ends",
        "unique_by",
        "credential_origins",
    )

    results_key = forms.CharField(
        required=False,
        label="Results key",
        widget=text(placeholder="results"),
        help_text="The path to the list of records in the answer, for example results or data.items. Leave it empty if the answer itself is the list.",
    )
    default_page_size = forms.IntegerField(
        required=False,
        label="Default page size",
        widget=forms.NumberInput(attrs={"min": 1, "max": MAX_DEFAULT_PAGE_SIZE}),
        help_text=f"Records of one page, at most {MAX_DEFAULT_PAGE_SIZE:,}.",
    )
    default_page_limit = forms.IntegerField(
        required=False,
        label="Default page limit",
        widget=forms.NumberInput(attrs={"min": 1, "max": MAX_DEFAULT_PAGE_LIMIT}),
        help_text=f"Pages that a run fetches unless it asks for more, at most {MAX_DEFAULT_PAGE_LIMIT}.",
    )
    max_page_size = forms.IntegerField(
        required=False,
        label="Largest page size",
        widget=forms.NumberInput(attrs={"min": 1, "max": LARGEST_PAGE_SIZE}),
        help_text="What the vendor allows. A run that asks for more gets this many. Leave it empty if there is no limit.",
    )
    total_path = forms.CharField(
        required=False,
        label="Total path",
        widget=text(placeholder="meta.total"),
        help_text="Where the answer says how long the whole list is. Usual names are found without it.",
    )
    total_header = forms.CharField(
        required=False,
        label="Total header",
        widget=text(placeholder="X-Total-Count"),
        help_text="The response header that says so. It goes before the path.",
    )
    total_counts = option(
        "The total counts",
        {"records": "Records", "pages": "Pages", "nothing": "Nothing that can be believed"},
        "Believe no total if it is known to be wrong: a run then ends by what the pages hold.",
    )
    has_more_path = forms.CharField(
        required=False,
        label="Has-more path",
        widget=text(placeholder="has_more"),
        help_text="A value that says yes while another page follows: true, 1, yes. A run ends as soon as it says no.",
    )
    last_page_path = forms.CharField(
        required=False,
        label="Last-page path",
        widget=text(placeholder="end_of_stream"),
        help_text="The opposite: a value that says yes on the last page.",
    )
    end_statuses = NumbersField(
        label="Statuses that end the list",
        help_text="HTTP statuses by which the vendor says that there are no more records, for example 404, 416. 204 always does.",
    )
    repeat_ends = tick(
        "A repeated page is the end", "The vendor answers past the end with the last page again. Otherwise a run ends as a loop there."
    )
    unique_by = forms.CharField(
        required=False,
        label="De-duplicate by",
        widget=text(placeholder="id"),
        help_text="A path in each record, such as id. Of records with the same value there a run keeps the first, and says how many it dropped. Several paths, split by commas, are one key together.",
    )
    credential_origins = LinesField(
        label="Origins that get credentials too",
        help_text="Where next links lead to another host that needs the same credentials: one origin a line, such as https://files.example.com. No other host gets them.",
    )

    def __init__(self, *args: Any, integration: Integration | None = None, **kwargs: Any) -> None:
        super().__init__(*args, integration=integration, **kwargs)
        if integration is None:
            del self.fields["credential_origins"]

    def shown(self, integration: Integration) -> dict[str, Any]:
        return {**super().shown(integration), "credential_origins": integration.working.definition.credential_origins}

    def save(self) -> None:
        value = self.value(self.saved.working.definition.pagination)
        services.change_definition(integration=self.saved, pagination=value, credential_origins=self.cleaned_data["credential_origins"])


class SizedForm(WalkedForm):
    """A type whose page size is a parameter."""

    advanced: ClassVar[tuple[str, ...]] = ("page_size_location", "numbers_as_text", "page_size_first_only", *WalkedForm.advanced)

    page_size_param = forms.CharField(
        required=False,
        label="Page size parameter",
        widget=text(placeholder="limit"),
        help_text="The query parameter that says how many records a page has. Leave it empty if there is none.",
    )
    page_size_location = place("Page size goes into")
    page_size_first_only = tick("Page size with the first request only", "The vendor refuses it beside a position.")
    numbers_as_text = tick("Numbers in a body are text", 'The body has "page": "2" instead of "page": 2.')


class CountedForm(WalkedForm):
    """A type where the client counts."""

    advanced: ClassVar[tuple[str, ...]] = (*WalkedForm.advanced, "short_page_ends", "empty_page_ends")

    short_page_ends = tick(
        "A short page is the end",
        "Saves the last request. Leave it off if the vendor filters pages after it has cut them: records would be lost.",
    )
    empty_page_ends = YesNoField(
        label="An empty page is the end", help_text="Say no only with a has-more path or a total, or the run would never end."
    )


class WindowedForm(CountedForm):
    """A counted type whose walk may begin anew where the server gives no more."""

    advanced: ClassVar[tuple[str, ...]] = (*CountedForm.advanced, "window_size", "window_param", "window_location", "window_path")

    window_size = forms.IntegerField(
        required=False,
        label="Window",
        widget=forms.NumberInput(attrs={"min": 1, "placeholder": "10000"}),
        help_text="The most records that the vendor gives for one query, as its documentation says. The walk then begins anew behind the last record. Leave it empty if there is no such limit.",
    )
    window_param = forms.CharField(
        required=False,
        label="Window parameter",
        widget=text(placeholder="created_after"),
        help_text="The filter that takes the last record's value. The list has to be sorted by it.",
    )
    window_location = place("Window parameter goes into")
    window_path = forms.CharField(
        required=False,
        label="Window path",
        widget=text(placeholder="created_at"),
        help_text="The field of a record that the filter takes. Where the filter includes that value, de-duplicate by the id.",
    )
