"""Templates become answers: one Jinja environment a language, autoescaped, undefined names are errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse

import dashboards
from booking_api.auth.guards import Ctx, MaybeWho
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.context import Context
from booking_api.web.formats import Formats
from booking_api.web.kinds import kind_words
from booking_api.web.language import NAMES, catalogue, choose

WEB = Path(dashboards.__file__).parent / "web"
LANGUAGE_COOKIE = "language"
NOTICES: dict[str, tuple[str, str]] = {
    "paid": ("good", "The payment is posted."),
    "lost": ("good", "The badge is reported lost: it opens nothing any more."),
    "found": ("good", "The badge is in use again."),
    "granted": ("good", "The certification is granted."),
    "revoked": ("good", "The certification is revoked."),
    "done": ("good", "Done: the machine has answered."),
    "recorded": ("accent", "Recorded. The gateway is out of touch and will be told when it is back."),
    "refused": ("bad", "The machine's gateway refused."),
    "invoiced": ("good", "The invoices of this month are issued."),
    "invoiced_some": ("good", "The invoices are issued. What is left stands below."),
    "address": ("good", "The billing address is kept."),
    "taken": ("good", "The money is on the account."),
    "refunded": ("good", "The credit is given back."),
    "sold": ("good", "Sold: it stands on the statement."),
    "cancelled": ("good", "The sale is cancelled."),
    "opened": ("good", "The drawer is open."),
    "closed": ("good", "The drawer is closed."),
    "imported": ("good", "The file is read. What named an account is posted."),
    "assigned": ("good", "The line is posted."),
    "ignored": ("good", "The line is set aside."),
    "returned": ("accent", "Thank you. The payment stands here as soon as the provider has told us."),
    "kept": ("good", "It is kept, and holds from now on."),
    "payer": ("good", "Your sessions are charged to this account from now on."),
    "moved": ("good", "The session is charged to the account that you chose."),
    "month_closed": ("good", "The month is closed."),
    "month_opened": ("good", "The month is open again: what its close posted is reversed."),
    "invoice_entered": ("good", "The invoice is in the books."),
    "fact_withdrawn": ("good", "It is taken back."),
    "invoice_paid": ("good", "The invoice is paid."),
    "joined": ("good", "Welcome: the membership is yours."),
    "asked": ("accent", "Staff have been asked, and will answer here."),
    "pass_taken": ("good", "You may use it. Its readers know your badge within seconds."),
    "pass_back": ("good", "It is given back."),
    "pass_given": ("good", "They may use the other site, within seconds."),
    "pass_ended": ("good", "They may use the other site no more, or were told no."),
    "billed": ("good", "What had come due is charged."),
    "signed_up": ("good", "You have a place in the class."),
    "gave_up": ("good", "The place is given up, and the fee is given back."),
    "gave_up_late": ("accent", "The place is given up. It was too late to give the fee back."),
    "waits": ("good", "You wait for a place, and are told when one is free for you."),
    "left": ("good", "You wait no more."),
    "passed": ("good", "Passed."),
    "failed": ("bad", "Not passed this time."),
    "called_off": ("good", "The class is called off, and everybody gets back what they paid."),
    "seen": ("good", "The alarm is marked as seen."),
    "split": ("good", "The cost is split."),
    "unsplit": ("good", "The split is undone."),
    "session_ended": ("good", "The session is ended, and charged."),
    "series": ("good", "The dates that could be had are reserved."),
    "series_cancelled": ("good", "The rest of the series is given up."),
    "disputed": ("good", "Staff will look at it, and their answer will stand here."),
    "decided": ("good", "Decided: the member reads it on the statement."),
    "withdrawn": ("good", "The dispute is withdrawn."),
    "print_queued": ("good", "Queued: it begins at your next tap at the machine."),
    "print_cancelled": ("good", "The print is taken out of the queue."),
    "reserved": ("good", "It is reserved."),
    "reservation_cancelled": ("good", "The reservation is given up."),
    "reservation_changed": ("good", "The reservation is changed."),
    "reservation_handed_over": ("good", "The reservation is handed over."),
    "waits_for_slot": ("good", "You wait: what comes free is offered to you here."),
    "waits_no_more": ("good", "You wait no more."),
    "offer_declined": ("good", "The offer goes to the next in line."),
    "calendar_revoked": ("good", "The calendar address shows nothing any more."),
    "blocked": ("good", "The machine is taken."),
    "contact": ("good", "It is kept."),
    "suspended": ("good", "The member is suspended, at every machine."),
    "restored": ("good", "The suspension is over."),
    "household": ("good", "The household is changed."),
    "erased": ("good", "The member is forgotten. What the law keeps has no name any more."),
    "published": ("good", "The text is published. Who has to sign it is told."),
    "signed": ("good", "Signed. Thank you."),
    "admitted": ("good", "Admitted: this is their page."),
    "declined": ("good", "Declined. The letter says why."),
    "in_team": ("good", "You are in the team, and may charge to it."),
    "brought_in": ("good", "The file is brought in."),
    "second_factor": ("accent", "Your role needs a second factor: set up a passkey or one-time codes."),
    "passkey_added": ("good", "The passkey is yours: sign in with it from now on."),
    "link_added": ("good", "Linked: you can sign in there from now on."),
    "new_password": ("good", "The new password holds; you were signed out everywhere else."),
    "new_email": ("good", "The new address is yours; the old one was told."),
    "letter": ("accent", "A letter with a link is on its way."),
    "signed_out": ("good", "Signed out there."),
    "invited": ("good", "The invitation is on its way."),
    "second_reset": (
        "accent",
        "The second factor is taken away. They sign in with their password, and set one up anew.",
    ),
    "told": ("good", "Your choice is kept."),
    "tested": ("good", "A test message is on its way. If it does not come in a few minutes, ask staff."),
    "nowhere": (
        "warn",
        "There is nowhere to send it: the space has no mail address of yours, and no phone is kept.",
    ),
    "reported": ("good", "Thank you. Staff have been told."),
    "work_opened": ("good", "The work order is open."),
    "work_done": ("good", "The work is done, and counting begins anew."),
    "part_used": ("good", "The part is taken from the stock."),
    "photo_kept": ("good", "The photo is kept."),
    "settings_kept": ("accent", "It is in the file. Restart the server, and it holds."),
    "settings_same": ("accent", "Nothing was changed."),
    "tariff_kept": ("good", "It is kept, and in force from its time on."),
    "machines_chosen": ("good", "These machines charge by this tariff from now on."),
    "price_changed": ("accent", "The price has changed meanwhile. Look at it again."),
}
"""What a page says after a form, by the word in its address; a catalogue has each text."""
_NAV: tuple[tuple[str, tuple[tuple[str, str, Permission | None], ...]], ...] = (
    ("", (("/", "The floor", None),)),
    (
        "Mine",
        (
            ("/reservations/day", "Reserve", Permission.MACHINES_READ),
            ("/reservations", "My reservations", Permission.ME_READ),
            ("/prints", "Print queue", Permission.ME_READ),
            ("/training", "My training", Permission.ME_READ),
            ("/shop", "Materials", Permission.ME_READ),
            ("/me", "My page", Permission.ME_READ),
            ("/membership", "My membership", Permission.ME_READ),
            ("/me/details", "My details", Permission.ME_READ),
            ("/me/notices", "What I am told", Permission.ME_READ),
        ),
    ),
    (
        "People",
        (
            ("/members", "Members", Permission.MEMBERS_READ),
            ("/classes", "Classes", Permission.CERTIFICATIONS_WRITE),
            ("/skills", "Skills", Permission.CERTIFICATIONS_READ),
            ("/registrations", "Who wants to join", Permission.MEMBERS_WRITE),
            ("/invitations", "Invitations", Permission.MEMBERS_WRITE),
            ("/memberships", "Plans", Permission.MEMBERS_WRITE),
            ("/waivers", "Texts to sign", Permission.MEMBERS_READ),
        ),
    ),
    (
        "Money",
        (
            ("/desk", "Cash desk", Permission.LEDGER_WRITE),
            ("/accounts", "Accounts", Permission.LEDGER_READ),
            ("/billing-run", "Billing run", Permission.LEDGER_READ),
            ("/invoices", "Invoices", Permission.LEDGER_READ),
            ("/disputes", "Disputes", Permission.LEDGER_READ),
        ),
    ),
    (
        "Costs",
        (
            ("/tariffs", "Tariffs", Permission.TARIFFS_WRITE),
            ("/pools", "Cost pools", Permission.LEDGER_READ),
            ("/study", "Rate study", Permission.LEDGER_READ),
            ("/funds", "Funds", Permission.LEDGER_READ),
            ("/closing", "Costs and closing", Permission.LEDGER_READ),
            ("/reports", "Reports", Permission.REPORTS_READ),
        ),
    ),
    (
        "Machines",
        (
            ("/workshop", "Workshop", Permission.GATEWAYS_READ),
            ("/upkeep", "Upkeep", Permission.MACHINES_OPERATE),
            ("/utilisation", "Utilisation", Permission.MACHINES_READ),
        ),
    ),
    (
        "Watch",
        (
            ("/audit", "Audit log", Permission.AUDIT_READ),
            ("/webhooks", "Webhooks", Permission.WEBHOOKS_WRITE),
            ("/settings", "Settings", Permission.SETTINGS_WRITE),
        ),
    ),
)
FEW_LINKS = 5
"""So many links stand side by side; more are put away in menus."""


@cache
def environment(language: str) -> Environment:
    """Return the templates that speak a language."""
    made = Environment(
        loader=FileSystemLoader(WEB / "templates"),
        extensions=["jinja2.ext.i18n"],
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    texts = catalogue(language)
    made.install_gettext_callables(texts.gettext, texts.ngettext, newstyle=True)  # type: ignore[attr-defined] # the extension adds it
    made.filters["kind"] = lambda kind: kind_words(kind, texts)
    return made


@dataclass(frozen=True, slots=True)
class Page:
    """What every page knows: who reads it, in which language, where."""

    context: Context
    who: Who | None
    f: Formats
    path: str
    notice: str = ""

    def part(self, template: str, **values: object) -> Markup:
        """Render a part of a page."""
        known = {"f": self.f, "who": self.who} | values
        return Markup(environment(self.f.language).get_template(template).render(known))

    def answer(self, template: str, values: Mapping[str, object], status: int = 200) -> HTMLResponse:
        """Render a whole page."""
        gettext = self.f.texts.gettext
        other = "en" if self.f.language == "zh" else "zh"
        tone, text = NOTICES.get(self.notice, ("", ""))
        frame: dict[str, object] = {
            "space": self.context.settings.space_name,
            "zone": self.context.settings.timezone,
            "path": self.path,
            "nav": self._navigation(),
            "here": self._here(),
            "notice": {"tone": tone, "text": gettext(text)} if text else None,
            "other_language": other,
            "other_language_name": NAMES[other],
            "may": self.may,
        }
        return HTMLResponse(self.part(template, **(frame | dict(values))), status)

    def _navigation(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """Return the menus that the reader may open, each with its links; one without a name is its links."""
        gettext = self.f.texts.gettext
        menus = [
            (title, [(href, gettext(name)) for href, name, need in links if need is None or self.may(need)])
            for title, links in _NAV
        ]
        few = sum(len(links) for _, links in menus) <= FEW_LINKS
        return [
            ("" if few or len(links) == 1 else gettext(title) if title else "", links)
            for title, links in menus
            if links
        ]

    def _here(self) -> str:
        """Return the link of the navigation that the page lies below; "" for none."""
        links = [href for _, group in _NAV for href, *_ in group]
        below = [one for one in links if self.path == one or (one != "/" and self.path.startswith(f"{one}/"))]
        return max(below, key=len, default="")

    def may(self, permission: Permission | str) -> bool:
        """Whether the reader has a right."""
        return self.who is not None and self.who.may(Permission(permission))


def page_of(request: Request, context: Ctx, who: MaybeWho) -> Page:
    """Return what a request's page knows."""
    return make_page(request, context, who)


def make_page(request: Request, context: Context, who: Who | None) -> Page:
    """Return what a page of this request knows, for a reader who is known already."""
    language = choose(
        request.cookies.get(LANGUAGE_COOKIE),
        who.member.language if who else None,
        request.headers.get("accept-language", context.settings.language),
    )
    formats = Formats(language, context.zone)
    return Page(context, who, formats, request.url.path, request.query_params.get("notice", ""))
