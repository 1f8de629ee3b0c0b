"""Every room of the server that answers requests or looks by itself; a new one is named here."""

from __future__ import annotations

from booking_api.accounts import endpoints as accounts
from booking_api.alerts import endpoints as alerts
from booking_api.api import pages as api_pages
from booking_api.audit import endpoints as audit
from booking_api.auth import endpoints as tokens
from booking_api.auth import staff_endpoints as sign_ins
from booking_api.badges import endpoints as badges
from booking_api.billing import endpoints as billing
from booking_api.billing import split_endpoints
from booking_api.certifications import endpoints as certifications
from booking_api.certifications import quiz_endpoints
from booking_api.costing import endpoints as costing
from booking_api.courses import endpoints as courses
from booking_api.courses import rounds as course_rounds
from booking_api.disputes import endpoints as disputes
from booking_api.documents import endpoints as documents
from booking_api.exports import endpoints as exports
from booking_api.gateways import endpoints as gateways
from booking_api.health import watch as health_rounds
from booking_api.households import endpoints as households
from booking_api.ledger import endpoints as ledger
from booking_api.machines import endpoints as machines
from booking_api.maintenance import endpoints as maintenance
from booking_api.maintenance import rounds as maintenance_rounds
from booking_api.members import endpoints as members
from booking_api.members import file_endpoints as member_files
from booking_api.memberships import endpoints as memberships
from booking_api.notices import endpoints as notices
from booking_api.payments import bank_endpoints, item_endpoints, online_endpoints
from booking_api.payments import endpoints as payments
from booking_api.prints import endpoints as prints
from booking_api.privacy import endpoints as privacy
from booking_api.prometheus import figures
from booking_api.registrations import endpoints as registrations
from booking_api.reports import counting
from booking_api.reports import endpoints as reports
from booking_api.reports import year_endpoints as year_reports
from booking_api.reservations import endpoints as reservations
from booking_api.reservations import line_endpoints
from booking_api.reservations import rounds as reservation_rounds
from booking_api.sessions import endpoints as sessions
from booking_api.sites import endpoints as sites
from booking_api.spaceapi import endpoints as spaceapi
from booking_api.tariffs import endpoints as tariffs
from booking_api.waivers import endpoints as waivers
from booking_api.web import accounts as account_pages
from booking_api.web import (
    badge,
    badge_reading,
    bank,
    billing_run,
    calendars,
    cash_desk,
    classes,
    closing,
    funds,
    health,
    join,
    letters,
    lost,
    machine,
    me,
    member_import,
    my_uses,
    pages,
    people,
    phone,
    pools,
    quizzes,
    receipts,
    reserve,
    security,
    series,
    shop,
    sign_in,
    space_settings,
    splits,
    staff,
    study,
    tariff_form,
    timeline,
    training,
    upkeep,
    upkeep_orders,
    wall,
    watch,
    workshop,
)
from booking_api.web import disputes as dispute_pages
from booking_api.web import documents as document_pages
from booking_api.web import memberships as membership_pages
from booking_api.web import prints as print_pages
from booking_api.web import reservations as reservation_pages
from booking_api.web import settlements as settlement_pages
from booking_api.web import sign_ins as sign_in_pages
from booking_api.web import sites as site_pages
from booking_api.web import tariffs as tariff_pages
from booking_api.web import waivers as waiver_pages
from booking_api.webhooks import endpoints as webhooks

PEOPLE = (tokens, sign_ins, members, badges, certifications, quiz_endpoints, accounts, memberships, courses)
PERSONS = (member_files, households, registrations, waivers, privacy, sites)
FLOOR = (machines, sessions, tariffs, gateways, prints, reservations, line_endpoints, maintenance)
BOOKS = (ledger, billing, split_endpoints, costing, documents, disputes, exports)
PAYMENTS = (payments, bank_endpoints, item_endpoints, online_endpoints)
WATCH = (audit, webhooks, notices, alerts)
API = (*PEOPLE, *PERSONS, *FLOOR, *BOOKS, *PAYMENTS, *WATCH)
SIGN_IN_PAGES = (sign_in, letters, security, sign_in_pages)
TRAINING_PAGES = (training, quizzes, classes)
PEOPLE_PAGES = (account_pages, membership_pages, *TRAINING_PAGES, print_pages, badge_reading, phone)
PERSON_PAGES = (people, waiver_pages, join, member_import, site_pages)
CALENDAR_PAGES = (calendars, timeline, reservation_pages, reserve, series)
COST_PAGES = (tariff_form, tariff_pages, pools, study, funds)
DESK_PAGES = (cash_desk, bank, shop, billing_run, closing)
MONEY_PAGES = (receipts, splits, document_pages, dispute_pages, settlement_pages, *DESK_PAGES)
ALL_PEOPLE = (*SIGN_IN_PAGES, *PEOPLE_PAGES, *PERSON_PAGES)
PAGES = (
    api_pages,
    spaceapi,
    pages,
    wall,
    me,
    my_uses,
    badge,
    machine,
    staff,
    workshop,
    health,
    space_settings,
    lost,
    upkeep,
    upkeep_orders,
    watch,
    reports,
    year_reports,
    *ALL_PEOPLE,
    *CALENDAR_PAGES,
    *MONEY_PAGES,
    *COST_PAGES,
)
ROUNDS = (
    course_rounds.ROUND,
    reservation_rounds.ROUND,
    *maintenance_rounds.ROUNDS,
    *figures.ROUNDS,
    *health_rounds.ROUNDS,
    counting.ROUND,
)
"""What looks by itself, beside requests."""
