"""What reports call each figure, and what each figure is; a catalogue and docs/reports.md have each text."""

from __future__ import annotations

from booking_api.reports.figure import Section
from booking_api.reports.index import Part

SECTIONS: dict[Section, str] = {
    Section.PEOPLE: "Members",
    Section.TEAMS: "Teams and firms",
    Section.LEARNING: "Training and events",
    Section.SPACE: "The space",
    Section.USE: "What was used",
    Section.UPKEEP: "Upkeep",
    Section.MONEY: "Money in and out",
}
NAMES: dict[str, str] = {
    "members_served": "Members served",
    "served_by_tier": "Served, by tier",
    "minors_served": "Minors served",
    "members_of_group": "Members at a group's price",
    "members_new": "New members",
    "members_left": "Members who left",
    "members_at_end": "Members at the end",
    "teams_resident": "Teams and firms at the end",
    "teams_active": "Teams and firms that used anything",
    "survival_6": "Teams active after 6 months",
    "survival_12": "Teams active after 12 months",
    "survival_24": "Teams active after 24 months",
    "teams_financed": "Teams financed",
    "financing": "Sum of financing",
    "classes": "Classes held",
    "class_places": "Places taken in classes",
    "sign_offs": "Skills signed off",
    "people_trained": "People trained",
    "events": "Events",
    "event_visitors": "Visitors of events",
    "mentors": "Mentors",
    "mentors_full_time": "Mentors, full-time",
    "machines": "Machines",
    "staff": "Staff",
    "area_m2": "Floor area",
    "opening_hours": "Opening hours a week",
    "sessions": "Sessions",
    "machine_hours": "Hours in sessions",
    "busy_hours": "Hours working",
    "jobs": "Jobs",
    "jobs_done": "Jobs that were done",
    "filament": "Filament",
    "energy": "Energy",
    "refusals": "Taps refused",
    "refused_occupied": "Refused because occupied",
    "utilisation": "Utilisation",
    "availability": "Availability",
    "work_orders_done": "Work orders done",
    "failures_repaired": "Failures repaired",
    "repair_hours_mean": "Mean time to repair",
    "upkeep_cost": "Cost of upkeep",
    "income": "Income",
    "income_from": "Income, by source",
    "borne_by_fund": "Borne by funds",
    "cost": "Costs",
    "cost_of_pool": "Costs, by pool",
    "cost_coverage": "Costs covered by income",
}
MEANINGS: dict[str, str] = {
    "members_served": "Different people who ended at least one session in the time; staff who used a "
    "machine count.",
    "served_by_tier": "The same people by the tier of their session; who changed tier counts in each.",
    "minors_served": "Of the people served, those who were minors on the first day of the time.",
    "members_of_group": "People with a membership at a reduced price for a group, such as students, on "
    "any day.",
    "members_new": "Members who were added in the time.",
    "members_left": "Members whose access ended in the time and was not renewed, or who were erased.",
    "members_at_end": "Members who had access when the time ended, or have it now.",
    "teams_resident": "Teams with an account that was not archived when the time ended, or now; no "
    "cost centres.",
    "teams_active": "Different teams to whose accounts a session was charged when it ended.",
    "survival_6": "Of the teams whose 6th month ended in the time, those not archived that used "
    "something from three"
    " months before on, or have a membership.",
    "survival_12": "The same of the 12th month after a team's account was opened.",
    "survival_24": "The same of the 24th month after a team's account was opened.",
    "teams_financed": "As entered by the space: teams that were given money by investors or programmes.",
    "financing": "As entered by the space: what those teams were given, in the space's currency.",
    "classes": "Classes that began and ended in the time and were not called off.",
    "class_places": "Places in those classes whose holder attended.",
    "sign_offs": "Skills that somebody was granted in the time and that were not granted anew later.",
    "people_trained": "Different people who attended a class or were granted a skill.",
    "events": "As entered by the space: events beside the classes.",
    "event_visitors": "As entered by the space: people who came to events.",
    "mentors": "As last entered by the space up to the end of the time.",
    "mentors_full_time": "As last entered by the space: mentors who do nothing else.",
    "machines": "Machines, without doors, that were not archived before the time began.",
    "staff": "As last entered by the space, in full posts.",
    "area_m2": "As last entered by the space, in square metres.",
    "opening_hours": "As last entered by the space; without it every hour of the day counts as open.",
    "sessions": "Sessions that ended in the time, also those ended by hand, by staff, or not priced yet.",
    "machine_hours": "The length of those sessions; one over new year counts whole where it ended.",
    "busy_hours": "Of them, the hours in which a machine said that it was working.",
    "jobs": "Prints and cuts that ended, whatever came of them; only machines that tell of jobs have any.",
    "jobs_done": "Of them, those that the machine said were done.",
    "filament": "What was metered in those sessions, in grams.",
    "energy": "What was metered in those sessions, in kilowatt hours; not what machines take "
    "outside of them.",
    "refusals": "Taps that were refused, for any reason.",
    "refused_occupied": "Of them, those refused because somebody else used the machine.",
    "utilisation": "Hours in sessions by the hours in which machines were there, in order and open.",
    "availability": "The part of the time since a machine's first use in which it was not out of order.",
    "work_orders_done": "Work orders closed as done in the time.",
    "failures_repaired": "Times out of order that ended in the time and were not planned.",
    "repair_hours_mean": "The mean length of those times, in hours.",
    "upkeep_cost": "Costs of the kind upkeep, of all pools, as the books have them.",
    "income": "What the books booked as income in the time, without tax; what funds bore is in it.",
    "income_from": "The same by source: use of machines, dues, classes, other fees, sales, funds' "
    "fixed parts.",
    "borne_by_fund": "Of the income, what funds pay in place of users.",
    "cost": "What the books booked as costs; a month that is not closed has only its invoices.",
    "cost_of_pool": "The same by cost pool.",
    "cost_coverage": "Income by costs.",
}
PARTS: dict[str, str] = {
    "use": "use of machines",
    "dues": "dues",
    "classes": "classes",
    "fees": "other fees",
    "sales": "sales",
    "funds": "fixed parts of funds",
    "other": "other",
}
INDEX: dict[Part, tuple[str, str]] = {
    Part.HOURS: (
        "Hours used a machine and month",
        "Help members to use what stands there: training, longer hours, fair prices.",
    ),
    Part.UTILISATION: ("Utilisation", "Move or sell what stands idle, and open when people have time."),
    Part.REACH: (
        "Members served a machine",
        "Bring more people to the machines: open days, schools, reduced prices.",
    ),
    Part.LEARNING: ("People trained of 100 served", "Hold more classes, and sign people off at the machine."),
    Part.RELIABILITY: ("Availability", "Maintain by plan, keep parts, and repair sooner."),
    Part.SURVIVAL: (
        "Teams active after 12 months",
        "Stay with teams after their first months: mentors, benches, orders.",
    ),
    Part.COVERAGE: ("Costs covered by income", "Look at prices and funds against what each pool costs."),
    Part.SIZE: ("Floor area", "Counts little: rooms alone serve nobody."),
}
"""Each part of the index, and what would raise it."""
TEXTS: tuple[dict[str, str], ...] = (
    {str(key): text for key, text in SECTIONS.items()},
    NAMES,
    MEANINGS,
    PARTS,
    {str(key): name for key, (name, _) in INDEX.items()},
    {str(key): text for key, (_, text) in INDEX.items()},
)
"""What a catalogue has."""
