// What makes the pages quicker. Everything works without it: filters are a form, entries are <details>, pages are links.
"use strict";
(() => {
  const root = document.documentElement;
  const one = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const say = (text) => { const place = one("#announce"); if (place) { place.textContent = ""; setTimeout(() => { place.textContent = text; }, 60); } };
  root.classList.add("js");

  // Links that can be copied, and the hints of keys, are only there where they work.
  const prepare = (within) => {
    for (const button of all("[data-copy]", within)) button.hidden = !navigator.clipboard;
    for (const button of all("[data-back]", within)) button.hidden = history.length < 2;
    for (const hint of all("[data-help], kbd.hint-keys, [data-narrow]", within)) hint.hidden = false;
  };
  prepare(document);

  document.addEventListener("click", async (event) => {
    const copy = event.target.closest("[data-copy]");
    if (copy) {
      await navigator.clipboard.writeText(new URL(copy.dataset.copy, location.href).href);
      const words = copy.textContent;
      copy.textContent = "Copied";
      say("The link is copied");
      setTimeout(() => { copy.textContent = words; }, 1500);
    }
    if (event.target.closest("[data-help]")) openHelp();
    if (event.target.closest("[data-back]")) history.back();
    for (const menu of all("details.pick[open]")) if (!menu.contains(event.target)) menu.open = false;
  });
  // Who tabs out of a menu closes it. A click on what cannot have the focus gives it to <main>, around the menu, and leaves nothing.
  document.addEventListener("focusin", (event) => {
    for (const menu of all("details.pick[open]")) if (!menu.contains(event.target) && !event.target.contains(menu)) menu.open = false;
  });

  // The list is fetched and put in place: the reader's place in the form, and the page around it, stay as they are.
  // A search is typed in several pauses and is one step back: `search` knows whether it has its entry in the browser's history.
  const place = () => location.href.split("#")[0];
  let asked = null, shown = place();
  const show = async (address, search = null) => {
    const log = one("#log");
    if (!log) { location.assign(address); return; }
    asked?.abort();
    asked = new AbortController();
    log.setAttribute("aria-busy", "true");
    let answer, text;
    try {
      answer = await fetch(address, { signal: asked.signal, credentials: "same-origin", headers: { Accept: "text/html" } });
      text = await answer.text();
    } catch (error) {
      if (error.name !== "AbortError") location.assign(address);
      return;
    }
    const page = new DOMParser().parseFromString(text, "text/html");
    const found = one("#log", page);
    if (!found || answer.redirected && new URL(answer.url).pathname !== location.pathname) { location.assign(address); return; }
    log.replaceWith(document.adoptNode(found));
    document.title = page.title;
    // What else tells of the filters, or passes them on, is changed where it is: an open menu stays open.
    const told = "#filters summary, .facts-line a, .tools a, .tools small", others = all(told, page);
    for (const [number, mine] of all(told).entries()) {
      const theirs = others[number];
      if (!theirs) continue;
      mine.className = theirs.className;
      if (theirs.hasAttribute("href")) mine.setAttribute("href", theirs.getAttribute("href"));
      mine.replaceChildren(...theirs.childNodes);
    }
    prepare(document);
    if (search?.stands) history.replaceState(null, "", answer.url);
    else if (answer.url !== shown) {
      history.pushState(null, "", answer.url);
      if (search) search.stands = true;
    }
    shown = place();
    // What is wrong with a filter is an alert, and says itself.
    if (one("#count").textContent) say(one("#count").textContent);
    watch();
  };

  const form = one("#filters");
  if (form) {
    // While a day is typed, each digit of its year makes another day of it: it is asked for by Enter, or when its field is left.
    // One that is typed half is none, and stops nothing else: browsers would refuse to send the form, without a word where its menu is closed.
    form.noValidate = true;
    const changed = new Set();
    const typedHalf = (field) => field.validity.badInput || field.value !== "" && field.value < "1970";
    const address = () => {
      const query = new URLSearchParams();
      const data = new FormData(form);
      for (const field of all("[data-date]", form)) if (typedHalf(field)) data.delete(field.name);
      const period = data.get("period");
      for (const [name, value] of data) {
        if (!value || name === "period" || (period !== "dates" && (name === "since" || name === "until"))) continue;
        query.append(name, value);
      }
      if (period && period !== "dates") { query.set("since", period); if (period === "yesterday") query.set("until", period); }
      const text = query.toString();
      return form.action.split("?")[0] + (text ? "?" + text : "");
    };
    let timer = 0, search = null;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      changed.clear();
      clearTimeout(timer);
      show(address(), search);
      search = null;
    });
    form.addEventListener("focusout", (event) => {
      search = null;
      if (!changed.delete(event.target) || typedHalf(event.target)) return;
      clearTimeout(timer);
      show(address());
    });
    form.addEventListener("change", (event) => {
      if (event.target.matches("[data-narrow]")) return;
      if (event.target.matches("[data-date]")) {
        one("[name=period][value=dates]", form).checked = true;
        changed.add(event.target);
        return;
      }
      clearTimeout(timer);
      show(address(), event.target.matches("#q, [name=entity]") ? search : null);
    });
    form.addEventListener("input", (event) => {
      if (event.target.matches("[data-narrow]")) {
        const wanted = event.target.value.toLowerCase();
        for (const label of all("label", event.target.parentElement)) label.hidden = !label.textContent.toLowerCase().includes(wanted);
      } else if (event.target.matches("#q, [name=entity]")) {
        clearTimeout(timer);
        const now = search ??= { stands: false };
        timer = setTimeout(() => show(address(), now), 350);
      }
    });
    // Chips, and other links that only change the filters, say it to the form by loading anew; going back does too.
    // A leap within the page, as by "Skip to the content", comes here as well.
    addEventListener("popstate", () => { if (place() !== shown) location.reload(); });
  }

  // New entries are told of and not put in: what somebody reads must not move.
  // Who has left the page alone for ten minutes is not there to be told; asking on would keep their session from ending.
  let poll = 0, seen = Date.now();
  for (const sign of ["pointermove", "keydown", "scroll"]) addEventListener(sign, () => { seen = Date.now(); }, { passive: true });
  const watch = () => {
    clearTimeout(poll);
    const log = one("#log[data-news]");
    if (!log?.dataset.news) return;
    const next = Number(log.dataset.every || 20) * 1000;
    poll = setTimeout(async () => {
      if (document.hidden || Date.now() - seen > 600_000) { watch(); return; }
      try {
        const answer = await fetch(log.dataset.news, { credentials: "same-origin", headers: { Accept: "application/json" } });
        if (!answer.ok || answer.redirected) return;
        const { count, words } = await answer.json();
        const banner = one(".fresh");
        if (count && banner && banner.textContent !== words) {
          banner.textContent = words;
          banner.hidden = false;
          say(words);
          document.title = `(${count}) ${document.title.replace(/^\(\d+\) /, "")}`;
        }
      } catch { /* The network is away: the next look will tell. */ }
      watch();
    }, next);
  };
  watch();

  // Keys of one letter can be switched off (WCAG 2.1.4), and never work where somebody types.
  const kept = { get: () => { try { return localStorage.getItem("shortcuts") !== "off"; } catch { return true; } },
                 set: (on) => { try { localStorage.setItem("shortcuts", on ? "on" : "off"); } catch { /* Private windows keep nothing. */ } } };
  const help = one("#help");
  const openHelp = () => { if (help && !help.open) help.showModal(); };
  const box = one("#shortcuts");
  if (box) { box.checked = kept.get(); box.addEventListener("change", () => kept.set(box.checked)); }
  const step = (by) => {
    const rows = all(".entry > summary");
    if (!rows.length) return;
    const now = rows.indexOf(document.activeElement?.closest(".entry")?.firstElementChild);
    const at = now < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(Math.max(now + by, 0), rows.length - 1);
    rows[at].focus();
    rows[at].scrollIntoView({ block: "nearest" });
  };
  const keys = {
    "/": () => { const q = one("#q"); if (q) { q.focus(); q.select(); } },
    j: () => step(1),
    k: () => step(-1),
    o: () => document.activeElement?.closest(".entry")?.querySelector(".acts a")?.click(),
    n: () => one("a[rel=next]")?.click(),
    p: () => one("a[rel=prev]")?.click(),
    e: () => { const rows = all(".entry"), open = rows.some((row) => !row.open); for (const row of rows) row.open = open; },
    "?": openHelp,
  };
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input:not([type=checkbox], [type=radio]), textarea, select");
    if (event.key === "Escape") {
      const menu = one("details.pick[open]");
      if (menu) { menu.open = false; one("summary", menu).focus(); } else if (typing) {
        // Browsers would empty the search.
        event.preventDefault();
        event.target.blur();
      }
      return;
    }
    if (typing || event.ctrlKey || event.metaKey || event.altKey || help?.open || !kept.get() || !Object.hasOwn(keys, event.key)) return;
    event.preventDefault();
    keys[event.key]();
  });
})();
