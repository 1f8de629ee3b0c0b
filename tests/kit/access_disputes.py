"""Who may ask what of disputes, exports and comparisons: a part of the table of every route and role."""

SIGNED_IN = "moitpa"
API = "/api/v1"
DISPUTES: dict[tuple[str, str], str] = {
    ("GET", "/disputes"): "pa",
    ("POST", "/disputes"): SIGNED_IN,
    ("GET", "/disputes/{id}"): SIGNED_IN,
    ("POST", "/disputes/{id}/adjust"): "pa",
    ("POST", "/disputes/{id}/waive"): "pa",
    ("POST", "/disputes/{id}/refuse"): "pa",
    ("POST", "/disputes/{id}/withdraw"): SIGNED_IN,
    ("POST", f"{API}/charges/{{charge}}/disputes"): SIGNED_IN,
    ("GET", f"{API}/members/{{member}}/disputes"): "mpa",
    ("GET", f"{API}/disputes"): "pa",
    ("GET", f"{API}/disputes/{{id}}"): SIGNED_IN,
    ("POST", f"{API}/disputes/{{id}}/adjust"): "pa",
    ("POST", f"{API}/disputes/{{id}}/waive"): "pa",
    ("POST", f"{API}/disputes/{{id}}/refuse"): "pa",
    ("POST", f"{API}/disputes/{{id}}/withdraw"): SIGNED_IN,
    ("GET", f"{API}/exports/{{form}}"): "pa",
    ("POST", f"{API}/tariffs/compare"): "pa",
    ("POST", f"{API}/tariffs/quote"): SIGNED_IN,
}
"""There is no dispute here: that another's is not shown, and not decided, is in the tests of disputes."""
