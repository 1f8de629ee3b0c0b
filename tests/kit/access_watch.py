"""Who may ask what of the audit log, webhooks and notices: a part of the table of every route and role."""

ALL, SIGNED_IN = "-moitpa", "moitpa"
API = "/api/v1"
HOOKS = f"{API}/webhooks"
WATCH: dict[tuple[str, str], str] = {
    ("GET", "/audit"): "pa",
    ("GET", f"{API}/audit"): "pa",
    ("GET", f"{API}/audit/export/{{form}}"): "pa",
    ("GET", "/webhooks"): "pa",
    ("POST", "/webhooks"): "pa",
    ("GET", "/webhooks/{id}"): "pa",
    ("POST", "/webhooks/{id}/{act}"): "pa",
    ("GET", HOOKS): "pa",
    ("POST", HOOKS): "pa",
    ("PATCH", f"{HOOKS}/{{id}}"): "pa",
    ("DELETE", f"{HOOKS}/{{id}}"): "pa",
    ("POST", f"{HOOKS}/{{id}}/secret"): "pa",
    ("POST", f"{HOOKS}/{{id}}/resume"): "pa",
    ("POST", f"{HOOKS}/{{id}}/ping"): "pa",
    ("GET", f"{HOOKS}/{{id}}/deliveries"): "pa",
    ("POST", f"{HOOKS}/{{id}}/again"): "pa",
    ("POST", f"{HOOKS}/{{id}}/deliveries/{{delivery}}/again"): "pa",
    ("GET", "/me/notices"): SIGNED_IN,
    ("POST", "/me/notices"): SIGNED_IN,
    ("GET", f"{API}/members/me/notices"): SIGNED_IN,
    ("PATCH", f"{API}/members/me/notices"): SIGNED_IN,
    ("GET", f"{API}/notices"): "pa",
    ("POST", f"{API}/alerts"): "pa",
    ("GET", "/notices/stop"): ALL,
    ("POST", "/notices/stop"): ALL,
}
"""`/notices/stop` proves itself by the signature of a mail's link."""
