"""Messages of errors that people read on pages: named here so that the catalogues carry them.

Those with figures in them stay as they are raised.
"""

from django.utils.translation import gettext_noop as _

CODE_REFUSALS = (
    _("This code gives no credit."),
    _("There is no such code. Compare each character with what you were given."),
    _("This code was redeemed already. Each code gives credit once."),
    _("This code has expired. Ask whoever gave it to you for another one."),
    _("This code was withdrawn. Ask whoever gave it to you for another one."),
)
AMOUNT_REFUSALS = (
    _("Zero is not an amount to grant."),
    _("A top-up is more than zero."),
    _("A code is worth more than zero."),
    _("A code cannot expire before it is made."),
)
LIMIT_REFUSALS = (
    _("A limit is not negative."),
    _("The installation's limit names no team, person or conversation."),
    _("A team's limit names the team, and neither person nor conversation."),
    _("A person's limit names the person and the team, and no conversation."),
    _("A conversation's limit names it and its team, and no person."),
    _("Nobody knows this time zone. Name one such as Asia/Shanghai."),
    _("There is such a limit already. Change it, or end it first."),
    _("Warn at whole percentages with commas, such as 80,100."),
    _("Warn at percentages from 1 to 100."),
    _("These are too many percentages to warn at."),
)
PRICE_REFUSALS = (
    _("A price is not negative."),
    _("An official price has an input and an output figure."),
    _("A trial needs a price or a markup, and days in order."),
    _("A markup is between -100 and 1,000 percent."),
    _("A markup has at most two decimal places, such as 12.25."),
    _(
        "Turns since then are priced already, and their markup stays. "
        "Let the new markup start now or later."
    ),
)
