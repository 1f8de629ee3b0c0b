"""Who may ask what of accounts, teams, guests and funds: a part of the table of every route and role."""

SIGNED_IN = "moitpa"
API = "/api/v1"
ACCOUNTS: dict[tuple[str, str], str] = {
    ("POST", "/me/account"): SIGNED_IN,
    ("POST", "/me/sessions/{id}/account"): SIGNED_IN,
    ("GET", "/accounts"): "pa",
    ("POST", "/teams"): "pa",
    ("GET", "/teams/{id}"): "pa",
    ("POST", "/teams/{id}/limits"): "pa",
    ("POST", "/teams/{id}/people"): "pa",
    ("POST", "/teams/{id}/people/{member}/remove"): "pa",
    ("POST", "/teams/{id}/invitations"): "pa",
    ("POST", "/teams/{id}/invitations/{invitation}/withdraw"): "pa",
    ("POST", "/teams/{id}/centres"): "pa",
    ("POST", "/teams/{id}/archive"): "pa",
    ("GET", f"{API}/members/{{member}}/accounts"): "mpa",
    ("PUT", f"{API}/members/{{member}}/default-account"): "mpa",
    ("PATCH", f"{API}/accounts/{{id}}"): "pa",
    ("GET", f"{API}/teams"): SIGNED_IN,
    ("POST", f"{API}/teams"): SIGNED_IN,  # owners add cost centres: what is asked decides
    ("GET", f"{API}/teams/{{id}}"): "pa",
    ("PATCH", f"{API}/teams/{{id}}"): "pa",
    ("POST", f"{API}/teams/{{id}}/archive"): "pa",
    ("POST", f"{API}/teams/{{id}}/people"): "pa",
    ("GET", f"{API}/teams/{{id}}/invitations"): "pa",
    ("POST", f"{API}/teams/{{id}}/invitations"): "pa",
    ("DELETE", f"{API}/teams/{{id}}/invitations/{{invitation}}"): "pa",
    ("DELETE", f"{API}/teams/{{id}}/people/{{member}}"): "pa",
    ("POST", f"{API}/guests"): "pa",
    ("GET", f"{API}/funds"): "pa",
    ("POST", f"{API}/funds"): "pa",
    ("PATCH", f"{API}/funds/{{id}}"): "pa",
}
"""Nobody asked for here owns the team; that owners may is in the tests of accounts."""
