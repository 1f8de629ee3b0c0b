"""What is wrong in a policy file is named with its line and what would be right."""

from __future__ import annotations

import re
from zoneinfo import ZoneInfo

import pytest

from booking_api.tariffs.source import at_line
from floor.errors import ConfigError
from floor.reservation.load import read_policies

WRONG = r"""
[policy.x]
lenght_max = "2 h"
=> policy.x.lenght_max: is no key here. Did you mean length_max?

[policy.x]
length_max = 2
=> policy.x.length_max: is 2, which has no unit. Write a number and a unit

[policy.x]
length_max = "2 m"
=> policy.x.length_max: is '2 m', and 'm' is no unit.

[policy.x]
length_min = "2 h"
length_max = "1 h"
=> policy.x.length_min: is more than length_max.

[policy.x]
length_max = "1 h"
step = "45 min"
=> policy.x.length_max: is not a multiple of step.

[policy.x]
no_show_fee = 5
=> policy.x.no_show_fee: is charged never, as nobody is missed.

[policy.x]
late_cancel_fee = 5
=> policy.x.late_cancel_fee: is charged never, as nothing is late.

[policy.x]
extend = "nobody waits for it"
=> Did you mean "nobody_waits"?

[policy.x]
tiers = ["staff"]
=> Who may book at all is only_tiers.

[policy.x.tiers.staff]
buffer = "1 h"
=> policy.x.tiers.staff.buffer: holds for the machine and everybody

[policy.x.windows.peek]
reserve = false
[windows.peak]
days = "mon"
=> policy.x.windows.peek: is no window

[windows.peak]
days = "mon"
[policy.x.windows.peak]
limits = []
=> Write [[policy.x.limits]] with when = "peak".

[[policy.x.limits]]
per = "week"
=> policy.x.limits[1].most: is missing.

[[policy.x.limits]]
most = 2
=> policy.x.limits[1].per: is missing.

[[policy.x.limits]]
per = "term"
most = 2
=> Add [[terms]] with name, from and to.

[[policy.x.limits]]
per = "week"
most = 2
over = "laser"
[groups]
lasers = "laser-1"
=> Did you mean "lasers"?

[[policy.x.limits]]
per = "week"
most = 2
what = "time"
=> Write most = "2 h".

[[policy.x.limits]]
per = "week"
most = 2
then = "cede"
=> Write counts = ["use"].

[policy.x]
machines = "saw"
[policy.y]
machines = ["saw"]
=> policy.y: is for saw, and so is policy x.

[policy.x]
[policy.y]
=> policy.y: is for every other machine, and so is policy x.

[hours]
mon-fri = "9-5"
=> hours.mon-fri: is '9-5'. Write mon-fri = "09:00-17:00"

[hours]
mon-fri = "09:00-17:00"
friday = "closed"
=> hours.friday: names fri once more.

[hours]
mondays = "09:00-17:00"
=> hours.mondays: has 'mondays', which is no day of the week.

[[openings]]
date = 2026-05-01
=> openings[1].hours: is missing.

[[holidays]]
name = "x"
=> holidays[1].date: is missing

[[blocks]]
name = "x"
machines = "saw"
begins = 2026-03-29T02:30:00
ends = 2026-03-29T04:00:00
=> which the clock skips
"""
BLOCK = re.compile(r"(.+?)\n=> (.+?)\n", re.DOTALL)


@pytest.mark.parametrize(("text", "said"), BLOCK.findall(WRONG))
def test_an_error_says_what_would_be_right(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_policies(text.strip(), "reservations.toml", ZoneInfo("Europe/Berlin"))
    assert said in str(caught.value)
    assert at_line(caught.value, text.strip()).line
