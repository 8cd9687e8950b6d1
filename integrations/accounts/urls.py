"""Sign-in, account, organization switch."""

from django.contrib.auth.views import LogoutView
from django.urls import path

from integrations.accounts import views

urlpatterns = [
    path("login/", views.SignInView.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("account/", views.account, name="account"),
    path("account/organization/", views.switch_organization, name="organization-switch"),
]
