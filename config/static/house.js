// Parts of pages that renew themselves: not while nobody looks, and never under one's hands.
(() => {
  "use strict";
  // Since when each question is shown: a part that has renewed itself does not begin anew.
  let looks = new Map();
  const parts = () => document.querySelectorAll("[data-seen]");
  const isPart = (part) => part instanceof Element && part.hasAttribute("data-seen");
  const inHand = (part) =>
    document.hidden ||
    part.querySelector("details.act[open]") !== null ||
    (part.contains(document.activeElement) &&
      document.activeElement.matches("input, select, textarea"));

  document.addEventListener("htmx:configRequest", (event) => {
    if (isPart(event.detail.elt)) event.detail.headers["X-Seen"] = event.detail.elt.dataset.seen;
  });
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (isPart(event.detail.elt) && inHand(event.detail.elt)) event.preventDefault();
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    const part = event.detail.elt;
    if (!isPart(part)) return;
    // Somebody may have begun to write while the answer was on its way.
    if (inHand(part)) event.detail.shouldSwap = false;
    else {
      part.dataset.open = [...part.querySelectorAll("details[open][id]")].map((one) => one.id).join(" ");
      looks = new Map([...part.querySelectorAll("[name=shown]")].map((one) => [one.dataset.of, one.value]));
    }
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    const part = event.detail.elt;
    if (!isPart(part)) return;
    part.dataset.seen = event.detail.xhr.getResponseHeader("X-Seen") || "";
    for (const one of part.querySelectorAll("[name=shown]")) one.value = looks.get(one.dataset.of) || one.value;
    for (const id of (part.dataset.open || "").split(" ").filter(Boolean)) {
      document.getElementById(id)?.setAttribute("open", "");
    }
  });
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) for (const part of parts()) window.htmx.trigger(part, "look");
  });
  document.addEventListener("keydown", (event) => {
    const open = event.key === "Escape" && document.activeElement?.closest("details[open]");
    if (!open) return;
    open.removeAttribute("open");
    open.querySelector("summary")?.focus();
  });
})();
