"""Who may ask what of upkeep: a part of the table of every route and role."""

SIGNED_IN, STAFF = "moitpa", "tpa"
API = "/api/v1"
UPKEEP: dict[tuple[str, str], str] = {
    ("GET", f"{API}/maintenance/plans"): STAFF,
    ("POST", f"{API}/maintenance/plans"): "pa",
    ("GET", f"{API}/maintenance/due"): STAFF,
    ("POST", f"{API}/maintenance/plans/{{id}}/machines/{{machine}}/done"): STAFF,
    ("GET", f"{API}/machines/{{machine}}/reliability"): SIGNED_IN,
    ("POST", f"{API}/machines/{{machine}}/faults"): SIGNED_IN,
    ("GET", f"{API}/work-orders"): STAFF,
    ("POST", f"{API}/work-orders"): STAFF,
    ("GET", f"{API}/work-orders/{{id}}"): SIGNED_IN,
    ("PATCH", f"{API}/work-orders/{{id}}"): STAFF,
    ("POST", f"{API}/work-orders/{{id}}/notes"): STAFF,
    ("POST", f"{API}/work-orders/{{id}}/parts"): STAFF,
    ("POST", f"{API}/work-orders/{{id}}/photos"): SIGNED_IN,
    ("GET", f"{API}/work-orders/{{id}}/photos/{{photo}}"): SIGNED_IN,
    ("POST", f"{API}/work-orders/{{id}}/lockout"): STAFF,
    ("POST", f"{API}/work-orders/{{id}}/clear"): STAFF,
    ("GET", "/upkeep"): STAFF,
    ("POST", "/upkeep/orders"): STAFF,
    ("POST", "/workshop/alarms/{gateway}/{epoch}/{seq}/order"): STAFF,
    ("POST", "/upkeep/plans/{id}/{machine}/done"): STAFF,
    ("GET", "/upkeep/labels"): STAFF,
    ("GET", "/upkeep/labels.pdf"): STAFF,
    ("GET", "/upkeep/orders/{id}"): SIGNED_IN,
    ("POST", "/upkeep/orders/{id}"): STAFF,
    ("POST", "/upkeep/orders/{id}/parts"): STAFF,
    ("POST", "/upkeep/orders/{id}/photos"): SIGNED_IN,
    ("GET", "/upkeep/orders/{id}/photos/{photo}"): SIGNED_IN,
    ("POST", "/upkeep/orders/{id}/lockout"): STAFF,
    ("POST", "/upkeep/orders/{id}/clear"): STAFF,
    ("GET", "/faults/{machine}"): SIGNED_IN,
    ("POST", "/faults/{machine}"): SIGNED_IN,
}
"""Whose report a work order is, is asked once it is found: a member sees and adds to their own."""
