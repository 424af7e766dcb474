// What is stopped, shown within a second of its being pressed anywhere; not while nobody looks.
(() => {
  "use strict";
  const bar = document.getElementById("stops");
  if (!bar) return;
  const EVERY = 600;
  const SLOWEST = 10000;
  let pause = EVERY;
  let waiting = 0;
  let isAsking = false;

  // What is as it was stays, so that nobody loses what they are writing.
  const show = (html) => {
    const fresh = new DOMParser().parseFromString(html, "text/html").body;
    const known = new Set([...fresh.children].map((one) => one.id));
    for (const old of [...bar.children]) if (!known.has(old.id)) old.remove();
    let before = null;
    for (const one of [...fresh.children]) {
      const held = document.getElementById(one.id);
      const at = held || document.importNode(one, true);
      if (!held) {
        at.classList.add("st-new");
        const next = before ? before.nextSibling : bar.firstChild;
        bar.insertBefore(at, next);
      }
      before = at;
    }
    if (!fresh.children.length) bar.replaceChildren();
    here();
  };
  // Whoever lets something go comes back to where they are.
  const here = () => {
    for (const field of document.querySelectorAll("[data-here]")) field.value = location.pathname + location.search;
  };
  const fetched = (url, headers) => fetch(url, { headers, cache: "no-store", credentials: "same-origin", redirect: "manual" });
  const look = async () => {
    let answer = await fetched(bar.dataset.now, { "X-Stops": bar.dataset.pass, "X-Seen": bar.dataset.seen });
    if (answer.headers.get("X-Stops") === "renew") answer = await fetched(bar.dataset.again, {});
    if (answer.type === "opaqueredirect" || answer.status === 403) return false;
    if (answer.status === 200) {
      show(await answer.text());
      bar.dataset.seen = answer.headers.get("X-Seen") || "";
      bar.dataset.pass = answer.headers.get("X-Stops") || bar.dataset.pass;
    }
    pause = answer.ok ? EVERY : Math.min(pause * 2, SLOWEST);
    return true;
  };
  const ask = async () => {
    clearTimeout(waiting);
    if (document.hidden || isAsking) return;
    isAsking = true;
    const began = performance.now();
    let goesOn = true;
    try {
      goesOn = await look();
    } catch {
      pause = Math.min(pause * 2, SLOWEST);
    }
    isAsking = false;
    if (goesOn) waiting = setTimeout(ask, Math.max(100, pause - (performance.now() - began)));
  };

  here();
  document.addEventListener("visibilitychange", ask);
  document.addEventListener("keydown", (event) => {
    const open = event.key === "Escape" && document.querySelector(".st-switch[open]");
    if (!open) return;
    open.removeAttribute("open");
    open.querySelector("summary").focus();
  });
  document.addEventListener("click", (event) => {
    const open = document.querySelector(".st-switch[open]");
    if (open && !open.contains(event.target)) open.removeAttribute("open");
  });
  document.querySelector(".st-switch")?.addEventListener("toggle", (event) => {
    if (event.target.open) event.target.querySelector("input[type=text]").focus();
  });
  waiting = setTimeout(ask, EVERY);
})();
