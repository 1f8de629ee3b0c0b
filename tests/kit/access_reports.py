"""Who may ask what of reports for boards and funders: a part of the table of every route and role."""

API = "/api/v1"
REPORTS: dict[tuple[str, str], str] = {
    ("GET", "/reports"): "pa",
    ("POST", "/reports/facts"): "pa",
    ("POST", "/reports/facts/{id}/withdraw"): "pa",
    ("GET", "/reports/year.pdf"): "pa",
    ("GET", f"{API}/reports/facts"): "pa",
    ("POST", f"{API}/reports/facts"): "pa",
    ("DELETE", f"{API}/reports/facts/{{id}}"): "pa",
    ("GET", f"{API}/reports/year"): "pa",
    ("GET", f"{API}/reports/year.csv"): "pa",
}
