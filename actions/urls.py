"""The pages of this stage; included before those of integrations, whose page of one integration would take `import` for a slug."""

from django.urls import path

from actions.pages import choosing, detail, history, import_progress, imports, mapping, pinning, runs, schedules, trying, webhooks
from actions.wizard import views as wizard

wizard.register()

urlpatterns = [
    path("integrations/import/", imports.import_document, name="integration-import"),
    path("integrations/import/<uuid:pk>/", import_progress.detail, name="import-detail"),
    path("integrations/import/<uuid:pk>/status", import_progress.status, name="import-status"),
    path("integrations/import/<uuid:pk>/select/", import_progress.select, name="import-select"),
    path("integrations/import/<uuid:pk>/accept/", import_progress.accept, name="import-accept"),
    path("integrations/import/<uuid:pk>/cancel/", import_progress.cancel, name="import-cancel"),
    path("integrations/<str:slug>/", detail.detail, name="integration-detail"),
    path("integrations/<slug:slug>/connection/", choosing.why, name="integration-choice"),
    path("integrations/<slug:slug>/mapping/", mapping.table, name="integration-mapping"),
    path("integrations/<slug:slug>/mapping/options", mapping.found_options, name="mapping-options"),
    path("integrations/<slug:slug>/mapping/setup/", mapping.setup, name="mapping-setup"),
    path("integrations/<slug:slug>/mapping/refresh/", mapping.refresh, name="mapping-refresh"),
    path("integrations/<slug:slug>/mapping/status", mapping.status, name="mapping-status"),
    path("integrations/<slug:slug>/mapping/export.csv", mapping.export, name="mapping-export"),
    path("integrations/<slug:slug>/mapping/import/", mapping.import_file, name="mapping-import"),
    path("integrations/<str:slug>/history/", history.revisions, name="integration-history"),
    path("integrations/<str:slug>/history/<int:number>/", history.changes, name="revision-changes"),
    path("integrations/<str:slug>/history/<int:number>/restore/", history.restore, name="revision-restore"),
    path("integrations/<str:slug>/report/", imports.report, name="integration-report"),
    path("integrations/<str:slug>/repairs/<int:number>/undo/", imports.undo_repair, {"redo": False}, name="repair-undo"),
    path("integrations/<str:slug>/repairs/<int:number>/redo/", imports.undo_repair, {"redo": True}, name="repair-redo"),
    path("integrations/<str:slug>/actions/rename/", wizard.rename, name="action-rename"),
    path("integrations/<str:slug>/actions/<uuid:uid>/delete/", wizard.delete_action, name="action-delete"),
    path("integrations/<slug:slug>/actions/<uuid:uid>/run/", runs.action_run, name="action-run"),
    path("integrations/<str:slug>/try/", trying.try_pagination, name="pagination-try"),
    path("integrations/<str:slug>/try/use/", trying.use_pagination, name="pagination-use"),
    path("connections/<uuid:pk>/revision/", pinning.connection_revision, name="connection-revision"),
    path("integrations/<slug:slug>/actions/<uuid:uid>/schedule/", schedules.schedule_new, name="schedule-new"),
    path("connections/<uuid:pk>/webhooks/", webhooks.webhooks, name="connection-webhooks"),
    path("connections/<uuid:pk>/webhooks/actions/new/", webhooks.trigger_new, name="trigger-new"),
    path("webhooks/actions/<uuid:pk>/", webhooks.trigger_edit, name="trigger-edit"),
    path("webhooks/actions/<uuid:pk>/switch/", webhooks.trigger_switch, name="trigger-switch"),
    path("webhooks/actions/<uuid:pk>/delete/", webhooks.trigger_delete, name="trigger-delete"),
    path("runs/schedules/", schedules.schedule_list, name="schedule-list"),
    path("runs/schedules/<uuid:pk>/", schedules.schedule_edit, name="schedule-edit"),
    path("runs/schedules/<uuid:pk>/switch/", schedules.schedule_switch, name="schedule-switch"),
    path("runs/schedules/<uuid:pk>/delete/", schedules.schedule_delete, name="schedule-delete"),
    path("runs/", runs.run_list, name="run-list"),
    path("runs/<uuid:pk>/", runs.run_detail, name="run-detail"),
    path("runs/<uuid:pk>/status", runs.run_status, name="run-status"),
    path("runs/<uuid:pk>/records", runs.run_records, name="run-records"),
    path("runs/<uuid:pk>/records.<str:form>", runs.run_download, name="run-download"),
    path("runs/<uuid:pk>/ledger.<str:form>", runs.run_ledger, name="run-ledger"),
    path("runs/<uuid:pk>/resume/", runs.run_resume, name="run-resume"),
    path("runs/<uuid:pk>/cancel/", runs.run_cancel, name="run-cancel"),
    path("runs/<uuid:pk>/delete/", runs.run_delete, name="run-delete"),
]
