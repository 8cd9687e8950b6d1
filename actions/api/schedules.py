"""Schedules over HTTP: list, add, change, switch on and off, delete."""

from __future__ import annotations

from typing import Any

import django_filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from actions import runs
from actions.api.runs import RunsView
from actions.api.schema import ObjectField
from actions.models import Schedule
from actions.permissions import schedule_for
from actions.schedules import services
from actions.schedules.obstacles import action_of, obstacle
from actions.schedules.timing import Timing
from config.hal import array
from integrations.api.listing import Filters, Flag, Order
from integrations.api.payloads import ANYTHING, FLAG, INPUTS, TEXT, WHOLE_NUMBER, checked
from integrations.api.schema import problems
from integrations.api.views import json_object
from integrations.permissions import signed_in
from integrations.refusals import Conflict, Invalid

_FIELDS = {
    "name": TEXT.or_null(),
    "action": ANYTHING,
    "connection": ANYTHING,
    "organization": ANYTHING,
    "environment": TEXT.or_null(),
    "inputs": INPUTS.or_null(),
    "pageSize": ANYTHING,
    "maxPages": ANYTHING,
    "uniqueBy": TEXT.or_null(),
    "everyMinutes": WHOLE_NUMBER.or_null(),
    "cron": TEXT.or_null(),
    "timezone": TEXT.or_null(),
    "enabled": FLAG,
}
_TIME = frozenset({"everyMinutes", "cron", "timezone"})


class ScheduleRequest(serializers.Serializer):
    """When it runs is either `everyMinutes` or `cron` with `timezone`. Whoever saves it becomes its owner."""

    name = serializers.CharField(required=False, max_length=200, help_text="Left out: the name of the action")
    action = serializers.UUIDField(help_text="Cannot be changed later")
    connection = serializers.UUIDField(required=False, help_text="Left out: one is chosen now, as for a run")
    organization = serializers.CharField(required=False, help_text="Id or slug of whom it runs for; by default the connection's")
    environment = serializers.CharField(
        required=False,
        help_text="In which one a connection is looked for; production if left out. A connection that is named is in one already",
    )
    inputs = ObjectField(required=False, help_text="By parameter name; the body under body")
    pageSize = serializers.IntegerField(required=False, allow_null=True)
    maxPages = serializers.IntegerField(required=False, allow_null=True, help_text="Null: all pages. Left out: the default page limit")
    uniqueBy = serializers.CharField(required=False, help_text="The key of a record; of those with the same one only the first counts")
    everyMinutes = serializers.IntegerField(required=False, allow_null=True, min_value=1, help_text="Counted from the moment of saving")
    cron = serializers.CharField(required=False, help_text="Minute, hour, day of the month, month, day of the week")
    timezone = serializers.CharField(required=False, help_text="Of the cron expression, such as Europe/Berlin; UTC if left out")
    enabled = serializers.BooleanField(required=False, help_text="True if left out")


