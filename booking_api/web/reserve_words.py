"""What pages say of reservations: how they stand, and in the reader's language why a slot cannot be had."""

from __future__ import annotations

from collections.abc import Mapping

from booking_api.auth.who import Who
from booking_api.reservations import choices
from booking_api.reservations.booking import SlotDetails
from booking_api.reservations.choices import Quota
from booking_api.reservations.diary import Diary
from booking_api.web.render import Page
from booking_api.web.sentences import said
from floor.errors import Refused
from floor.reservation.terms import Standing, Turned

STANDINGS = {
    Standing.BOOKED: "booked",
    Standing.BEGUN: "begun",
    Standing.ENDED: "over",
    Standing.CANCELLED: "cancelled",
    Standing.RELEASED: "released: nobody came",
    Standing.HANDED_OVER: "handed over",
}
RULES = {
    "overlap": "This time is taken.",
    "buffer": "Too little lies free between this and another reservation of the machine.",
    "offer": "This time is offered to one who waited.",
    "past": "This time is over.",
    "length": "It ends before it begins.",
    "length_min": "It is too short.",
    "length_max": "It is too long.",
    "lengths": "It is not of a length that may be reserved here.",
    "step": "It is not of a length that may be reserved here.",
    "starts_every": "Reservations of this machine begin at other times.",
    "starts_at": "Reservations of this machine begin at other times.",
    "over_midnight": "It may not go over midnight.",
    "ahead": "This is too far ahead to be reserved now.",
    "ahead_until": "This is too far ahead to be reserved now.",
    "opens": "That week is not open for reservations yet.",
    "lead": "It is too late to reserve this time.",
    "lead_by": "It is too late to reserve this time.",
    "same_day": "This machine is not reserved for the same day.",
    "suspended": "You are suspended, or something is overdue.",
    "membership": "Your membership ends before this.",
    "waiver": "Before you use this machine there is a text to sign.",
    "only_tiers": "This machine is reserved by others than you.",
    "except_tiers": "This machine is reserved by others than you.",
    "certified": "You are not certified for this machine at that time.",
    "policy": "This machine cannot be reserved.",
    "reserve": "This machine cannot be reserved.",
    "hours": "The space is not open then.",
    "openings": "The space is not open then.",
    "holidays": "The space is closed on that day.",
    "blocks": "The machine is taken for a class or for maintenance.",
    "one_at_a_time": "You have reserved another machine at that time.",
    "gap": "It is too near to another reservation of yours.",
    "limits": "You would have reserved more than is allowed.",
    "hand_over": "This reservation cannot be handed over.",
    "hand_over_until": "It is too late to hand this reservation over.",
    "waiting": "There is no waiting list for this machine.",
    "waiting_most": "The waiting list of this machine is full.",
    "extend": "It cannot go on: somebody waits, or the rules have it end.",
    "recurring": "Reservations of this machine do not come again by themselves.",
    "recurring_most": "These are more dates than are allowed.",
    "recurring_for": "It may not come again for so long.",
    "extend_max": "It cannot go on for so long.",
}
"""By rule, what a reader whose language the rules' own sentence is not in is told."""


BARE = {
    "length_min": ("At least %s.", "least"),
    "length_max": ("At most %s.", "most"),
    "lengths": ("It may last %s.", "of"),
    "step": ("In steps of %s.", "step"),
}
"""By rule of length, what it asks for, whatever was asked of it."""


def bare_words(why: Turned) -> str:
    """Return a refusal's sentence without the length that was asked for: it holds for others too."""
    sentence, key = BARE.get(why.rule, ("", ""))
    if sentence:
        return sentence % why.values[key]
    most, found, _ = why.sentence.partition(": this would be")
    return f"{most}." if found else most


def rule_words(rule: str, sentence: str, page: Page, names: Mapping[str, str]) -> str:
    """Return why a rule refused: its own sentence with all figures, else its short form.

    `names` has the name of each machine by its id.
    """
    words = said(sentence, page.f, names)
    if page.f.language == "en" or words != sentence or rule not in RULES:
        return words
    return page.f.texts.gettext(RULES[rule])


def problem_words(refused: Refused, page: Page, names: Mapping[str, str]) -> str:
    """Return a refusal in the reader's language."""
    return rule_words(refused.code.removeprefix("reservation_"), refused.sentence, page, names)


def price_words(diary: Diary, slot: SlotDetails, who: Who, page: Page) -> str:
    """Say about what a slot costs; "" where its time costs nothing."""
    about = choices.about_micro(diary, slot, who.member.tier)
    if about is None or not about[0]:
        return ""
    return page.f.texts.gettext("about %(money)s") % {"money": page.f.money(*about)}


def quota_words(quota: Quota, page: Page, names: Mapping[str, str]) -> dict[str, str | int]:
    """Return a limit in words, what is used of it, what is left, and both as numbers of a bar."""
    left = max(0, quota.most - quota.used)
    used, rest = (
        (page.f.span(quota.used), page.f.span(left)) if quota.is_time else (str(quota.used), str(left))
    )
    words = page.f.texts.gettext("used: %(used)s, left: %(left)s") % {"used": used, "left": rest}
    most = rule_words("limits", quota.sentence, page, names)
    return {"most": most, "words": words, "used": min(quota.used, quota.most), "of": quota.most}
