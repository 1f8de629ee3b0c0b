"""Who may ask what of plans and memberships: a part of the table of every route and role."""

SIGNED_IN = "moitpa"
API = "/api/v1"
MEMBERSHIPS: dict[tuple[str, str], str] = {
    ("POST", f"{API}/members/{{member}}/memberships"): SIGNED_IN,
    ("GET", f"{API}/members/{{member}}/memberships"): "mitpa",
    ("GET", f"{API}/memberships"): "itpa",
    ("POST", f"{API}/memberships/bill"): "pa",
    ("DELETE", f"{API}/memberships/{{id}}"): "pa",
    ("POST", f"{API}/memberships/{{id}}/accept"): "pa",
    ("POST", f"{API}/memberships/{{id}}/change"): SIGNED_IN,
    ("POST", f"{API}/memberships/{{id}}/end"): SIGNED_IN,
    ("POST", f"{API}/memberships/{{id}}/pause"): SIGNED_IN,
    ("POST", f"{API}/memberships/{{id}}/resume"): SIGNED_IN,
    ("GET", f"{API}/plans"): SIGNED_IN,
    ("POST", "/membership"): SIGNED_IN,
    ("GET", "/membership"): SIGNED_IN,
    ("POST", "/membership/{id}/change"): SIGNED_IN,
    ("POST", "/membership/{id}/end"): SIGNED_IN,
    ("POST", "/membership/{id}/pause"): SIGNED_IN,
    ("POST", "/membership/{id}/resume"): SIGNED_IN,
    ("GET", "/memberships"): "pa",
    ("POST", "/memberships/bill"): "pa",
    ("POST", "/memberships/{id}/accept"): "pa",
    ("POST", "/memberships/{id}/refuse"): "pa",
}
"""Whose membership it is, is asked once the body is read: the tests of memberships hold that."""
