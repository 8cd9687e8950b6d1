"""The API of organizations, members, invitations, environments and the audit log."""

from django.urls import path

from integrations.organizations.api import audit, environments, members, organizations

urlpatterns = [
    path("organizations", organizations.OrganizationsView.as_view(), name="api-organization-list"),
    path("organizations/<str:key>", organizations.OrganizationView.as_view(), name="api-organization"),
    path("organizations/<str:key>/move", organizations.MoveView.as_view(), name="api-organization-move"),
    path("organizations/<str:key>/members", members.MembersView.as_view(), name="api-member-list"),
    path("organizations/<str:key>/members/<str:username>", members.MemberView.as_view(), name="api-member"),
    path("organizations/<str:key>/environments", environments.EnvironmentsView.as_view(), name="api-environment-list"),
    path("organizations/<str:key>/environments/<str:environment>", environments.EnvironmentView.as_view(), name="api-environment"),
    path("organizations/<str:key>/invitations", members.InvitationsView.as_view(), name="api-invitation-list"),
    path("organizations/<str:key>/invitations/<uuid:pk>", members.InvitationView.as_view(), name="api-invitation"),
    path("audit", audit.AuditView.as_view(), name="api-audit"),
]
