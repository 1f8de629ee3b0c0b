"""Cost pools and the close of periods, as pages."""

from fastapi import APIRouter

router = APIRouter(include_in_schema=False)
