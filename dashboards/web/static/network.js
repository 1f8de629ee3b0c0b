// The board shows what is so now without loading anew: whoever reads it keeps their place.
const AGAIN_MS = 15_000;

setInterval(async () => {
  try {
    const answer = await fetch(window.location.href, { cache: "no-store", signal: AbortSignal.timeout(AGAIN_MS) });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const old = document.querySelector(".sites");
    if (!old.contains(document.activeElement)) old.replaceWith(page.querySelector(".sites"));
  } catch {
    // Asked again in a while.
  }
}, AGAIN_MS);
