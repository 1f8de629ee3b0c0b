// Picks a time on the timeline by dragging or by keys. What may be had, and why not, is the server's answer for
// the machine and the day: no rule is known here. Without this script, free cells are links to the form.
const line = document.querySelector(".timeline");
const [FROM, TO] = [Number(line.dataset.from), Number(line.dataset.to)];
const HOLD_MS = 400;
const said = document.getElementById("said");
const dialog = document.getElementById("book");
const part = (name) => dialog.querySelector(`[data-part=${name}]`);
const clock = new Intl.DateTimeFormat("sv-SE", {
  timeZone: line.dataset.zone, year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit",
});
const field = (ms) => clock.format(ms).replace(" ", "T");
const hour = (ms) => clock.format(ms).slice(-5);
const length = (ms) => {
  const minutes = Math.round(ms / 60_000);
  const [h, min] = [Math.floor(minutes / 60), minutes % 60];
  return [h && `${h} ${line.dataset.h}`, (min || !h) && `${min} ${line.dataset.min}`].filter(Boolean).join(" ");
};

// One request for each machine (and each reservation that is moved) answers every question of a drag.
const known = new Map();
function options(track, id = "") {
  const key = `${track.dataset.machine} ${id}`;
  if (!known.has(key)) {
    const asked = new URLSearchParams({ machine: track.dataset.machine, day: line.dataset.day, changes: id });
    const made = { answer: null, done: null };
    made.done = fetch(`/reservations/options?${asked}`)
      .then((answer) => (answer.ok ? answer.json() : Promise.reject(new Error(answer.status))))
      .then((answer) => { made.answer = answer; made.starts = new Map(answer.starts); })
      .catch(() => known.delete(key));
    known.set(key, made);
  }
  return known.get(key);
}

function why(made, begin, end) {
  if (!made.answer) return line.dataset.wait;
  const runs = made.starts.get(begin);
  if (!runs) return line.dataset.no.replace("…", line.dataset.past);
  const [, reason] = runs.find(([until]) => end <= until) ?? runs.at(-1);
  return reason < 0 ? "" : line.dataset.no.replace("…", made.answer.reasons[reason]);
}

class Pick {
  constructor(track, begin, end, id = "") {
    Object.assign(this, { track, begin, end, id, made: options(track, id), price: "" });
    this.box = document.createElement("div");
    this.box.className = "ghost";
    this.box.append(document.createElement("span"));
    track.append(this.box);
    this.made.done.then(() => this.box.isConnected && this.draw());
    this.draw();
  }

  get grid() { return this.made.answer?.grid_ms ?? 900_000; }

  to(begin, end) {
    if (begin === this.begin && end === this.end) return;
    Object.assign(this, { begin, end, price: "", exact: "" });
    this.draw();
  }

  draw() {
    const share = (ms) => Math.min(100, Math.max(0, ((ms - FROM) * 100) / (TO - FROM)));
    const x = share(this.begin);
    this.box.style.left = `${x}%`;
    this.box.style.width = `${share(this.end) - x}%`;
    this.box.classList.toggle("flip", x > 60);
    this.no = this.track.dataset.why || this.exact || why(this.made, this.begin, this.end);
    this.box.classList.toggle("no", Boolean(this.no));
    const times = `${hour(this.begin)}–${hour(this.end)} · ${length(this.end - this.begin)}`;
    const words = [times, this.no || this.price].filter(Boolean).join(" · ");
    this.box.firstChild.textContent = words;
    said.textContent = words;
    clearTimeout(this.timer);
    if (!this.no && !this.price) this.timer = setTimeout(() => this.ask(), 150);
  }

  // The last word is the server's: it knows what was taken meanwhile, and the price.
  async ask() {
    const { begin, end } = this;
    const asked = new URLSearchParams({
      machine: this.track.dataset.machine, begins_ms: begin, ends_ms: end, changes: this.id,
    });
    const answer = await fetch(`/reservations/price?${asked}`).then((one) => (one.ok ? one.json() : null), () => null);
    if (!answer || begin !== this.begin || end !== this.end) return answer;
    this.price = answer.price || " ";
    this.exact = answer.words && line.dataset.no.replace("…", answer.words);
    if (this.box.isConnected) this.draw();
    return answer;
  }

