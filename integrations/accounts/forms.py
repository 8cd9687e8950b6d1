"""Forms of sign-in and account."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm
from django.contrib.auth.password_validation import password_validators_help_texts

from integrations.models import User


class SignInForm(AuthenticationForm):
    """User name and password; the answer to a wrong pair does not say which of the two is wrong."""

    error_messages = {
        "invalid_login": "User name or password is wrong. Check both; capital letters count.",
        "inactive": "This account is closed. Ask an administrator of your organization to open it again.",
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].label = "User name"


class ProfileForm(forms.ModelForm):
    """How others see the user."""

    class Meta:
        model = User
        fields = ["display_name", "email"]
        labels = {"display_name": "Name", "email": "Email"}
        help_texts = {"display_name": "Shown instead of your user name."}
        widgets = {
            "display_name": forms.TextInput(attrs={"autocomplete": "name"}),
            "email": forms.EmailInput(attrs={"autocomplete": "email"}),
        }


class NewPasswordForm(PasswordChangeForm):
    """A new password of one's own; it ends the time of the one that Junction made."""

    error_messages = {
        **PasswordChangeForm.error_messages,
        "password_incorrect": "This is not your current password. Enter it again.",
        "password_mismatch": "The two new passwords differ. Enter the same one twice.",
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["old_password"].label = "Current password"
        self.fields["old_password"].widget.attrs.pop("autofocus", None)  # the page has a form above this one
        self.fields["new_password1"].label = "New password"
        self.fields["new_password1"].help_text = " ".join(password_validators_help_texts())
        self.fields["new_password2"].label = "New password again"
        self.fields["new_password2"].help_text = ""

    def save(self, commit: bool = True) -> Any:
        self.user.has_first_password = False
        return super().save(commit)
