// Shows what is new at the station without loading the page anew: focus and scrolling stay where they are.
"use strict";

const EVERY_MS = 5000;
const main = document.querySelector("main");
const away = document.getElementById("away");

/** What makes a button or a link the same one after it was drawn again. */
const called = (one) => [one.tagName, one.name, one.value, one.getAttribute("href")].join(" ");

function show(fresh) {
  const held = document.activeElement;
  const after = [...fresh.querySelector("main").children];
  const before = [...main.children];
  after.forEach((one, n) => {
    if (!before[n]) main.append(one);
    else if (!before[n].isEqualNode(one)) before[n].replaceWith(one);
  });
  before.slice(after.length).forEach((one) => one.remove());
  document.title = fresh.title;
  document.documentElement.lang = fresh.documentElement.lang;
  away.textContent = fresh.getElementById("away").textContent;
  if (held.isConnected) return;
  const same = [...main.querySelectorAll("button, a")].find((one) => called(one) === called(held));
  (same && !same.disabled ? same : main).focus({ preventScroll: true });
}

async function again() {
  try {
    const answer = await fetch(location.href, { cache: "no-store", signal: AbortSignal.timeout(EVERY_MS) });
    if (!answer.ok) throw new Error(answer.statusText);
    show(new DOMParser().parseFromString(await answer.text(), "text/html"));
    away.hidden = true;
  } catch {
    away.hidden = false; // what is shown may be old by now
  }
  setTimeout(again, EVERY_MS);
}

setTimeout(again, EVERY_MS);
