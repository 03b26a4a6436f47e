"""Steps of signing in that differ from allauth's."""

from allauth.account.models import EmailAddress
from allauth.account.stages import EmailVerificationStage
from django.http import HttpResponse


class ConfirmEmailStage(EmailVerificationStage):  # type: ignore[misc]
    """Asks for a confirmed address only of people who signed up by themselves.

    People whom an administrator or a command made have no row of theirs to confirm, perhaps not
    even an address; asking them would shut them out.
    """

    def handle(self) -> tuple[HttpResponse | None, bool]:
        """Return what to answer instead of going on, if anything, and whether to go on."""
        user = self.login.user
        if user is not None and not EmailAddress.objects.filter(user=user).exists():
            return None, True
        result: tuple[HttpResponse | None, bool] = super().handle()
        return result
