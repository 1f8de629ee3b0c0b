// Small helps that the pages work without: asking before what cannot be undone, and saying when live news stop.
document.addEventListener("submit", (event) => {
  const question = event.submitter?.dataset.confirm ?? event.target.dataset.confirm;
  if (question && !window.confirm(question)) event.preventDefault();
});

for (const box of document.querySelectorAll("select[data-submit]")) {
  box.addEventListener("change", () => box.form.requestSubmit());
}

// A form that was refused is gone back to: the browser kept what was typed there.
for (const link of document.querySelectorAll("a[data-back]")) {
  link.addEventListener("click", (event) => {
    if (window.history.length < 2) return;
    event.preventDefault();
    window.history.back();
  });
}

// A menu of the bar closes when something else is pressed, and with Escape.
const menus = document.querySelectorAll("details.menu");
const closeMenus = (but) => menus.forEach((menu) => { if (menu !== but) menu.open = false; });
document.addEventListener("click", (event) => closeMenus(event.target.closest("details.menu")));
document.addEventListener("keydown", (event) => {
  const open = document.querySelector("details.menu[open]");
  if (event.key === "Escape" && open) {
    closeMenus();
    open.querySelector("summary").focus();
  }
});

const stale = (yes) => document.body.classList.toggle("is-stale", yes);
document.addEventListener("htmx:sse:after:message", () => stale(false));
document.addEventListener("htmx:sse:after:connection", () => {
  document.body.dataset.live = "yes";
  stale(false);
});
document.addEventListener("htmx:sse:error", () => stale(true));
document.addEventListener("htmx:sse:close", () => stale(true));

// A stream that breaks is opened again, but not one that never opened: then the page is asked for anew.
const PATIENCE_MS = 10_000;
if (document.querySelector("[hx-sse\\:connect]")) {
  setTimeout(() => {
    if (document.body.dataset.live !== "yes" && !document.hidden) window.location.reload();
  }, PATIENCE_MS);
}
