"""Who may ask what of the print queue: a part of the table of every route and role."""

SIGNED_IN = "moitpa"
API = "/api/v1"
PRINTS: dict[tuple[str, str], str] = {
    ("GET", "/prints"): SIGNED_IN,
    ("POST", "/prints"): SIGNED_IN,
    ("GET", "/prints/{id}"): SIGNED_IN,
    ("POST", "/prints/{id}/confirm"): SIGNED_IN,
    ("POST", "/prints/{id}/cancel"): SIGNED_IN,
    ("POST", "/prints/{id}/earlier"): SIGNED_IN,
    ("POST", "/prints/{id}/again"): SIGNED_IN,
    ("GET", "/machines/{id}/prints"): "tpa",
    ("GET", f"{API}/prints"): SIGNED_IN,
    ("POST", f"{API}/prints"): SIGNED_IN,
    ("GET", f"{API}/prints/{{id}}"): SIGNED_IN,
    ("POST", f"{API}/prints/{{id}}/confirm"): SIGNED_IN,
    ("POST", f"{API}/prints/{{id}}/cancel"): SIGNED_IN,
    ("POST", f"{API}/prints/{{id}}/earlier"): SIGNED_IN,
    ("POST", f"{API}/prints/{{id}}/again"): SIGNED_IN,
    ("GET", "/api/print-files/{id}"): f"-{SIGNED_IN}",  # a print's own token opens its file, no other does
}
"""There is no print here: that another's is not shown, nor cancelled, is in the tests of prints."""
