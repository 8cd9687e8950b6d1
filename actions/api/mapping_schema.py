"""How the choice of connections, and mappings, look in /api/schema/."""

from __future__ import annotations

from rest_framework import serializers

from actions.api.schema import ObjectField


class ChosenConnection(serializers.Serializer):
    """No more of a connection than its name: what is above may be somebody else's."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    organization = serializers.UUIDField()


class OverrideRequest(serializers.Serializer):
    organization = serializers.CharField(required=False, help_text="Id or slug; by default the caller's topmost one")
    action = serializers.UUIDField(required=False, allow_null=True, help_text="Left out: for the whole integration")
    selection = serializers.ChoiceField(["default", "chosen", "name", "mapping"], required=False)
    connection = serializers.UUIDField(required=False, allow_null=True, help_text="With chosen")
    name = serializers.CharField(required=False, help_text="With name: the whole name, or a part that only one connection has")
    fallback = serializers.ChoiceField(["default", "mapping", "fail"], required=False)


class OverrideDocument(serializers.Serializer):
    action = serializers.UUIDField(allow_null=True)
    selection = serializers.ChoiceField(["default", "chosen", "name", "mapping"])
    connection = serializers.UUIDField(allow_null=True, help_text="null with chosen: it was deleted")
    name = serializers.CharField()
    fallback = serializers.ChoiceField(["default", "mapping", "fail"])
    updatedAt = serializers.DateTimeField()


class ChoiceStep(serializers.Serializer):
    rule = serializers.ChoiceField(["explicit", "chosen", "name", "default", "mapped", "inherited"])
    title = serializers.CharField()
    taken = serializers.BooleanField()
    why = serializers.CharField()
    connection = ChosenConnection(allow_null=True)


class ChoiceDocument(serializers.Serializer):
    organization = serializers.UUIDField()
    integration = serializers.UUIDField()
    action = serializers.UUIDField(allow_null=True)
    connection = ChosenConnection(allow_null=True, help_text="What a run would use; null: see problem")
    reason = serializers.CharField()
    problem = serializers.CharField(allow_null=True, help_text="Why there is none, and what to do")
    mapping = ObjectField(allow_null=True, help_text="What {{mapping.id}} and {{mapping.label}} would be")
    override = OverrideDocument(allow_null=True, help_text="What the organization has set, if anything")
    steps = ChoiceStep(many=True, help_text="What was considered, in order")


class MappingRequest(serializers.Serializer):
    organization = serializers.CharField(required=False, help_text="Id or slug; by default the caller's topmost one")
    source = serializers.ChoiceField(["typed", "list", "action"])  # type: ignore[assignment]  # a member of the document
    connection = serializers.UUIDField(required=False, allow_null=True, help_text="null: the organization's default")
    action = serializers.UUIDField(required=False, allow_null=True, help_text="With action: any action whose records are the customers")
    inputs = ObjectField(required=False, help_text="Of that action, by parameter name")
    valuePath = serializers.CharField(required=False, help_text="By default id")
    labelPath = serializers.CharField(required=False, help_text="By default name")
    options = serializers.ListField(
        child=ObjectField(), required=False, help_text="With list: objects with value and label, the whole list"
    )


class MappingDocument(serializers.Serializer):
    organization = serializers.UUIDField()
    integration = serializers.UUIDField()
    source = serializers.ChoiceField(["typed", "list", "action"])  # type: ignore[assignment]  # a member of the document
    connection = serializers.UUIDField(allow_null=True)
    action = serializers.UUIDField(allow_null=True)
    inputs = ObjectField()
    valuePath = serializers.CharField()
    labelPath = serializers.CharField()
    state = serializers.ChoiceField(["idle", "refreshing", "failed"])
    message = serializers.CharField(help_text="What the last refresh came to")
    run = serializers.UUIDField(allow_null=True, help_text="The run of the last refresh")
    options = serializers.IntegerField(help_text="How many there are")
    refreshedAt = serializers.DateTimeField(allow_null=True)
    organizations = serializers.IntegerField(help_text="Organizations below")
    mapped = serializers.IntegerField(help_text="How many of them are mapped")


class MappedDocument(serializers.Serializer):
    organization = serializers.UUIDField()
    slug = serializers.CharField()
    name = serializers.CharField()
    id = serializers.CharField(allow_null=True, help_text="{{mapping.id}}; null: not mapped")
    label = serializers.CharField(allow_null=True)  # type: ignore[assignment]  # a member of the document


class _MappedRows(serializers.Serializer):
    mapping = MappedDocument(many=True)


class MappedCollection(serializers.Serializer):
    _links = serializers.DictField()
    _embedded = _MappedRows()
    start = serializers.IntegerField()
    count = serializers.IntegerField()
    total = serializers.IntegerField()


class OptionDocument(serializers.Serializer):
    value = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # a member of the document


class _OptionRows(serializers.Serializer):
    option = OptionDocument(many=True)


class OptionCollection(serializers.Serializer):
    _links = serializers.DictField()
    _embedded = _OptionRows()
    start = serializers.IntegerField()
    count = serializers.IntegerField()
    total = serializers.IntegerField()


class MapChange(serializers.Serializer):
    organization = serializers.CharField(help_text="Id or slug of an organization below")
    id = serializers.CharField(allow_null=True, help_text="null takes the mapping away")
    label = serializers.CharField(required=False, help_text="Where there are options, that of the option counts")  # type: ignore[assignment]  # a member of the document


class MapRequest(serializers.Serializer):
    organization = serializers.CharField(required=False, help_text="Id or slug of the organization whose mapping it is")
    mappings = MapChange(many=True)


class MapResult(serializers.Serializer):
    mapped = serializers.IntegerField()
    cleared = serializers.IntegerField()
    unchanged = serializers.IntegerField()


class MappingSuggestionDocument(serializers.Serializer):
    organization = serializers.UUIDField()
    score = serializers.IntegerField(allow_null=True, help_text="80 to 100; null where several fit equally well")
    options = OptionDocument(many=True, help_text="The one that fits, or the several that fit equally well")


class MappingSuggestionsDocument(serializers.Serializer):
    suggestions = MappingSuggestionDocument(many=True)
    none = serializers.IntegerField(help_text="Organizations that no option fits")
