"""Organizations, members, invitations, feature preview."""

from django.urls import path

from integrations.organizations import environment_pages, log_pages, member_pages, pages

urlpatterns = [
    path("organizations/", pages.index, name="organization-list"),
    path("organizations/new/", pages.new, name="organization-new"),
    path("organizations/<slug:slug>/", pages.detail, name="organization-detail"),
    path("organizations/<slug:slug>/move/", pages.move, name="organization-move"),
    path("organizations/<slug:slug>/delete/", pages.delete, name="organization-delete"),
    path("organizations/<slug:slug>/environments/new/", environment_pages.new, name="environment-new"),
    path("organizations/<slug:slug>/environments/<uuid:pk>/delete/", environment_pages.delete, name="environment-delete"),
    path("organizations/<slug:slug>/invite/", member_pages.invite, name="invitation-new"),
    path("organizations/<slug:slug>/invitations/<uuid:pk>/withdraw/", member_pages.withdraw, name="invitation-withdraw"),
    path("organizations/<slug:slug>/members/<int:pk>/role/", member_pages.role, name="member-role"),
    path("organizations/<slug:slug>/members/<int:pk>/fields/", member_pages.fields, name="member-fields"),
    path("organizations/<slug:slug>/members/<int:pk>/remove/", member_pages.remove, name="member-remove"),
    path("invitations/<str:token>/", member_pages.accept, name="invitation-accept"),
    path("account/organization/search/", pages.search, name="organization-search"),
    path("settings/feature-preview/", pages.preview, name="feature-preview"),
    path("settings/feature-preview/choose/", pages.preview_set, name="feature-preview-set"),
    path("audit/", log_pages.log, name="audit-log"),
    path("audit/export.<str:form>", log_pages.export, name="audit-export"),
]
