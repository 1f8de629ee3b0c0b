"""What is common to every endpoint under /api/v1: bodies, entity tags, keys of writes, lists, OpenAPI.

`create_app` gives it to each route as it takes it in, so an endpoint has it without asking.
"""

PREFIX = "/api/v1"
