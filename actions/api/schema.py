"""How actions, imports and runs look in /api/schema/."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from integrations.api.definition_schema import reference
from integrations.api.schema import ErrorRulesField, IntegrationDocument, PaginationField, RateLimitField


@extend_schema_field({"type": "object", "additionalProperties": True})
class ObjectField(serializers.JSONField):
    pass


@extend_schema_field({"nullable": True})
class AnyField(serializers.JSONField):
    pass


class FindingDocument(serializers.Serializer):
    severity = serializers.ChoiceField(["error", "warning", "info"])
    rule = serializers.CharField()
    pointer = serializers.CharField(help_text="JSON pointer into the document")
    message = serializers.CharField()
    remedy = serializers.CharField(help_text="How to mend it")
    line = serializers.IntegerField(allow_null=True)
    column = serializers.IntegerField(allow_null=True)


class RepairDocument(serializers.Serializer):
    number = serializers.IntegerField(help_text="Counts from 1; what undo and redo take")
    rule = serializers.CharField()
    pointer = serializers.CharField()
    before = AnyField()
    after = AnyField()
    message = serializers.CharField()
    undone = serializers.BooleanField(help_text="The draft has back what the document says")
    reason = serializers.CharField(help_text="Why it can be neither undone nor redone; empty if it can")


class ImportRequest(serializers.Serializer):
    """One of the two; or multipart/form-data with the part `file`."""

    url = serializers.CharField(required=False)
    document = serializers.CharField(required=False, help_text="The text of the document")
    organization = serializers.CharField(required=False)


class ImportJobRequest(serializers.Serializer):
    """A url or a document; or multipart/form-data with the part `file`."""

    url = serializers.CharField(required=False)
    document = serializers.CharField(required=False, help_text="The text of the document")
    organization = serializers.CharField(required=False)
    choose = serializers.BooleanField(required=False, help_text="Wait until somebody has chosen among the operations")


class ImportJobDocument(serializers.Serializer):
    id = serializers.UUIDField()
    organization = serializers.UUIDField()
    source = serializers.CharField()  # type: ignore[assignment]  # a member of the document
    title = serializers.CharField()
    version = serializers.CharField()
    state = serializers.ChoiceField(["reading", "choosing", "writing", "finished", "failed", "cancelled"])
    phase = serializers.CharField(help_text="What a worker does now; empty while it waits for one")
    message = serializers.CharField(help_text="Why it failed")
    done = serializers.IntegerField(help_text="Actions that are written")
    total = serializers.IntegerField()
    integration = serializers.UUIDField(allow_null=True, help_text="The draft, once it is begun")
    createdAt = serializers.DateTimeField()


class EntryDocument(serializers.Serializer):
    number = serializers.IntegerField(help_text="Its place in the document, from 0")
    group = serializers.CharField()
    method = serializers.CharField()
    path = serializers.CharField()
    name = serializers.CharField()
    deprecated = serializers.BooleanField()
    selected = serializers.BooleanField()


class SelectionRequest(serializers.Serializer):
    add = serializers.ListField(child=serializers.IntegerField(min_value=0), required=False)
    remove = serializers.ListField(child=serializers.IntegerField(min_value=0), required=False)


class SelectionDocument(serializers.Serializer):
    selected = serializers.IntegerField()
    total = serializers.IntegerField()


class LinterDocument(serializers.Serializer):
    name = serializers.ChoiceField(["junction", "vacuum"])
    version = serializers.CharField(required=False)


class ImportDocument(IntegrationDocument):
    version = serializers.CharField(help_text="Of OpenAPI, as the document names it")
    actionCount = serializers.IntegerField()
    linter = LinterDocument(help_text="Which linter looked for the findings")
    findings = FindingDocument(many=True)
    repairs = RepairDocument(many=True)


class WarningDocument(serializers.Serializer):
    field = serializers.CharField()
    message = serializers.CharField()


class FinalizedDocument(IntegrationDocument):
    warnings = WarningDocument(many=True, help_text="What did not stand in the way, but may end runs with an error")


class SuggestionDocument(serializers.Serializer):
    """How an action pages by the look of the imported document."""

    pagination = PaginationField()
    score = serializers.IntegerField(min_value=1, max_value=100)
    evidence = serializers.CharField()


class ParameterDocument(serializers.Serializer):
    name = serializers.CharField()
    type = serializers.ChoiceField(["string", "integer", "number", "boolean", "array", "object"], required=False)
    required = serializers.BooleanField(required=False)  # type: ignore[assignment]  # a member of the document
    default = AnyField(required=False)
    description = serializers.CharField(required=False)

    def get_fields(self) -> dict[str, serializers.Field]:
        return {**super().get_fields(), "in": serializers.ChoiceField(["path", "query", "header", "cookie"])}


class ActionRequest(serializers.Serializer):
    key = serializers.CharField(required=False)
    name = serializers.CharField()
    description = serializers.CharField(required=False)
    method = serializers.CharField(required=False, default="GET")
    path = serializers.CharField()
    parameters = ParameterDocument(many=True, required=False)
    body = ObjectField(required=False, allow_null=True, help_text="contentType, required, schema")
    paginated = serializers.BooleanField(required=False)
    pagination = PaginationField(required=False, allow_null=True, help_text="Null: the integration's")
    resultsKey = serializers.CharField(required=False, allow_null=True)
    errors = ErrorRulesField(required=False, help_text="They go before the integration's")  # type: ignore[assignment]  # a member of the document
    errorExpression = serializers.CharField(required=False)
    rateLimit = RateLimitField(required=False, allow_null=True, help_text="Null: the integration's")
    deprecated = serializers.BooleanField(required=False)
    tags = serializers.ListField(child=serializers.CharField(), required=False)


class ActionDocument(ActionRequest):
    id = serializers.UUIDField()
    integration = serializers.UUIDField()
    responseSchema = ObjectField(allow_null=True)
    suggestion = SuggestionDocument(allow_null=True)
    suggestedResultsKeys = serializers.ListField(
        child=serializers.CharField(), help_text="Lists in the answer, by the document; the likeliest first"
    )


@extend_schema_field(reference("Definition"))
class DefinitionField(serializers.JSONField):
    pass


class DraftDocument(serializers.Serializer):
    integration = serializers.UUIDField()
    number = serializers.IntegerField(help_text="Of the revision")
    state = serializers.ChoiceField(["draft", "finalized"])
    definition = DefinitionField()
    actions = ActionDocument(many=True)


class RenameRequest(serializers.Serializer):
    field = serializers.ChoiceField(["name", "description"])
    pattern = serializers.CharField()
    replacement = serializers.CharField(required=False)
    actions = serializers.ListField(child=serializers.UUIDField(), required=False, help_text="By default all")
    dryRun = serializers.BooleanField(required=False)


class RenameChange(serializers.Serializer):
    id = serializers.UUIDField()
    before = serializers.CharField()
    after = serializers.CharField()


class RenameDocument(serializers.Serializer):
    dryRun = serializers.BooleanField()
    count = serializers.IntegerField()
    changes = RenameChange(many=True)


class TrialRequest(serializers.Serializer):
    """An action or a path; a connection, or credentials that are sent and forgotten."""

    action = serializers.UUIDField(required=False)
    path = serializers.CharField(required=False, help_text="Asked for with GET, relative to the base URI")
    inputs = ObjectField(required=False)
    pagination = PaginationField(required=False, help_text="Left out: the action's own, or the integration's")
    pageSize = serializers.IntegerField(required=False, allow_null=True)
    connection = serializers.UUIDField(required=False)
    credentials = ObjectField(required=False)
    settings = ObjectField(required=False)


class LookDocument(serializers.Serializer):
    method = serializers.CharField()
    url = serializers.CharField(help_text="Without secrets")
    headers = ObjectField()
    body = serializers.CharField()
    status = serializers.IntegerField(allow_null=True, help_text="Null: no answer came")
    elapsedMs = serializers.IntegerField()
    bytes = serializers.IntegerField()
    contentType = serializers.CharField()
    records = serializers.IntegerField(allow_null=True)
    total = serializers.IntegerField(allow_null=True)
    next = serializers.CharField(help_text="Where the next page is")
    firstRecord = serializers.CharField()


class AttemptDocument(serializers.Serializer):
    pagination = PaginationField()
    works = serializers.BooleanField()
    message = serializers.CharField()
    evidence = serializers.ListField(child=serializers.CharField())
    requests = LookDocument(many=True)


class ChangeDocument(serializers.Serializer):
    setting = serializers.CharField()
    before = AnyField()
    after = AnyField()
    evidence = serializers.CharField()


class TrialDocument(serializers.Serializer):
    works = serializers.BooleanField(help_text="The settings as they were sent")
    attempts = AttemptDocument(many=True)
    suggestion = PaginationField(allow_null=True)
    changes = ChangeDocument(many=True)


class RunRequest(serializers.Serializer):
    action = serializers.UUIDField()
    connection = serializers.UUIDField(required=False, help_text="Left out: the one that the organization uses, see connection-choice")
    organization = serializers.CharField(
        required=False,
        help_text="Id or slug of the organization that it runs for; by default the connection's, or the caller's topmost one",
    )
    inputs = ObjectField(
        required=False,
        help_text="By parameter name; the body under body. {{mapping.id}} and {{mapping.label}} stand for the mapped customer",
    )
    pageSize = serializers.IntegerField(required=False, allow_null=True)
    maxPages = serializers.IntegerField(required=False, allow_null=True, help_text="Null: all pages. Left out: the default page limit")
    uniqueBy = serializers.CharField(
        required=False,
        allow_null=True,
        allow_blank=True,
        help_text="De-duplicate by this: a path in each record, or several, split by commas. Null or left out: as the pagination says. Empty: not at all",
    )


class RunDocument(serializers.Serializer):
    id = serializers.UUIDField()
    action = serializers.UUIDField()
    connection = serializers.UUIDField()
    integration = serializers.UUIDField()
    environment = serializers.CharField(help_text="Of the connection")
    revision = serializers.IntegerField(help_text="Of the integration, by which it runs")
    organization = serializers.UUIDField(help_text="For whom it runs")
    schedule = serializers.UUIDField(allow_null=True, help_text="That started it, null for a person's run")
    mapping = ObjectField(allow_null=True, help_text="id and label of the customer that the organization is at the vendor")
    inputs = ObjectField()
    pageSize = serializers.IntegerField(allow_null=True)
    maxPages = serializers.IntegerField(allow_null=True)
    state = serializers.ChoiceField(["queued", "running", "waiting", "finished"])
    verdict = serializers.ChoiceField(["complete", "truncated", "loop", "ambiguous", "failed", "cancelled"], allow_null=True)
    message = serializers.CharField()
    error = serializers.CharField(allow_null=True)
    blame = serializers.ChoiceField(
        ["you", "us", "vendor"],
        allow_null=True,
        help_text="Who can mend a failure: you, who run the action or own the connection; us, who keep the integration or this Junction; the vendor",
    )
    cause = serializers.CharField(allow_null=True, help_text="The failure in a word: a status, 5xx, dns, tls_expired, token …")
    failedStatus = serializers.IntegerField(allow_null=True, help_text="The vendor's status, where its answer ended the run")
    pages = serializers.IntegerField()
    records = serializers.IntegerField()
    uniqueBy = serializers.CharField(help_text="The paths in a record that tell it apart. Empty: nothing is dropped")
    dropped = serializers.IntegerField(help_text="Records that came a second time")
    bytes = serializers.IntegerField()
    total = serializers.IntegerField(allow_null=True, help_text="What the vendor says there is")
    storedBytes = serializers.IntegerField(help_text="Of its records as they are stored, compressed")
    recordsRemovedAt = serializers.DateTimeField(
        allow_null=True, help_text="When its records were removed by a rule of the installation; the ledger stays"
    )
    resumable = serializers.BooleanField(help_text="It can go on from its last page")
    resumeAt = serializers.DateTimeField(allow_null=True, help_text="When a waiting run goes on: the vendor asked for the pause")
    createdAt = serializers.DateTimeField()
    startedAt = serializers.DateTimeField(allow_null=True)
    finishedAt = serializers.DateTimeField(allow_null=True)


class ResumeRequest(serializers.Serializer):
    morePages = serializers.IntegerField(required=False, allow_null=True, help_text="How many more pages at most. Null or left out: all")


class LedgerRow(serializers.Serializer):
    page = serializers.IntegerField()
    method = serializers.CharField()
    url = serializers.CharField(help_text="Without secrets")
    tokenIn = ObjectField(allow_null=True, help_text="What the page was asked for with")
    tokenOut = ObjectField(allow_null=True, help_text="Null on the last page")
    status = serializers.IntegerField(allow_null=True, help_text="Null where no answer came")
    attempts = serializers.IntegerField(allow_null=True)
    records = serializers.IntegerField()
    dropped = serializers.IntegerField(help_text="Records that came a second time")
    bytes = serializers.IntegerField(help_text="Of the records, uncompressed")
    hash = serializers.CharField(help_text="Of the records; empty for a page without any")
    milliseconds = serializers.IntegerField(allow_null=True)
    fetchedAt = serializers.DateTimeField()
    outcome = serializers.ChoiceField(["stored", "failed"], help_text="The last line of a run that failed says where")
    blame = serializers.ChoiceField(["", "you", "us", "vendor"], help_text="Who can mend a failure")
    message = serializers.CharField(help_text="Why it failed")


class LedgerDocument(serializers.Serializer):
    pages = LedgerRow(many=True)
    next = serializers.IntegerField(allow_null=True, help_text="What `after` takes for the next part")


class NoteRequest(serializers.Serializer):
    note = serializers.CharField(required=False, help_text="What changed, for the history")


class RevisionDocument(serializers.Serializer):
    number = serializers.IntegerField()
    state = serializers.ChoiceField(["draft", "finalized"])
    finalizedAt = serializers.DateTimeField(allow_null=True)
    finalizedBy = serializers.CharField(allow_null=True)
    note = serializers.CharField()
    createdAt = serializers.DateTimeField()


class FieldChangeDocument(serializers.Serializer):
    field = serializers.CharField(help_text="Dotted, such as auth.apiKeyName")
    before = AnyField()
    after = AnyField()


class ActionReference(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    method = serializers.CharField()
    path = serializers.CharField()


class ActionChangeDocument(ActionReference):
    def get_fields(self) -> dict[str, serializers.Field]:
        return {**super().get_fields(), "fields": FieldChangeDocument(many=True)}


class ActionChangesDocument(serializers.Serializer):
    added = ActionReference(many=True)
    removed = ActionReference(many=True)
    changed = ActionChangeDocument(many=True)


class DifferenceDocument(serializers.Serializer):
    before = serializers.IntegerField(allow_null=True)
    after = serializers.IntegerField()
    definition = FieldChangeDocument(many=True)
    actions = ActionChangesDocument()
