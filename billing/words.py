"""Messages of errors that people read on pages: named here so that the catalogues carry them."""

from django.utils.translation import gettext_noop as _

CODE_REFUSALS = (
    _("This code gives no credit."),
    _("There is no such code. Compare each character with what you were given."),
    _("This code was redeemed already. Each code gives credit once."),
    _("This code has expired. Ask whoever gave it to you for another one."),
    _("This code was withdrawn. Ask whoever gave it to you for another one."),
)
