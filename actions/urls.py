"""The pages of this stage."""

from django.urls import path

from actions.pages import detail, imports
from actions.wizard import views as wizard

wizard.register()

urlpatterns = [
    path("integrations/import/", imports.import_document, name="integration-import"),
    path("integrations/<str:slug>/", detail.detail, name="integration-detail"),
    path("integrations/<str:slug>/report/", imports.report, name="integration-report"),
    path("integrations/<str:slug>/actions/rename/", wizard.rename, name="action-rename"),
    path("integrations/<str:slug>/actions/<uuid:uid>/delete/", wizard.delete_action, name="action-delete"),
]
