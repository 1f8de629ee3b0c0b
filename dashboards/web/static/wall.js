// A wall has nobody who would reload it: it says since when it hears nothing, and loads itself anew when it can.
const box = document.querySelector(".lost");
const RELOAD_MS = 6 * 3_600_000;
const LOOK_MS = 5_000;
let heard = Date.now();

const lost = (yes) => {
  if (yes && box.dataset.since === undefined) {
    box.dataset.since = String(heard);
    const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: box.dataset.clock });
    box.querySelector(".since").textContent = clock.format(heard);
  }
  if (!yes) {
    heard = Date.now();
    delete box.dataset.since;
  }
};
document.addEventListener("htmx:sse:after:message", () => lost(false));
document.addEventListener("htmx:sse:after:connection", () => lost(false));

const born = Date.now();
let asking = false;
setInterval(async () => {
  // The server says something every few seconds: a silence of three times that is no connection.
  if (Date.now() - heard > 3 * LOOK_MS + 5_000) lost(true);
  const old = Date.now() - born > RELOAD_MS;
  if ((box.dataset.since === undefined && !old) || asking) return;
  asking = true;
  try {
    const answer = await fetch(window.location.href, { cache: "no-store", signal: AbortSignal.timeout(LOOK_MS) });
    if (answer.ok) window.location.reload();
  } catch {
    // It is still away: asked again at the next look.
  } finally {
    asking = false;
  }
}, LOOK_MS);
