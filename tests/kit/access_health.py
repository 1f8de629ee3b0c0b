"""Who may ask what of the health board: a part of the table of every route and role."""

STAFF = "tpa"
HEALTH: dict[tuple[str, str], str] = {
    ("GET", "/workshop/live"): STAFF,
    ("GET", "/workshop/alarms"): STAFF,
    ("GET", "/workshop/timeline"): STAFF,
    ("GET", "/workshop/timeline.csv"): STAFF,
}
