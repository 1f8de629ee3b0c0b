"""The pages: HTML from templates in dashboards/web, alive by server-sent events, in English and Chinese."""
