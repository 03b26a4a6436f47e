"""Messages of errors that people read on pages: named here so that the catalogues carry them.

Those with figures in them name them, as `%(amount)s`.
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
    _("An API key's limit names it and its team, and no person."),
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
AMOUNTS_WITH_FIGURES = (
    _("%(text)s is not an amount in USD, such as 0.42."),
    _("%(text)s is not an amount in CNY, such as 0.42."),
    _("%(amount)s nano-USD is beyond what the ledger can hold."),
    _("USD %(amount)s is beyond what the ledger can hold."),
    _("CNY %(amount)s is beyond what the ledger can hold."),
    _("USD %(amount)s has more than nine decimal places."),
    _("CNY %(amount)s has more than nine decimal places."),
    _("CNY %(amount)s at USD %(rate)s for one has more than nine decimal places in USD."),
    _("At most %(amount)s are granted at once."),
    _("A limit is at most %(amount)s."),
    _("From 1 to %(count)s codes are made at once."),
)
PRICES_WITH_FIGURES = (
    _("A model's name has 1 to 200 characters and no space at its ends."),
    _("A price is at most %(amount)s per million tokens, or for an image."),
    _(
        "Turns of %(model)s since then are priced already, and their price stays. "
        "Let the new price start now or later."
    ),
    _("%(text)s is not a percentage, such as 12.5."),
    _("%(text)s is not a rate, such as 7.2."),
    _("%(text)s is none of %(known)s."),
    _("%(text)s has more than six decimal places."),
    _("A rate is above 0 and below %(most)s."),
    _("Give a price or a markup to try."),
    _("A price is tried on the turns of one model. Name it."),
    _("The first day is after the last one."),
)
