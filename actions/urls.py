"""Pages of this stage."""

from django.urls import path

from actions import run_pages

run_urls = [
    path("integrations/<slug:slug>/actions/<uuid:uid>/run/", run_pages.action_run, name="action-run"),
    path("runs/", run_pages.run_list, name="run-list"),
    path("runs/<uuid:pk>/", run_pages.run_detail, name="run-detail"),
    path("runs/<uuid:pk>/status", run_pages.run_status, name="run-status"),
    path("runs/<uuid:pk>/records", run_pages.run_records, name="run-records"),
    path("runs/<uuid:pk>/records.<str:form>", run_pages.run_download, name="run-download"),
    path("runs/<uuid:pk>/cancel/", run_pages.run_cancel, name="run-cancel"),
]

urlpatterns = [*run_urls]
