"""Make the pictures of README and docs: a demonstration of its own, seen in Chromium after some life."""

import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, Page

from booking_api.demo.floor import DemoFloor, DemoSettings, demo_floor_in_background
from tests.kit.served import chromium

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "pictures"
LIFE_S = 45
SPEED = 10


def sign_in(browser: Browser, floor: DemoFloor, name: str, width: int, height: int, scheme: str) -> Page:
    """Open a page and sign in as one of the demonstration's people."""
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
    page.goto(f"{floor.address}/sign-in")
    page.fill("input[name=login]", name)
    page.fill("input[name=password]", floor.sign_ins[name])
    page.keyboard.press("Enter")
    page.wait_for_url(f"{floor.address}/", wait_until="domcontentloaded")
    return page


def shoot(page: Page, address: str, name: str) -> None:
    """Look at one page, once what it draws live is there."""
    page.goto(address, wait_until="domcontentloaded")
    page.wait_for_timeout(2_500)
    page.screenshot(path=PICTURES / f"{name}.png")
    print(f"docs/pictures/{name}.png")


def take(browser: Browser, floor: DemoFloor) -> None:
    """Take every picture."""
    operator = sign_in(browser, floor, "operator", 1280, 960, "light")
    shoot(operator, f"{floor.address}/", "board")
    shoot(operator, f"{floor.address}/utilisation", "utilisation")
    technician = sign_in(browser, floor, "technician", 1280, 960, "dark")
    shoot(technician, f"{floor.address}/machines/laser-1", "machine-dark")
    member = sign_in(browser, floor, "member", 1280, 960, "light")
    shoot(member, f"{floor.address}/me", "statement")
    phone = sign_in(browser, floor, "member", 360, 780, "light")
    phone.get_by_text("中文").first.click()
    shoot(phone, f"{floor.address}/", "phone-zh")


def main() -> None:
    """Run the demonstration on data of its own, so that nobody's is lost, and take the pictures."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as data:
        settings = DemoSettings(data=Path(data) / "demo", speed=SPEED, seed=7)
        with demo_floor_in_background(settings) as floor, chromium() as browser:
            time.sleep(LIFE_S)
            take(browser, floor)


if __name__ == "__main__":
    main()