  end_() { clearTimeout(this.timer); this.box.remove(); }
}

function book(pick) {
  const { machine, name } = pick.track.dataset;
  part("name").textContent = name;
  const form = dialog.querySelector("form");
  form.action = `/machines/${machine}/reserve`;
  form.elements.begin.value = field(pick.begin);
  form.elements.end.value = field(pick.end);
  part("price").textContent = pick.price;
  part("more").href = `${form.action}?${new URLSearchParams({ begin: field(pick.begin), end: field(pick.end) })}`;
  if (!pick.price) pick.ask().then((answer) => { part("price").textContent = answer?.words || answer?.price || ""; });
  dialog.showModal();
}
part("close").addEventListener("click", () => dialog.close());

function move(pick) {
  const form = document.getElementById("move");
  form.action = `/reservations/${pick.id}/change`;
  form.elements.begin.value = field(pick.begin);
  form.elements.end.value = field(pick.end);
  form.submit();
}

async function finish(pick, act) {
  await pick.made.done;
  pick.draw();
  if (!pick.no) act(pick);
  return !pick.no;
}

const at = (track, event) => {
  const box = track.getBoundingClientRect();
  return FROM + ((event.clientX - box.left) / box.width) * (TO - FROM);
};
const day0 = (made) => made.answer?.starts[0]?.[0] ?? FROM;
const snap = (pick, ms, round = Math.floor) => {
  const first = day0(pick.made);
  return first + round((ms - first) / pick.grid) * pick.grid;
};

let drag = null;
let lately = 0;
let last = null;

function pull(event) {
  const { pick, how, from, first } = drag;
  const ms = at(pick.track, event);
  if (how === "new") {
    const back = ms < from;
    const low = snap(pick, back ? ms : from);
    pick.to(low, Math.max(low + pick.grid, snap(pick, back ? from : ms, Math.ceil)));
  } else if (how === "resize") {
    pick.to(pick.begin, Math.max(pick.begin + pick.grid, first[1] + Math.round((ms - from) / pick.grid) * pick.grid));
  } else {
    const by = Math.round((ms - from) / pick.grid) * pick.grid;
    pick.to(first[0] + by, first[1] + by);
  }
}

// Where it was pressed decides, not the target: a browser gives a finger's press to the link around the edge.
function atEdge(event, mark) {
  const edge = mark.querySelector(".edge")?.getBoundingClientRect();
  const room = event.pointerType === "touch" ? Math.min(14, mark.getBoundingClientRect().width / 4) : 0;
  return Boolean(edge) && event.clientX >= edge.left - room;
}

function begin(event, track, mark) {
  last?.end_();
  const ms = at(track, event);
  if (mark) {
    const first = [Number(mark.dataset.begin), Number(mark.dataset.end)];
    const pick = new Pick(track, ...first, mark.dataset.id);
    drag = { pick, how: atEdge(event, mark) ? "resize" : "move", from: ms, first };
  } else {
    const pick = new Pick(track, ms, ms + 900_000);
    drag = { pick, how: "new", from: ms };
    pull(event);
  }
  drag.pointer = event.pointerId;
  track.setPointerCapture?.(event.pointerId);
}

