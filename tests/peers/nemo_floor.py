"""Run by the Python of the peer: in NEMO's tables a tool, a member who may use it, and a browser of theirs.

Prints the ids of tool, member and project, and the key of the browser's session. `nemo_floor.py tables` makes
the tables, which takes most of a minute.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import django
from django.apps import apps
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.core.management import call_command


def furnish() -> tuple[Any, Any, Any]:
    """Make one tool; return it, the member who may use it, and the project that pays."""
    django.setup()
    user_model, tool_model = apps.get_model("NEMO", "User"), apps.get_model("NEMO", "Tool")
    account = apps.get_model("NEMO", "Account").objects.create(name="bench")
    project = apps.get_model("NEMO", "Project").objects.create(
        name="bench", account=account, application_identifier="bench"
    )
    member = user_model.objects.create(
        username="ada", first_name="Ada", last_name="One", email="ada@localhost", training_required=False
    )
    member.projects.add(project)
    tool = tool_model.objects.create(
        name="laser", _category="lasers", _location="hall", visible=True, _operational=True
    )
    member.qualifications.add(tool)
    return tool, member, project


def signed_in(member: Any) -> str:
    """Return the key of a session of a member's browser."""
    member.refresh_from_db()
    browser = import_module(settings.SESSION_ENGINE).SessionStore()
    browser[SESSION_KEY] = str(member.pk)
    browser[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    browser[HASH_SESSION_KEY] = getattr(member, "get_session_auth_hash", str)()
    browser.save()
    return str(browser.session_key)


def main() -> None:
    if sys.argv[1:] == ["tables"]:
        django.setup()
        return call_command("migrate", verbosity=0)
    tool, member, project = furnish()
    print(tool.pk, member.pk, project.pk, signed_in(member), flush=True)


if __name__ == "__main__":
    main()
