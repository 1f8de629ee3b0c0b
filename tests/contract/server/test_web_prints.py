"""The pages of the print queue: a form with a file, a price before anything is queued, what staff see."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest
from sqlmodel import select

from booking_api.accounts import teams
from booking_api.machines import service as machines
from booking_api.prints.models import PrintJob
from booking_api.prints.upload import FIELD_MAX
from floor.wire.journal import PrintFailed
from tests.kit.prints import GCODE, queued
from tests.kit.web import NOW_MS, WebFloor, build


@pytest.fixture
def web(tmp_path: Path) -> WebFloor:
    return build(tmp_path)


def jobs(web: WebFloor) -> list[PrintJob]:
    with web.context.database.read() as session:
        return list(session.exec(select(PrintJob)))


async def send(browser: httpx.AsyncClient, gcode: str = GCODE, **fields: str) -> httpx.Response:
    """Send the form as the page has it: its fields, and the file last."""
    page = (await browser.get("/prints")).text
    form = re.search(r'<form[^>]+enctype="multipart/form-data".+?</form>', page, re.DOTALL)
    assert form
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form[0]))
    names = re.findall(r'name="(\w+)"', form[0])
    assert (names[0], names[-1]) == ("csrf", "file")
    data = hidden | {"machine": "printer-1", "note": ""} | fields
    file = {"file": ("my gear.gcode", gcode.encode(), "application/octet-stream")}
    return await browser.post("/prints", data=data, files=file)


async def browsing(web: WebFloor, name: str) -> httpx.AsyncClient:
    browser = await web.signed_in(name)
    browser.headers.pop("x-csrf-token")
    return browser


async def test_a_member_sees_every_line_of_the_price_and_then_queues(web: WebFloor) -> None:
    browser = await browsing(web, "mira")
    page = (await browser.get("/prints")).text
    assert 'value="printer-1"' in page
    assert 'value="printer-2"' not in page, "she is not certified for that one"
    sent = await send(browser, note="<b>two walls</b>")
    assert sent.status_code == 303
    shown = (await browser.get(sent.headers["location"])).text
    for text in ("my_gear.gcode", "1 h 10 min", "1 m", "3 g", "€0.71", "10 min"):
        assert text in shown.replace("\u00a0", " "), text
    assert "&lt;b&gt;two walls" in shown
    (job,) = jobs(web)
    assert job.state == "uploaded"
    csrf = re.search(r'name="csrf" value="([^"]+)"', shown)
    assert csrf
    old = {"csrf": csrf[1], "price": "1"}
    assert (
        (await browser.post(f"/prints/{job.id}/confirm", data=old))
        .headers["location"]
        .endswith("price_changed")
    )
    price = re.search(r'name="price" value="(\d+)"', shown)
    assert price
    done = await browser.post(f"/prints/{job.id}/confirm", data={"csrf": csrf[1], "price": price[1]})
    assert done.headers["location"] == "/prints?notice=print_queued"
    assert jobs(web)[0].state == "queued"
    listed = (await browser.get("/prints")).text
    assert "waits for your tap" in listed
    cancelled = await browser.post(f"/prints/{job.id}/cancel", data={"csrf": csrf[1]})
    assert cancelled.headers["location"] == "/prints?notice=print_cancelled"
    assert "Print again" in (await browser.get("/prints")).text


async def test_a_file_without_a_time_is_priced_without_it_and_says_so(web: WebFloor) -> None:
    browser = await browsing(web, "mira")
    sent = await send(browser, "M83\nG1 X1 E1000\n")
    shown = (await browser.get(sent.headers["location"])).text
    assert "it is not in this price: job time." in shown
    assert "Without what is not known" in shown
    assert "PLA of 1.75 mm" in shown


async def test_the_account_is_chosen_on_the_form(web: WebFloor) -> None:
    with web.context.database.write() as session:
        details = teams.TeamDetails(id="robots", name="Robots")
        teams.add(session, details, NOW_MS, web.people["mira"])
    browser = await browsing(web, "mira")
    sent = await send(browser, account="robots")
    assert "Robots" in (await browser.get(sent.headers["location"])).text
    await send(browser, account="")
    accounts = {job.account for job in jobs(web)}
    assert accounts == {"robots", next(one for one in accounts if one != "robots")}


@pytest.mark.parametrize(
    ("gcode", "status", "words"),
    [
        ("PK\x03\x04 a project", 422, "This is a 3MF project"),
        ("nothing moves here", 422, "Nothing moves in this file"),
        (";" + "x" * (1 << 20), 422, "larger than the space takes"),
    ],
)
async def test_what_is_wrong_with_a_file_is_said_on_a_page(
    web: WebFloor, gcode: str, status: int, words: str
) -> None:
    object.__setattr__(web.context.settings.prints, "max_file_bytes", 1 << 20)
    browser = await browsing(web, "mira")
    answer = await send(browser, gcode)
    assert (answer.status_code, words in answer.text) == (status, True)
    assert jobs(web) == []


async def test_a_form_from_elsewhere_writes_nothing(web: WebFloor) -> None:
    browser = await browsing(web, "mira")
    for csrf in ("", "00" * 32):
        answer = await send(browser, csrf=csrf)
        assert answer.status_code == 403
    async with web.browser() as nobody:
        answer = await nobody.post("/prints", files={"file": ("a.gcode", GCODE.encode())})
        assert answer.status_code == 401
    page = (await browser.get("/prints")).text
    csrf = re.search(r'name="csrf" value="([^"]+)"', page)
    assert csrf
    bad: list[tuple[dict[str, str], bytes]] = [
        ({"content-type": "multipart/form-data"}, b""),
        ({"content-type": "multipart/form-data; boundary=x"}, b"no form at all"),
        ({"content-type": "application/x-www-form-urlencoded"}, b"csrf=" + csrf[1].encode()),
        (
            {"content-type": "multipart/form-data; boundary=x"},
            b'--x\r\nContent-Disposition: form-data; name="note"\r\n\r\n' + b"n" * (FIELD_MAX + 1),
        ),
        ({"content-type": "multipart/form-data; boundary=x"}, b"--x\r\n" + b"h" * 9_000 + b": v\r\n\r\n"),
    ]
    for headers, body in bad:
        answer = await browser.post("/prints", content=body, headers=headers)
        assert answer.status_code in {403, 422}, (headers, body[:60])
    late = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.gcode"\r\n\r\nG1 X1\r\n'
    late += (
        b'--x\r\nContent-Disposition: form-data; name="csrf"\r\n\r\n' + csrf[1].encode() + b"\r\n--x--\r\n"
    )
    answer = await browser.post("/prints", content=late, headers=bad[1][0])
    assert answer.status_code == 403, "the token comes before the file"
    assert jobs(web) == []


async def test_without_a_file_or_a_machine_nothing_comes(web: WebFloor) -> None:
    browser = await browsing(web, "mira")
    page = (await browser.get("/prints")).text
    csrf = re.search(r'name="csrf" value="([^"]+)"', page)
    assert csrf
    empty = {"file": ("", b"", "application/octet-stream")}
    answer = await browser.post("/prints", data={"csrf": csrf[1], "machine": "printer-1"}, files=empty)
    assert "Choose a file of G-code." in answer.text
    answer = await send(browser, machine="")
    assert answer.status_code == 422
    answer = await send(browser, machine="printer-2")
    assert "You may not use this machine yet" in answer.text


async def test_staff_see_a_machines_queue_and_not_what_it_costs(web: WebFloor) -> None:
    async with web.program("mira") as mira:
        one = await queued(mira)
        two = await queued(mira, name="second.gcode")
    web.journal(
        (NOW_MS, PrintFailed(print_id=one["id"], session_id="used-1", words="no answer within 120 s"))
    )
    browser = await browsing(web, "tomas")
    page = (await browser.get("/machines/printer-1/prints")).text
    assert page.index("gear.gcode") < page.index("second.gcode")
    assert "no answer within 120 s" in page
    assert "€" not in page
    assert "Mira" in page
    single = (await browser.get(f"/prints/{one['id']}")).text
    assert "€" not in single
    assert "Put it in the queue" not in single
    csrf = re.search(r'name="csrf" value="([^"]+)"', page)
    assert csrf
    done = await browser.post(f"/prints/{two['id']}/cancel", data={"csrf": csrf[1]})
    assert done.headers["location"] == "/machines/printer-1/prints?notice=print_cancelled"
    otto = await browsing(web, "otto")
    assert (await otto.get(f"/prints/{one['id']}")).status_code == 404
    assert "/machines/printer-1/prints" in (await browser.get("/machines/printer-1")).text


@pytest.mark.parametrize(
    ("prints", "words"),
    [
        ("no_server", "write [server] url into its gateway.toml"),
        ("none", "cannot be handed files"),
        ("ready", ""),
    ],
)
async def test_a_queue_says_whether_files_reach_the_machine(web: WebFloor, prints: str, words: str) -> None:
    web.shows(web.free("printer-1").model_copy(update={"prints": prints}))
    browser = await browsing(web, "tomas")
    page = (await browser.get("/machines/printer-1/prints")).text
    said = ["write [server] url into its gateway.toml", "cannot be handed files"]
    assert [text for text in said if text in page] == ([words] if words else [])


async def test_a_machine_that_takes_files_is_on_the_form_whatever_its_kind(web: WebFloor) -> None:
    with web.context.database.write() as session:
        machines.change(session, "printer-1", machines.MachineChanges(kind="other"), NOW_MS)
    browser = await browsing(web, "mira")
    assert 'value="printer-1"' not in (await browser.get("/prints")).text
    web.shows(web.free("printer-1").model_copy(update={"prints": "ready"}))
    assert 'value="printer-1"' in (await browser.get("/prints")).text
