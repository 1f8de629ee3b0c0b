"""docs/topics.md says of every topic and every field of every message what the classes say."""

from __future__ import annotations

from pathlib import Path

from floor.wire.base import Message, Wire
from floor.wire.examples import EXAMPLES
from floor.wire.handbook import SIGNED, topics_page
from floor.wire.topics import DELIVERY, Channel, topic

PAGE = Path(__file__).resolve().parents[2] / "docs" / "topics.md"
TEXT = PAGE.read_text(encoding="utf-8")


def shapes(base: type[Wire]) -> list[type[Wire]]:
    return [shape for child in base.__subclasses__() for shape in (child, *shapes(child))]


def section(title: str) -> str:
    return TEXT.partition(f" {title}\n")[2].partition("\n#")[0]


def test_the_page_is_current() -> None:
    assert topics_page() == TEXT, "run `make docs`"


def test_every_topic_is_listed_with_its_delivery_and_an_example_that_fits_it() -> None:
    for channel in Channel:
        row = next(line for line in TEXT.splitlines() if line.startswith(f"| `{topic('NAME', channel)}` |"))
        delivery, message = DELIVERY[channel], EXAMPLES[channel]
        cells = [cell.strip() for cell in row.split("|")[1:-1]]
        assert cells[1] == ("gateway → server" if "/up/" in topic("x", channel) else "server → gateway")
        assert cells[2:5] == [
            str(delivery.qos),
            "yes" if delivery.retained else "no",
            f"{delivery.limit_bytes:,}",
        ]
        assert type(message).decode(message.encode(), delivery.limit_bytes) == message


def test_only_presence_is_retained() -> None:
    assert [channel for channel in Channel if DELIVERY[channel].retained] == [Channel.ALIVE]


def test_every_field_of_every_message_and_part_stands_in_its_section() -> None:
    messages = {type(message).__name__: topic("NAME", channel) for channel, message in EXAMPLES.items()}
    for shape in shapes(Wire):
        if shape is Message or shape.__module__.partition(".")[0] != "floor":
            continue
        name = shape.__name__
        title = name if f"### {name}\n" in TEXT else f"`{messages[name]}`"
        if name == "Signed":
            title = " and ".join(f"`{topic('NAME', channel)}`" for channel in SIGNED)
        text = section(title)
        missing = [field for field in shape.model_fields if f"| `{field}` |" not in text]
        assert missing == [], name
