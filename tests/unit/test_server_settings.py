"""Settings: what is wrong names file, key and remedy; secrets may come from the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from booking_api.db import Database, StorageFull
from booking_api.settings import read_settings
from booking_api.start import open_database
from booking_api.vault import Vault, open_vault
from floor.errors import ConfigError

WHOLE = """
[space]
name = "Space"
timezone = "Europe/Berlin"
language = "zh"
currency = "coins"
decimals = 0
[server]
data = "data"
host = "0.0.0.0"
port = 8081
address = "https://floor.example.org/"
[database]
url = "postgresql+psycopg://u:p@db/floor"
[broker]
host = "broker"
username = "server"
password = "secret"
ca = "ca.pem"
[prometheus]
url = "http://127.0.0.1:9090"
"""


def write(folder: Path, text: str) -> Path:
    file = folder / "makerfloor.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_every_setting_is_read(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("")
    settings = read_settings(write(tmp_path, WHOLE), {})
    assert (settings.space_name, settings.language, settings.currency.exponent) == ("Space", "zh", 0)
    assert (settings.address, settings.port) == ("https://floor.example.org", 8081)
    assert (settings.broker.port, settings.broker.ca) == (8883, tmp_path / "ca.pem")
    assert settings.data == tmp_path / "data"
    assert "secret" not in repr(settings) + repr(settings.broker)


def test_an_empty_file_is_a_floor_on_one_machine(tmp_path: Path) -> None:
    settings = read_settings(write(tmp_path, ""), {})
    assert settings.database_url == f"sqlite:///{tmp_path / 'data' / 'makerfloor.db'}"
    assert (settings.address, settings.broker.port, settings.broker.ca) == (
        "http://127.0.0.1:8080",
        1883,
        None,
    )


def test_secrets_from_the_environment_stand_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("")
    environment = {"MAKERFLOOR_BROKER_PASSWORD": "other", "MAKERFLOOR_DATABASE_URL": "sqlite:////x.db"}
    settings = read_settings(write(tmp_path, WHOLE), environment)
    assert (settings.broker.password, settings.database_url) == ("other", "sqlite:////x.db")


@pytest.mark.parametrize(
    ("text", "key", "remedy"),
    [
        ("[serv]\n", "serv", "Use one of"),
        ("server = 1\n", "server", r"Write \[server\]"),
        ("[server]\nprot = 1\n", "server.prot", "Use one of"),
        ("[server]\nport = 0\n", "server.port", "from 1 to 65535"),
        ("[server]\nport = true\n", "server.port", "whole number"),
        ('[server]\naddress = "floor"\n', "server.address", "http://"),
        ('[space]\ntimezone = "Berlin"\n', "space.timezone", "Europe/Berlin"),
        ('[space]\nlanguage = "xx"\n', "space.language", "en, zh"),
        ("[space]\nname = 7\n", "space.name", "Write space.name"),
        ('[broker]\nca = "none.pem"\n', "broker.ca", "PEM"),
        ("[server\n", "", "Correct that line"),
    ],
)
def test_what_is_wrong_names_its_place_and_a_remedy(tmp_path: Path, text: str, key: str, remedy: str) -> None:
    file = write(tmp_path, text)
    with pytest.raises(ConfigError, match=remedy) as wrong:
        read_settings(file, {})
    assert (wrong.value.file, wrong.value.key) == (str(file), key)


def test_no_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="makerfloor init"):
        read_settings(tmp_path / "makerfloor.toml", {})


@pytest.mark.parametrize("url", ["mysql://x/y", "postgresql://x/y", "nonsense"])
def test_a_database_of_another_kind_is_refused_without_its_password(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigError, match="postgresql\\+psycopg"):
        Database(url, tmp_path)


def test_a_database_that_cannot_be_opened_is_a_sentence(tmp_path: Path) -> None:
    for url in ("sqlite:////nowhere/at/all.db", "postgresql+psycopg://u:hidden@127.0.0.1:1/x"):
        settings = read_settings(write(tmp_path, f'[database]\nurl = "{url}"\n'), {})
        with pytest.raises(ConfigError, match="cannot be opened") as wrong:
            open_database(settings)
        assert "hidden" not in str(wrong.value)


def test_a_database_that_cannot_grow_says_that_the_disk_is_full(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'x.db'}", tmp_path)

    def fill() -> None:
        with database.write() as session:
            session.connection().exec_driver_sql("PRAGMA max_page_count = 4")
            session.connection().exec_driver_sql("CREATE TABLE big (x)")
            session.connection().exec_driver_sql("INSERT INTO big VALUES (zeroblob(1000000))")

    with pytest.raises(StorageFull, match="full"):
        fill()
    database.close()


def test_a_vault_opens_what_it_sealed_and_nothing_of_another(tmp_path: Path) -> None:
    vault = open_vault(tmp_path)
    sealed = vault.seal(b"04a2b3c4")
    assert open_vault(tmp_path).open(sealed) == b"04a2b3c4"
    assert vault.seal(b"04a2b3c4") != sealed
    assert (tmp_path / "secrets.key").stat().st_mode & 0o777 == 0o600
    with pytest.raises(ConfigError, match="same backup"):
        Vault(bytes(32)).open(sealed)
    assert Vault(bytes(32)).lookup(b"x") != vault.lookup(b"x")
    (tmp_path / "secrets.key").write_text("short")
    with pytest.raises(ConfigError, match="32 bytes"):
        open_vault(tmp_path)


INVOICE = """
[invoice]
address = '''
Quay 4
  D02 Dublin
'''
iban = "DE89 3704 0044 0532 0130 00"
bic = "COBADEFFXXX"
"""


def test_the_issuer_of_invoices_has_an_address_and_an_account(tmp_path: Path) -> None:
    issuer = read_settings(write(tmp_path, INVOICE), {}).invoice
    assert (issuer.name, issuer.lines) == ("Makerfloor", ("Quay 4", "D02 Dublin"))
    assert (issuer.iban, issuer.bic) == ("DE89370400440532013000", "COBADEFFXXX")


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ('iban = "DE89 3704 0044 0532 0130 01"', "invoice.iban"),
        ('bic = "COBA"', "invoice.bic"),
        ('country = "Germany"', "invoice.country"),
        ('prefix = "no spaces "', "invoice.prefix"),
        ("term_days = 400", "invoice.term_days"),
    ],
)
def test_a_wrong_account_or_number_of_invoices_stops_the_server(tmp_path: Path, line: str, key: str) -> None:
    with pytest.raises(ConfigError, match=key):
        read_settings(write(tmp_path, f"[invoice]\n{line}\n"), {})
