"""`makerfloor user` invites, signs out and helps who lost a telephone; settings of sign-in are checked."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from booking_api import cli
from booking_api.settings import read_settings
from floor.errors import ConfigError
from tests.kit.initialised import asked, initialised

OIDC = '[sign_in.oidc.club]\nissuer = "https://id.example"\nclient_id = "floor"\n'


def test_a_user_is_invited_signed_out_and_freed_of_a_lost_factor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MAKERFLOOR_CONFIG", str(tmp_path / "makerfloor.toml"))

    def run(*words: str) -> str:
        monkeypatch.setattr(sys, "argv", ["makerfloor", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        assert ended.value.code in (0, None), said.err
        return said.out

    initialised(tmp_path, run)
    assert "goes out" in run("user", "invite", "zoe@kelp.test", "--role", "technician")
    assert "signed out everywhere" in run("user", "sign-out", "1")
    assert "password alone" in run("user", "reset-second-factor", "1")
    run("user", "token", "1", "wall", "--scope", "machines:read")
    assert asked(tmp_path, "SELECT role, member FROM mailed_link") == [("technician", None)]
    assert asked(tmp_path, "SELECT count(*) FROM letter") == [(1,)]
    assert asked(tmp_path, "SELECT expires_ms > 0 FROM api_token") == [(True,)]


def test_a_provider_is_read_with_its_secret_from_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "makerfloor.toml"
    file.write_text(OIDC + 'label = "The club"\nscopes = "email"\ncreate = true\n')
    (club,) = read_settings(file, {"MAKERFLOOR_OIDC_CLUB_SECRET": "s3cret"}).sign_in.providers
    assert (club.name, club.client_secret, club.scopes, club.match_email) == (
        "club",
        "s3cret",
        "openid email",
        True,
    )
    assert "s3cret" not in repr(club)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (OIDC.replace("https", "http"), "sign_in.oidc.club.issuer"),
        (OIDC.replace("client_id", "client"), "sign_in.oidc.club.client"),
        (OIDC.replace("club", "Club"), "sign_in.oidc.Club"),
        (OIDC + 'match = "name"\n', "sign_in.oidc.club.match"),
        (OIDC + 'create = "yes"\n', "sign_in.oidc.club.create"),
        ('[sign_in]\noidc = "club"\n', "sign_in.oidc"),
        ('[sign_in]\nsecond_factor = "all"\n', "sign_in.second_factor"),
        ('[sign_in]\nsecurity_contact = "me"\n', "sign_in.security_contact"),
    ],
)
def test_what_is_wrong_in_the_settings_is_named(tmp_path: Path, text: str, key: str) -> None:
    file = tmp_path / "makerfloor.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_settings(file, {})
    assert caught.value.key == key


def test_commands_load_none_of_the_servers_heavy_rooms_and_the_server_few() -> None:
    """Their starts are benchmarks, and `user add` makes its password at random."""
    code = (
        "import importlib, sys\n"
        "from booking_api.cli.root import NAMES\n"
        "for name in NAMES: importlib.import_module(f'booking_api.cli.{name}')\n"
        "heavy = {'webauthn', 'zxcvbn', 'joserfc', 'authlib', 'httpx', 'fastapi'}\n"
        "heavy |= {'aiohttp', 'apprise', 'icalendar', 'jinja2', 'uvicorn'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
        "import booking_api.start, booking_api.app, booking_api.happenings.telling\n"
        "heavy -= {'fastapi', 'jinja2', 'uvicorn'}\n"
        "print(sorted((heavy | {'alembic'}) & set(sys.modules)))\n"
        "from booking_api.rooms import API, PAGES\n"
        "routes = [route for room in (*API, *PAGES) for route in room.router.routes]\n"
        "print([route.path for route in routes if 'dependant' in vars(route)])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    of_commands, of_the_server, endpoints_read = done.stdout.split("\n")[:3]
    assert of_commands == "[]"
    assert of_the_server == "[]", "what few requests need is loaded by the first that needs it"
    assert endpoints_read == "[]", "a room's router is booking_api.api.routes.Router"
