"""The API of this stage; included before that of integrations, whose path of one integration would take `import` for a slug."""

from django.urls import path

from actions.api import actions, choosing, drafts, history, imports, mapping, repairs, runs, schedules, trying

urlpatterns = [
    path("imports", imports.ImportsView.as_view(), name="api-import-list"),
    path("imports/<str:key>", imports.ImportView.as_view(), name="api-import"),
    path("imports/<str:key>/operations", imports.OperationsView.as_view(), name="api-import-operations"),
    path("imports/<str:key>/accept", imports.AcceptView.as_view(), name="api-import-accept"),
    path("imports/<str:key>/cancel", imports.CancelView.as_view(), name="api-import-cancel"),
    path("integrations/<str:key>/findings", imports.FindingsView.as_view(), name="api-finding-list"),
    path("integrations/import", actions.ImportView.as_view(), name="api-integration-import"),
    path("integrations/<str:key>/finalize", actions.FinalizeView.as_view(), name="api-integration-finalize"),
    path("integrations/<str:key>/draft", drafts.DraftView.as_view(), name="api-draft"),
    path("integrations/<str:key>/actions", actions.ActionsView.as_view(), name="api-action-list"),
    path("integrations/<str:key>/actions/rename", actions.RenameView.as_view(), name="api-action-rename"),
    path("integrations/<str:key>/repairs", repairs.RepairsView.as_view(), name="api-repair-list"),
    path("integrations/<str:key>/repairs/<int:number>/undo", repairs.UndoView.as_view(), name="api-repair-undo"),
    path("integrations/<str:key>/repairs/<int:number>/redo", repairs.RedoView.as_view(), name="api-repair-redo"),
    path("integrations/<str:key>/revisions", history.RevisionsView.as_view(), name="api-revision-list"),
    path("integrations/<str:key>/revisions/<int:number>/changes", history.ChangesView.as_view(), name="api-revision-changes"),
    path("integrations/<str:key>/revisions/<int:number>/restore", history.RestoreView.as_view(), name="api-revision-restore"),
    path("integrations/<str:key>/connection-choice", choosing.ChoiceView.as_view(), name="api-connection-choice"),
    path("integrations/<str:key>/connection-overrides", choosing.OverridesView.as_view(), name="api-connection-overrides"),
    path("integrations/<str:key>/mapping", mapping.MappingView.as_view(), name="api-mapping"),
    path("integrations/<str:key>/mapping/refresh", mapping.MappingRefreshView.as_view(), name="api-mapping-refresh"),
    path("integrations/<str:key>/mapping/options", mapping.MappingOptionsView.as_view(), name="api-mapping-options"),
    path("integrations/<str:key>/mapping/organizations", mapping.MappedView.as_view(), name="api-mapping-organizations"),
    path("integrations/<str:key>/mapping/suggestions", mapping.SuggestionsView.as_view(), name="api-mapping-suggestions"),
    path("integrations/<str:key>/mapping/csv", mapping.MappingCsvView.as_view(), name="api-mapping-csv"),
    path("integrations/<str:key>/try", trying.TryView.as_view(), name="api-pagination-try"),
    path("actions/<str:key>", actions.ActionView.as_view(), name="api-action"),
    path("schedules", schedules.SchedulesView.as_view(), name="api-schedule-list"),
    path("schedules/<str:key>", schedules.ScheduleView.as_view(), name="api-schedule"),
    path("runs", runs.RunsView.as_view(), name="api-run-list"),
    path("runs/<str:key>", runs.RunView.as_view(), name="api-run"),
    path("runs/<str:key>/cancel", runs.RunCancelView.as_view(), name="api-run-cancel"),
    path("runs/<str:key>/resume", runs.RunResumeView.as_view(), name="api-run-resume"),
    path("runs/<str:key>/ledger", runs.LedgerView.as_view(), name="api-run-ledger"),
    path("runs/<str:key>/records", runs.RecordsView.as_view(), name="api-run-records"),
]
