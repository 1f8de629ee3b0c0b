"""What is taken out of a recording, and what stays."""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path

import pytest

from firmware_bridge.recordings import file
from firmware_bridge.recordings.redaction import Redactor, hosts_of, mask_across


def scrubbed(text: str, *secrets: str, hosts: tuple[str, ...] = (), with_names: bool = False) -> str:
    redactor = Redactor(secrets, hosts, with_names=with_names)
    redactor.learn(text)
    found = redactor.scrub(text)
    assert isinstance(found, str)
    return found


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ('{"apikey": "0123456789ABCDEF"}', "0123456789ABCDEF"),
        ('a[{"login": {"session": "deadbeef01"}}]', "deadbeef01"),
        (json.dumps([json.dumps({"access_code": "12345678"})]), "12345678"),
        ('{"access_code": 12345678}', "12345678"),
        (json.dumps({"password": 'a"b\\c tail', "x": 1}), "tail"),
        ('{"Password" : "p\\u00e4ss"}', "p\\u00e4ss"),
        ("GET /websocket?token=abc123def&x=1", "abc123def"),
        ("/files?a=1&X-Amz-Signature=ffee00112233", "ffee00112233"),
        ("http://maker:hunter22@printer/", "hunter22"),
        ("Authorization: Bearer eyJhbGciOi.123", "eyJhbGciOi.123"),
        ("Authorization: Basic dXNlcjpwYXNz1=", "dXNlcjpwYXNz1="),
        ('{"ssid": "Makers of Town"}', "Makers of Town"),
        ('{"psk": "wpa-password"}', "wpa-password"),
    ],
)
def test_what_is_called_a_secret_is_gone(text: str, gone: str) -> None:
    assert gone not in scrubbed(text)
    assert "removed-1" in scrubbed(text)


@pytest.mark.parametrize(
    "text",
    [
        '{"state": "basic status", "progress": {"printTime": 12}, "file": "key.gcode"}',
        "<Run|MPos:1.000,0.000,0.000|FS:1200,500>\r\nok\r\n",
        "M117 no token here",
        '{"session": null, "apikey": null, "authorized": true}',
        "user = nobody",
    ],
)
def test_what_is_none_stays(text: str) -> None:
    assert scrubbed(text) == text


def test_a_setting_is_gone_in_every_form() -> None:
    secret = 'pä"ss/w+rd é'
    forms = [secret, json.dumps(secret), json.dumps(json.dumps(secret)), b64encode(secret.encode()).decode()]
    text = scrubbed(" ".join([*forms, "p%C3%A4%22ss%2Fw%2Brd%20%C3%A9"]), secret)
    assert "ss" not in text
    assert text.count("removed-1") == 5


def test_what_was_learned_is_gone_everywhere_and_is_the_same_word() -> None:
    redactor = Redactor(())
    redactor.learn(b'{"session": "deadbeef01"}')
    assert redactor.scrub({"auth": "ada:deadbeef01"}) == {"auth": "ada:removed-1"}
    assert redactor.scrub(b"\xff deadbeef01") == b"\xff removed-1"
    assert redactor.scrub({"token": "deadbeef01", "n": True}) == {"token": "removed-1", "n": True}


def test_names_become_others_but_keys_and_parts_of_words_stay() -> None:
    text = '{"user": "ada", "ada": 1, "path": "adaptor.gcode", "by": "ada-2 ada", "owner": "J\\u00fcrgen"}'
    found = scrubbed(text)
    assert found == (
        '{"user": "member-1", "ada": 1, "path": "adaptor.gcode", "by": "ada-2 member-1", "owner": "member-2"}'
    )
    assert scrubbed(text, with_names=True) == text
    for same in ('{"display_name": "part one.bgcode"}', '{"display_name": "PART~1.GCO"}'):
        assert scrubbed(same) == same
    assert scrubbed('{"user": "_TRUSTED_USER_"}') == '{"user": "_TRUSTED_USER_"}'


def test_hosts_become_machines() -> None:
    settings = {
        "url": "http://octopi.local:5000",
        "broker": "mqtt://10.0.0.7",
        "other": "x",
        "bad": "http://[a",
    }
    assert hosts_of(settings) == ["octopi.local", "10.0.0.7"]
    text = scrubbed(
        "no connection to http://octopi.local:5000 or 10.0.0.7, 10.0.0.77", hosts=("octopi.local", "10.0.0.7")
    )
    assert text == "no connection to http://machine-1:5000 or machine-2, 10.0.0.77"


def test_a_secret_that_is_cut_by_the_stream_is_masked() -> None:
    pieces = [b"abc sec", b"ret def", b"", b"secret"]
    assert mask_across(pieces, [b"secret"]) == [b"abc ***", b"*** def", b"", b"******"]


def test_a_mapping_goes_with_its_recording_and_a_ca_does_not(tmp_path: Path) -> None:
    mapping = tmp_path / "kiln.toml"
    mapping.write_text('name = "kiln"\n')
    settings = {"url": "http://kiln.local", "mapping": str(mapping), "authorization": "Bearer hush-hush"}
    path = tmp_path / "r.jsonl"
    entries: list[dict[str, object]] = [{"at": 0.1, "on": "http1", "asked": "GET /", "body": b"\xff\x00"}]
    file.save(path, "http", settings, entries, "2026-01-01T00:00:00+00:00")
    read = file.load(path)
    assert read.files == {"mapping": 'name = "kiln"\n'}
    assert read.settings == {"url": "http://machine-1", "authorization": "removed"}
    assert file.unpacked(read.lines["http1"][0]["body"]) == b"\xff\x00"
    assert "hush" not in path.read_text()
    assert str(tmp_path) not in path.read_text()
