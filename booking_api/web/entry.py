"""What every way in shares: the browser that asks, its cookies, and where it is sent."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from booking_api.auth.ceremonies import LIFETIME_MS, Step
from booking_api.auth.desk import Browser, Desk, Entered, Halfway
from booking_api.auth.devices import device_of
from booking_api.auth.guards import cookie_name
from booking_api.context import Context

SECURITY = "/me/security"
LACKING = f"{SECURITY}?notice=second_factor"


def desk_of(request: Request) -> Desk:
    """Return the server's desk."""
    desk: Desk = request.app.state.desk
    return desk


def browser_of(request: Request, context: Context) -> Browser:
    """Return the browser that asks."""
    address = request.client.host if request.client else ""
    device = device_of(request.headers.get("user-agent", "")[:500])
    return Browser(address, device, request.cookies.get(cookie_name(context)))


def step_token(request: Request, context: Context, step: Step) -> str | None:
    """Return the token of a step that this browser is in the middle of."""
    return request.cookies.get(cookie_name(context, step))


def set_session(answer: Response, context: Context, token: str) -> None:
    """Give a browser its session; how long it lasts, the server knows."""
    age_s = context.settings.sign_in.longest_days * 86_400
    name = cookie_name(context)
    answer.set_cookie(name, token, age_s, path="/", secure=context.https, httponly=True, samesite="lax")


def set_step(answer: Response, context: Context, step: Step, token: str) -> None:
    """Give a browser the token of a step."""
    name = cookie_name(context, step)
    age_s = LIFETIME_MS // 1000
    answer.set_cookie(name, token, age_s, path="/", secure=context.https, httponly=True, samesite="lax")


def end_step(answer: Response, context: Context, step: Step) -> None:
    """Take the token of a step away."""
    name = cookie_name(context, step)
    answer.delete_cookie(name, path="/", secure=context.https, httponly=True, samesite="lax")


def where(entered: Entered | Halfway) -> str:
    """Return where a browser goes on."""
    if isinstance(entered, Halfway):
        return "/sign-in/second"
    return LACKING if entered.lacking else entered.next


def keep(answer: Response, context: Context, entered: Entered | Halfway) -> Response:
    """Put what a browser was given into its cookies."""
    if isinstance(entered, Halfway):
        set_step(answer, context, Step.SECOND, entered.token)
    else:
        set_session(answer, context, entered.done.token)
        end_step(answer, context, Step.SECOND)
    return answer


def go_on(context: Context, entered: Entered | Halfway) -> Response:
    """Send a browser on."""
    return keep(RedirectResponse(where(entered), 303), context, entered)
