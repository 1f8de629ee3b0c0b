"""Who may ask what of the API's own pages: a part of the table of every route and role."""

ALL = "-moitpa"
API_PAGES: dict[tuple[str, str], str] = {
    ("GET", "/api"): ALL,
    ("GET", "/api/problems"): ALL,
    ("GET", "/spaceapi.json"): ALL,
}
