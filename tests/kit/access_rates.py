"""Who may ask what of tariffs and settings as pages: a part of the table of every route and role."""

RATES: dict[tuple[str, str], str] = {
    ("GET", "/tariffs"): "pa",
    ("GET", "/tariffs/new"): "pa",
    ("GET", "/tariffs/{id}"): "pa",
    ("GET", "/tariffs/{id}/edit"): "pa",
    ("POST", "/tariffs/{id}/machines"): "pa",
    ("POST", "/tariffs/draft"): "pa",
    ("POST", "/tariffs/keep"): "pa",
    ("POST", "/tariffs/compare"): "pa",
    ("POST", "/tariffs/compare.csv"): "pa",
    ("GET", "/settings"): "pa",
    ("POST", "/settings"): "pa",
    ("POST", "/settings/test-mail"): "pa",
}
