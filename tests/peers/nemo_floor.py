"""Run by the Python of the peer: NEMO's tables, one tool, one member who may use it, and a browser of theirs.

Prints the ids of tool, member and project, and the key of the browser's session.
"""

from __future__ import annotations

from importlib import import_module

import django
from django.apps import apps
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.core.management import call_command


def main() -> None:
    django.setup()
    call_command("migrate", verbosity=0)
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
    member.refresh_from_db()
    browser = import_module(settings.SESSION_ENGINE).SessionStore()
    browser[SESSION_KEY] = str(member.pk)
    browser[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    browser[HASH_SESSION_KEY] = getattr(member, "get_session_auth_hash", str)()
    browser.save()
    print(tool.pk, member.pk, project.pk, browser.session_key, flush=True)


if __name__ == "__main__":
    main()
