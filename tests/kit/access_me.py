"""Who may ask what of the pages that are a member's own: a part of the table of every route and role."""

API = "/api/v1"
SIGNED_IN = "moitpa"
ME: dict[tuple[str, str], str] = {
    ("GET", "/me/month"): SIGNED_IN,
    ("GET", "/me/badges"): SIGNED_IN,
    ("GET", "/me/uses"): SIGNED_IN,
    ("GET", "/me/year"): SIGNED_IN,
    ("GET", "/me/sites"): SIGNED_IN,
    ("POST", "/me/sites/{site}/ask"): SIGNED_IN,
    ("POST", "/me/sites/{site}/back"): SIGNED_IN,
    ("GET", "/sites"): "pa",
    ("POST", "/sites/passes"): "pa",
    ("POST", "/sites/{site}/passes/{member}/end"): "pa",
    ("GET", "/settlements"): "pa",
    ("GET", "/settlements/{site}/{month}.pdf"): "pa",
    ("GET", "/settlements/{site}/{month}.csv"): "pa",
    ("GET", f"{API}/sites"): SIGNED_IN,
    ("GET", f"{API}/passes"): "pa",
    ("GET", f"{API}/members/{{member}}/passes"): "mitpa",
    ("POST", f"{API}/members/{{member}}/passes/{{site}}"): "pa",
    ("POST", f"{API}/members/{{member}}/passes/{{site}}/ask"): "m",
    ("POST", f"{API}/members/{{member}}/passes/{{site}}/end"): "mpa",
    ("GET", f"{API}/settlements"): "pa",
    ("GET", f"{API}/settlements/{{site}}/{{month}}"): "pa",
    ("GET", "/me/year.csv"): SIGNED_IN,
    ("POST", "/me/notices/test"): SIGNED_IN,
    ("GET", "/sessions/{id}/receipt"): "mpa",
    ("GET", "/sessions/{id}/receipt.pdf"): "mpa",
}