class ScheduleDocument(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    action = serializers.UUIDField()
    connection = serializers.UUIDField()
    organization = serializers.UUIDField()
    environment = serializers.CharField(help_text="That of the connection")
    inputs = ObjectField()
    pageSize = serializers.IntegerField(allow_null=True)
    maxPages = serializers.IntegerField(allow_null=True)
    uniqueBy = serializers.CharField()
    everyMinutes = serializers.IntegerField(allow_null=True)
    cron = serializers.CharField(allow_null=True)
    timezone = serializers.CharField(allow_null=True)
    enabled = serializers.BooleanField()
    owner = serializers.CharField(allow_null=True)
    message = serializers.CharField(help_text="Why it did not run last time, or why it was switched off")
    problem = serializers.CharField(allow_null=True, help_text="What would keep it from running now")
    nextAt = serializers.DateTimeField(allow_null=True)
    lastRun = serializers.UUIDField(allow_null=True)
    lastFiredAt = serializers.DateTimeField(allow_null=True)


def represent(schedule: Schedule) -> dict[str, Any]:
    found = obstacle(schedule, schedule.owner)
    return {
        "id": str(schedule.pk),
        "name": schedule.name,
        "action": str(schedule.action_uid),
        "connection": str(schedule.connection_id),
        "organization": str(schedule.organization_id),
        "environment": schedule.connection.environment,
        "inputs": schedule.inputs,
        "pageSize": schedule.page_size,
        "maxPages": schedule.max_pages,
        "uniqueBy": schedule.unique_by,
        "everyMinutes": schedule.minutes,
        "cron": schedule.cron or None,
        "timezone": schedule.zone if schedule.cron else None,
        "enabled": schedule.is_enabled,
        "owner": schedule.owner.username if schedule.owner else None,
        "message": schedule.message,
        "problem": found.sentence if found else None,
        "nextAt": schedule.next_at,
        "lastRun": str(schedule.last_run_id) if schedule.last_run_id else None,
        "lastFiredAt": schedule.last_fired_at,
    }


class ScheduleFilters(Filters):
    organization = django_filters.UUIDFilter(field_name="organization_id")
    connection = django_filters.UUIDFilter(field_name="connection_id")
    action = django_filters.UUIDFilter(field_name="action_uid")
    enabled = Flag("is_enabled")
    ordering = Order({"name": "name", "created_at": "createdAt"})


class SchedulesView(APIView):
    @extend_schema(
        operation_id="listSchedules",
        summary="List schedules",
        parameters=ScheduleFilters.parameters(),
        responses={200: ScheduleDocument(many=True), **problems(401, 422)},
        tags=["schedules"],
    )
    def get(self, request: Request) -> Response:
        rows = Schedule.objects.visible_to(request.user).select_related(*services.SHOWN)
        return array(request, ScheduleFilters.narrow(request, rows), represent)

    @extend_schema(
        operation_id="addSchedule",
        summary="Let an action run by itself",
        request=ScheduleRequest,
        responses={201: ScheduleDocument, **problems(400, 401, 403, 409, 422)},
        tags=["schedules"],
    )
    def post(self, request: Request) -> Response:
        payload = checked(json_object(request), _FIELDS)
        made = _saved(request, payload, None)
        return Response(represent(made), status=201, headers={"Location": f"/api/schedules/{made.pk}"})


class ScheduleView(APIView):
    @extend_schema(
        operation_id="getSchedule", summary="A schedule", responses={200: ScheduleDocument, **problems(401, 404)}, tags=["schedules"]
    )
    def get(self, request: Request, key: str) -> Response:
        return Response(represent(schedule_for(request.user, key)))

    @extend_schema(
        operation_id="changeSchedule",
        summary="Change a schedule; what is left out stays",
        request=ScheduleRequest(partial=True),
        responses={200: ScheduleDocument, **problems(400, 401, 403, 404, 409, 422)},
        tags=["schedules"],
    )
    def patch(self, request: Request, key: str) -> Response:
        schedule = schedule_for(request.user, key, use=True)
        payload = checked(json_object(request), _FIELDS)
        if set(payload) == {"enabled"}:
            return Response(represent(services.set_enabled(schedule=schedule, is_enabled=payload["enabled"], user=signed_in(request))))
        if "action" in payload and payload["action"] != str(schedule.action_uid):
            raise Invalid({"action": ["The action of a schedule stays. Add another schedule."]})
        return Response(represent(_saved(request, {**_present(schedule, payload), **payload}, schedule)))

    @extend_schema(
        operation_id="deleteSchedule",
        summary="Delete a schedule; its runs stay",
        responses={204: None, **problems(401, 403, 404)},
        tags=["schedules"],
    )
    def delete(self, request: Request, key: str) -> Response:
        services.delete(schedule=schedule_for(request.user, key, use=True))
        return Response(status=204)


def _present(schedule: Schedule, payload: dict[str, Any]) -> dict[str, Any]:
    """What a change leaves as it is; a new time replaces all of the old one."""
    known = {name: value for name, value in represent(schedule).items() if name in _FIELDS and name != "environment"}
    if "environment" in payload and "connection" not in payload:
        del known["connection"]  # it is looked for there
    return {name: value for name, value in known.items() if name not in _TIME or not _TIME & set(payload)}


def _saved(request: Request, payload: dict[str, Any], schedule: Schedule | None) -> Schedule:
    user = signed_in(request)
    organization, connection = RunsView.for_whom(user, payload)
    if schedule and action_of(schedule) is None:
        raise Conflict("The action of this schedule is no longer part of the integration. Delete the schedule.")
    return services.save(
        schedule=schedule,
        action=RunsView.action_named(user, payload.get("action"), connection),
        connection=connection,
        organization=organization,
        environment=payload.get("environment"),
        user=user,
        timing=Timing(payload.get("everyMinutes"), " ".join((payload.get("cron") or "").split()), payload.get("timezone") or "UTC"),
        name=payload.get("name") or "",
        inputs=payload.get("inputs") or {},
        page_size=payload.get("pageSize"),
        max_pages=payload.get("maxPages", runs.DEFAULT_LIMIT),
        unique_by=payload.get("uniqueBy"),
        is_enabled=payload.get("enabled", True),
    )
