"use strict";
(() => {
  const root = document.documentElement;
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];

  // --- theme: the system's until the reader chooses one -------------------------------------------------------------

  const dark = matchMedia("(prefers-color-scheme: dark)");
  const button = document.getElementById("theme");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : dark.matches);
  const remember = (theme) => { try { localStorage.setItem("tipbench-theme", theme); } catch { /* a file may have no storage */ } };
  const remembered = () => { try { return localStorage.getItem("tipbench-theme"); } catch { return null; } };

  const themed = () => {
    button.setAttribute("aria-pressed", String(isDark()));
    repaint();
  };
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    remember(root.dataset.theme);
    themed();
  });
  dark.addEventListener("change", themed);
  if (["light", "dark"].includes(remembered())) root.dataset.theme = remembered();

  // --- figures: drawn one after the other, in the page's colours -----------------------------------------------------

  const probe = document.createElement("span");
  probe.hidden = true;
  document.body.append(probe);
  const colour = (name) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  const views = new Map();

  function paint(model) {
    const known = new Map();
    for (const each of model.references()) {
      const wanted = {};
      for (const tag of each.tags ?? []) {
        const [property, name] = String(tag).split("=");
        if (!known.has(name)) known.set(name, colour(name));
        wanted[property] = known.get(name);
      }
      if (Object.keys(wanted).length) each.setv(wanted);
    }
  }
  function repaint() {
    for (const view of views.values()) paint(view.model);
  }
  function unpacked(script) {
    const bytes = Uint8Array.from(atob(script.textContent), (letter) => letter.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
  }
  async function draw(script) {
    const item = JSON.parse(await unpacked(script));
    const box = document.getElementById(script.dataset.figure);
    const manager = await Bokeh.embed.embed_item(item, box.id);
    const view = [...manager][0];
    views.set(box.id, view);
    paint(view.model);
    narrow(view.model, box.clientWidth);
  }
  const BESIDE = 130, COLUMN = 90, LINE = 22;  // pixels: axis and margins, a column of a legend, a line of it
  function narrow(figure, width) {
    for (const legend of figure.references()) {
      if (legend.type !== "Legend" || !(legend.ncols > 1)) continue;
      const columns = Math.max(1, Math.min(legend.ncols, Math.floor((width - BESIDE) / COLUMN)));
      const lines = (many) => Math.ceil(legend.items.length / many);
      figure.height += LINE * (lines(columns) - lines(legend.ncols));
      legend.ncols = columns;
    }
  }
  async function drawAll() {
    const packed = document.getElementById("drawing");
    if (packed) {
      const library = document.createElement("script");
      library.textContent = await unpacked(packed);
      document.head.append(library);
    }
    for (const script of all("script[data-figure]")) {
      const folded = script.closest("details.later:not([open])");
      if (folded) {
        folded.addEventListener("toggle", () => draw(script), { once: true });
        continue;
      }
      await draw(script);
      await new Promise((done) => setTimeout(done));
    }
    root.dataset.drawn = "yes";
  }
  for (const again of all("[data-again]")) {
    again.addEventListener("click", () => {
      for (const each of views.get(again.dataset.again)?.model.references() ?? []) {
        if (each.type === "Range1d") each.reset?.();
      }
    });
  }
  let before = null;
  addEventListener("beforeprint", () => {
    before = root.dataset.theme ?? "";
    root.dataset.theme = "light";
    repaint();
  });
  addEventListener("afterprint", () => {
    if (before) root.dataset.theme = before; else delete root.dataset.theme;
    repaint();
  });

  // --- tables: sort, filter, search, open ----------------------------------------------------------------------------

  const ready = [];
  for (const large of all(".large")) {
    const table = large.querySelector("table.entries");
    const rows = [...table.tBodies];
    const search = large.querySelector("input[type=search]");
    const group = large.querySelector("select.group");
    const sort = large.querySelector("select.sort");
    const verdicts = all(".verdicts input", large);
    const shown = large.querySelector(".shown");
    const nothing = large.querySelector(".nothing");
    const expand = large.querySelector(".expand");
    const heads = [...table.tHead.rows[0].cells];
    const texts = new Map();
    const lower = (row) => {
      if (!texts.has(row)) {
        texts.set(row, all("tr.entry td > *, dd", row).map((each) => each.textContent).join(" ").toLowerCase());
      }
      return texts.get(row);
    };
    const later = new Map();
    ready.push(unpacked(large.querySelector("script.later")).then((text) => {
      JSON.parse(text).forEach((more, index) => later.set(rows[index], more));
      for (const opener of all(".opener[aria-expanded=true]", table)) open(opener, true);
    }));
    let order = { column: null, down: false };

    const key = (row, column) => {
      const cell = row.rows[0].cells[column];
      return cell.dataset.key ?? cell.textContent.trim();
    };
    const compare = (a, b) => {
      const [x, y] = [key(a, order.column), key(b, order.column)];
      // empty cells come last in either direction
      if (x === "" || y === "") return (x === "") - (y === "");
      const numeric = !isNaN(x) && !isNaN(y);
      const found = numeric ? x - y : x.localeCompare(y, "en", { numeric: true });
      return order.down ? -found : found;
    };
    const arrange = () => {
      const sorted = order.column === null ? rows : [...rows].sort(compare);
      table.append(...sorted);
      heads.forEach((head, index) => {
        if (index === order.column) head.setAttribute("aria-sort", order.down ? "descending" : "ascending");
        else head.removeAttribute("aria-sort");
      });
      sort.value = order.column === null ? "" : String(order.column);
    };
    const filter = () => {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      const wanted = new Set(verdicts.filter((box) => box.checked).map((box) => box.value));
      let count = 0;
      for (const row of rows) {
        const { verdict, group: own } = row.dataset;
        const fits = wanted.has(verdict) && (!group.value || own === group.value) && words.every((word) => lower(row).includes(word));
        row.hidden = !fits;
        count += fits;
      }
      shown.textContent = `${count} of ${rows.length} rows`;
      nothing.hidden = count > 0;
    };
    const open = (opener, wide) => {
      opener.setAttribute("aria-expanded", String(wide));
      const opened = document.getElementById(opener.getAttribute("aria-controls"));
      opened.hidden = !wide;
      const body = opened.parentElement;
      if (wide && later.has(body)) {
        // text of the page itself, escaped when it was written
        opened.querySelector(".blocks").insertAdjacentHTML("beforeend", later.get(body));
        later.delete(body);
      }
    };

    large.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
    search.addEventListener("input", filter);
    group.addEventListener("change", filter);
    for (const box of verdicts) box.addEventListener("change", filter);
    sort.addEventListener("change", () => {
      order = { column: sort.value === "" ? null : Number(sort.value), down: false };
      arrange();
    });
    for (const by of all("button.by", table)) {
      by.addEventListener("click", () => {
        const column = Number(by.dataset.column);
        if (order.column !== column) order = { column, down: false };
        else if (!order.down) order = { column, down: true };
        else order = { column: null, down: false };
        arrange();
      });
    }
    table.addEventListener("click", (event) => {
      const opener = event.target.closest(".opener") ?? event.target.closest("tr.entry")?.querySelector(".opener");
      if (!opener || event.target.closest("a") || String(getSelection())) return;
      open(opener, opener.getAttribute("aria-expanded") !== "true");
    });
    expand.addEventListener("click", () => {
      const wide = expand.getAttribute("aria-pressed") !== "true";
      expand.setAttribute("aria-pressed", String(wide));
      for (const opener of all(".opener", table)) open(opener, wide);
    });
    for (const reset of all(".reset", large)) {
      reset.addEventListener("click", () => {
        search.value = "";
        group.value = "";
        for (const box of verdicts) box.checked = true;
        order = { column: null, down: false };
        arrange();
        filter();
        search.focus();
      });
    }
  }

  for (const copy of all(".copy")) {
    const code = copy.parentElement.querySelector("code");
    copy.addEventListener("click", async () => {
      getSelection().selectAllChildren(code);
      try {
        await navigator.clipboard.writeText(code.textContent);
        copy.textContent = "Copied";
      } catch {
        copy.textContent = "Selected";
      }
    });
  }

  themed();
  Promise.all(ready).then(drawAll);
})();
