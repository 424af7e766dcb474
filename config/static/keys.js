// Single keys for lists of cards: they act on the marked card, and never while somebody writes.
(() => {
  "use strict";
  const OFF = "keys-off";
  const WRITES = "input, select, textarea, [contenteditable], dialog[open], dialog[open] *";
  const TARGETS = {
    a: "[data-key=a]",
    e: "[data-key=e]",
    r: "[data-key=r]",
    s: "[data-key=s]",
    u: "[id^=act-undo] > summary",
  };
  const cards = () => [...document.querySelectorAll("[data-card]")];
  const marked = () => document.activeElement?.closest("[data-card]");
  const help = () => document.getElementById("keys");
  let last = null;

  const mark = (card) => {
    card.focus();
    card.scrollIntoView({ block: "nearest" });
  };
  const move = (by) => {
    const all = cards();
    if (!all.length) return;
    const now = marked() || document.getElementById(last);
    const at = all.indexOf(now);
    mark(all[Math.min(Math.max(at < 0 ? 0 : at + by, 0), all.length - 1)]);
  };
  const press = (key) => {
    const target = marked()?.querySelector(TARGETS[key]);
    if (!target) return;
    target.click();
    if (target.tagName !== "SUMMARY") return;
    const first = target.parentElement.querySelector("button, textarea");
    if (target.parentElement.open) first?.focus();
    else target.focus();
  };

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.repeat || event.isComposing) return;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target instanceof Element && event.target.closest(WRITES)) return;
    if (event.key === "?" && help()) help().showModal();
    else if (localStorage.getItem(OFF)) return;
    else if (event.key === "j") move(1);
    else if (event.key === "k") move(-1);
    else if (event.key in TARGETS) press(event.key);
    else return;
    event.preventDefault();
  });
  document.addEventListener("focusin", () => {
    last = marked()?.id ?? last;
  });
  // A part that has renewed itself keeps the card that was marked.
  document.addEventListener("htmx:afterSwap", () => {
    if (last && document.activeElement === document.body) document.getElementById(last)?.focus({ preventScroll: true });
  });
  for (const button of document.querySelectorAll("[data-keys]")) {
    button.hidden = false;
    button.addEventListener("click", () => help().showModal());
  }
  const on = document.getElementById("keys-on");
  if (on) {
    on.checked = !localStorage.getItem(OFF);
    on.addEventListener("change", () => {
      if (on.checked) localStorage.removeItem(OFF);
      else localStorage.setItem(OFF, "1");
    });
  }
})();
