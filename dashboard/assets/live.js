// Keeps a page live: swaps fragments of HTML that the server sends, counts down, listens to keys. Without it every page
// can be read and every button works.
"use strict";
(() => {
  const body = document.body;
  const $ = (id) => document.getElementById(id);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const calm = matchMedia("(prefers-reduced-motion: reduce)");

  // ---- Times: as kubectl writes them ----
  function duration(seconds) {
    const s = Math.trunc(seconds), m = Math.trunc(s / 60), h = Math.trunc(m / 60), d = Math.trunc(h / 24);
    const two = (a, x, b, y) => (b ? a + x + b + y : a + x);
    if (s < 0) return "0s";
    if (s < 120) return s + "s";
    if (m < 10) return two(m, "m", s % 60, "s");
    if (m < 180) return m + "m";
    if (h < 8) return two(h, "h", m % 60, "m");
    if (h < 48) return h + "h";
    if (d < 8) return two(d, "d", h % 24, "h");
    if (d < 730) return d + "d";
    return two(Math.trunc(d / 365), "y", d < 8 * 365 ? d % 365 : 0, "d");
  }
  function write(element, text) {
    if (element.textContent !== text) element.textContent = text;
  }
  function tick() {
    const now = Date.now();
    const since = (text) => (now - Date.parse(text)) / 1000;
    for (const e of all("[data-age]")) write(e, duration(since(e.getAttribute("datetime"))));
    for (const e of all("[data-moment]")) {
      const s = since(e.dataset.moment);
      write(e, s < 0 ? "in " + duration(-s) : duration(s) + " ago");
    }
    for (const e of all("[data-until]")) {
      const left = -since(e.dataset.until || e.getAttribute("datetime"));
      write(e, left <= 0 ? "a moment" : ("bare" in e.dataset ? "" : "in ") + duration(Math.ceil(left)));
    }
    for (const e of all("[data-ring]")) {
      const share = Math.min(1, Math.max(0, -since(e.dataset.ring) / Number(e.dataset.delay)));
      e.setAttribute("stroke-dashoffset", ((1 - share) * 56.55).toFixed(1));
    }
  }

  // ---- Changes from the server ----
  function element(html) {
    const template = document.createElement("template");
    template.innerHTML = html;
    return template.content.firstElementChild;
  }
  // What the user has open or is at must survive a swap.
  function swap(old, html) {
    const fresh = element(html);
    if (!fresh || old.outerHTML === fresh.outerHTML) return old;
    const open = all("details[open]", old).map((e) => e.id);
    const focus = old.contains(document.activeElement) ? place(document.activeElement, old) : null;
    old.replaceWith(fresh);
    for (const id of open) $(id)?.setAttribute("open", "");
    if (focus) (fresh.matches(focus) ? fresh : fresh.querySelector(focus))?.focus({ preventScroll: true });
    return fresh;
  }
  function place(active, root) {
    const tag = active.tagName.toLowerCase();
    const holder = active.closest("[id]");
    if (!holder) return null;
    return holder === active ? "#" + CSS.escape(active.id) : "#" + CSS.escape(holder.id) + " " + tag;
  }
  function insert(list, row) {
    const after = [...list.children].find((other) => other.dataset.sort > row.dataset.sort);
    list.insertBefore(row, after || null);
  }
  function apply(change) {
    if ("only" in change) {
      const keep = new Set(change.only);
      all(".row").forEach((row) => keep.has(row.id) || row.remove());
    } else if ("gone" in change) {
      $(change.gone)?.remove();
    } else if (change.list) {
      const old = $(change.id), list = $(change.list);
      if (!list) return;
      let row;
      if (old && old.parentElement === list) {
        row = swap(old, change.html);
      } else {
        const focused = old?.contains(document.activeElement);
        old?.remove();
        row = element(change.html);
        insert(list, row);
        if (focused) row.querySelector("a").focus({ preventScroll: true });
      }
      if (!calm.matches && row !== old) row.classList.add("just-changed");
    } else {
      const old = $(change.id);
      if (old) swap(old, change.html);
    }
  }
  function announce() {
    const state = $("state");
    if (!state) return;
    const text = (state.querySelector(".phase b")?.textContent || "") + ". " +
      (state.querySelector(".sentence, .notice")?.textContent || "");
    const line = $("announce");
    if (line.dataset.last !== undefined && line.dataset.last !== text) line.textContent = text;
    line.dataset.last = text;
    const symbol = state.dataset.symbol;
    if (symbol) document.title = symbol + " " + document.title.replace(/^\S\s/, "");
  }

  // ---- The stream ----
  let source = null;
  let seen = body.dataset.seen;
  const liveness = $("liveness");
  function tell(state, text) {
    if (!liveness) return;
    liveness.className = "liveness " + state;
    write(liveness, text);
  }
  function connect() {
    if (source || !body.dataset.live) return;
    const join = body.dataset.live.includes("?") ? "&" : "?";
    source = new EventSource(body.dataset.live + join + "seen=" + encodeURIComponent(seen));
    source.onopen = () => tell("is-live", "live");
    source.onerror = () => {
      tell("is-lost", "connection lost, trying again");
      // A refusal ends the stream for good; a fresh one tells more.
      if (source && source.readyState === EventSource.CLOSED) {
        disconnect();
        setTimeout(connect, 3000);
      }
    };
    source.addEventListener("changes", (event) => {
      seen = event.lastEventId || seen;
      JSON.parse(event.data).forEach(apply);
      filter();
      tick();
      announce();
    });
  }
  function disconnect() {
    source?.close();
    source = null;
  }
  // Browsers allow few connections to one server: a page that nobody sees gives its one back.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) disconnect();
    else connect();
  });
  addEventListener("pagehide", disconnect);
  addEventListener("pageshow", connect);

  // ---- The filter ----
  const input = $("filter");
  let phase = new URLSearchParams(location.search).get("phase") || "";
  function filter() {
    if (!input) return;
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = (text) => words.every((w) => (w[0] === "!" ? w.length === 1 || !text.includes(w.slice(1)) : text.includes(w)));
    let shown = 0;
    const rows = all(".row");
    for (const row of rows) {
      row.hidden = !((!phase || phase === row.dataset.phase) && fits(row.dataset.text));
      shown += row.hidden ? 0 : 1;
    }
    $("no-match").hidden = rows.length === 0 || shown > 0;
    for (const chip of all(".chip")) {
      const name = chip.dataset.name;
      if (name === phase) chip.setAttribute("aria-current", "true");
      else chip.removeAttribute("aria-current");
    }
  }
  function remember() {
    const query = new URLSearchParams();
    if (input.value) query.set("q", input.value);
    if (phase) query.set("phase", phase);
    history.replaceState(null, "", query.size ? "?" + query : location.pathname);
  }
  if (input) {
    input.form.addEventListener("submit", (event) => event.preventDefault());
    input.addEventListener("input", () => { filter(); remember(); });
    document.addEventListener("click", (event) => {
      const chip = event.target.closest?.(".chip");
      if (!chip || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      phase = phase === chip.dataset.name ? "" : chip.dataset.name;
      filter();
      remember();
    });
  }

  // ---- Buttons ----
  let toastTimer;
  function toast(text, good) {
    $("toast")?.remove();
    const line = document.createElement("p");
    line.id = "toast";
    line.className = "notice toast " + (good ? "good" : "bad");
    line.setAttribute("role", good ? "status" : "alert");
    body.append(line);
    line.textContent = text;
    clearTimeout(toastTimer);
    toastTimer = setTimeout(() => line.remove(), good ? 6000 : 15000);
  }
  document.addEventListener("submit", async (event) => {
    const form = event.target.closest(".sure form");
    if (!form) return;
    event.preventDefault();
    if (form.getAttribute("aria-busy")) return;
    form.setAttribute("aria-busy", "true");
    const id = form.closest("details").id;
    try {
      const answer = await fetch(form.action, {
        method: "POST",
        body: new URLSearchParams(new FormData(form)),
        headers: { "X-Requested-With": "fetch" },
        redirect: "error",
      });
      const text = await answer.text();
      toast(text.charAt(0).toUpperCase() + text.slice(1), answer.ok);
    } catch {
      toast("The dashboard did not answer. Is it still running?", false);
    }
    form.removeAttribute("aria-busy");
    // The page may have been swapped meanwhile.
    $(id)?.removeAttribute("open");
  });
  // "Sure?" stands under the pointer's eyes and under the keyboard's focus; a click elsewhere takes it back.
  document.addEventListener("toggle", (event) => {
    const details = event.target;
    if (details.matches?.(".sure") && details.open && details.contains(document.activeElement)) {
      details.querySelector("form button")?.focus();
    }
  }, true);
  document.addEventListener("click", (event) => {
    for (const open of all(".sure[open]")) if (!open.contains(event.target)) open.open = false;
  });

  // ---- Commands: a click takes them along ----
  document.documentElement.classList.add("scripted");
  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.(".copy");
    if (!button) return;
    const command = button.parentElement.querySelector("code").textContent;
    try {
      await navigator.clipboard.writeText(command);
      toast("Copied: " + command, true);
    } catch {
      toast("This browser does not let pages copy; select the command by hand.", false);
    }
  });

  // ---- Keys ----
  function step(by) {
    const items = all("[data-item]").filter((e) => e.getClientRects().length);
    if (!items.length) return;
    const at = items.indexOf(document.activeElement.closest("[data-item]"));
    const next = at < 0 ? (by > 0 ? 0 : items.length - 1) : Math.min(items.length - 1, Math.max(0, at + by));
    items[next].focus();
  }
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || $("help").open) return;
    const typing = event.target.matches("input, textarea, select");
    if (event.key === "Escape") {
      const open = document.querySelector(".sure[open]");
      if (open) {
        open.open = false;
        open.querySelector("summary").focus();
      } else if (typing) {
        input.value = "";
        filter();
        remember();
        input.blur();
      } else {
        $("toast")?.remove();
      }
      return;
    }
    if (typing) {
      if (event.key === "Enter" || event.key === "ArrowDown") { event.preventDefault(); step(1); }
      return;
    }
    const keys = {
      "/": () => (input ? (input.focus(), input.select()) : location.assign(body.dataset.home)),
      j: () => step(1), ArrowDown: () => step(1), k: () => step(-1), ArrowUp: () => step(-1),
      u: () => location.assign(body.dataset.home),
      "?": () => $("help").showModal(),
    };
    const act = keys[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
  for (const keys of all(".keys")) {
    keys.hidden = false;
    keys.addEventListener("click", () => $("help").showModal());
  }

  setInterval(tick, 1000);
  tick();
  filter();
  announce();
  connect();
})();