for (const track of line.querySelectorAll(".track")) {
  let waiting = null;
  const stop = () => { clearTimeout(waiting?.timer); waiting = null; };
  track.addEventListener("pointerenter", () => { if (!track.dataset.why) options(track); });
  track.addEventListener("dragstart", (event) => event.preventDefault());
  track.addEventListener("pointerdown", (event) => {
    const mark = [...track.querySelectorAll(".mark.mine")].find((one) => {
      const box = one.getBoundingClientRect();
      return event.clientX >= box.left && event.clientX <= box.right;
    });
    if (event.button || (event.target.closest(".mark") && !mark)) return;
    waiting = { event, x: event.clientX, y: event.clientY, mark };
    if (event.pointerType === "touch") {
      waiting.timer = setTimeout(() => { begin(event, track, mark); navigator.vibrate?.(20); stop(); }, HOLD_MS);
    }
  });
  track.addEventListener("pointermove", (event) => {
    if (drag?.pointer === event.pointerId) return pull(event);
    if (!waiting || Math.hypot(event.clientX - waiting.x, event.clientY - waiting.y) < 5) return undefined;
    if (waiting.timer) return stop(); // a finger that moves at once scrolls
    begin(waiting.event, track, waiting.mark);
    stop();
    return pull(event);
  });
  track.addEventListener("pointerup", async (event) => {
    stop();
    if (drag?.pointer !== event.pointerId) return;
    const { pick, how, first } = drag;
    drag = null;
    lately = event.timeStamp;
    last = pick;
    const same = first && pick.begin === first[0] && pick.end === first[1];
    if (same) pick.end_();
    else await finish(pick, how === "new" ? book : move);
  });
  track.addEventListener("pointercancel", () => { stop(); drag?.pick.end_(); drag = null; });
  track.addEventListener("touchmove", (event) => { if (drag) event.preventDefault(); }, { passive: false });
  track.addEventListener("contextmenu", (event) => { if (drag) event.preventDefault(); });
  track.addEventListener("click", (event) => {
    if (event.timeStamp - lately < 500) event.preventDefault(); // the drag has ended here: it is no click
  }, true);
}
dialog.addEventListener("close", () => last?.end_());

// Keys: one cell is in the order of Tab; arrows walk on, Enter begins, Shift and an arrow change the length.
const cells = [...line.querySelectorAll(".cell")];
if (cells.length) cells[0].tabIndex = 0;
let typed = null;

function walk(cell, key) {
  const index = cells.indexOf(cell);
  const track = cell.closest(".track");
  if (key === "ArrowLeft" || key === "ArrowRight") return cells[index + (key === "ArrowRight" ? 1 : -1)];
  const tracks = [...line.querySelectorAll(".track")].filter((one) => one.querySelector(".cell"));
  const next = tracks[tracks.indexOf(track) + (key === "ArrowDown" ? 1 : -1)];
  const off = (one) => Math.abs(one.dataset.begin - cell.dataset.begin);
  return next && [...next.querySelectorAll(".cell")].sort((a, b) => off(a) - off(b))[0];
}

function lengthen(event) {
  const sign = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  const by = sign * typed.grid;
  if (event.shiftKey) typed.to(typed.begin, Math.max(typed.begin + typed.grid, typed.end + by));
  else typed.to(typed.begin + by, typed.end + by);
}

function leave() {
  typed?.end_();
  typed = null;
}

line.addEventListener("focusin", (event) => {
  if (!event.target.matches(".cell")) return;
  options(event.target.closest(".track"));
  for (const one of cells) one.tabIndex = one === event.target ? 0 : -1;
});
line.addEventListener("focusout", (event) => { if (event.target.matches(".cell") && !dialog.open) leave(); });
line.addEventListener("keydown", async (event) => {
  const cell = event.target.closest?.(".cell");
  if (!cell || event.ctrlKey || event.metaKey || event.altKey) return;
  const arrow = event.key.startsWith("Arrow");
  if (!arrow && event.key !== "Enter" && !(event.key === "Escape" && typed)) return;
  event.preventDefault();
  if (event.key === "Escape") return leave();
  if (arrow && !typed && !event.shiftKey) return walk(cell, event.key)?.focus();
  if (!typed) {
    const from = Number(cell.dataset.begin);
    typed = new Pick(cell.closest(".track"), from, from + 900_000);
    const first = snap(typed, from, Math.ceil);
    typed.to(first, first + typed.grid);
    if (arrow) lengthen(event);
  } else if (arrow) lengthen(event);
  else if (await finish(typed, book)) last = typed;
  return undefined;
});
