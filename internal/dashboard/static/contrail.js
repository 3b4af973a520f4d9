// What the pages can't do without a script: stay live without disturbing anyone, draw charts, tick all boxes, and know the browser's time zone. Everything
// else works without it.
(() => {
  "use strict";

  const root = document.documentElement;

  // say tells, in words, how the connection is: it is read out where somebody listens.
  const say = (text) => {
    const place = document.getElementById("connection");
    if (place && place.textContent !== text) place.textContent = text;
  };

  // LiveSource is an EventSource that rests while the page is hidden, since a browser has but a few connections for each server, and begins again after what an
  // EventSource gives up on: an answer that is no stream, as when somebody has to log in again.
  class LiveSource {
    constructor(address) {
      this.address = address;
      this.listeners = [];
      this.readyState = EventSource.OPEN;
      this.look = () => (document.hidden ? this.rest() : this.begin());
      document.addEventListener("visibilitychange", this.look);
      this.look();
    }

    begin() {
      if (this.source || this.readyState === EventSource.CLOSED) return;
      const source = (this.source = new EventSource(this.address));
      for (const [name, listener] of this.listeners) source.addEventListener(name, listener);
      source.onopen = () => {
        say("");
        if (this.onopen) this.onopen();
      };
      source.onerror = () => {
        say("Not live now: the connection is lost. Trying again.");
        if (source.readyState !== EventSource.CLOSED) return;
        this.rest();
        fetch(location.href, { method: "HEAD" }).then((answer) => {
          if (answer.status === 401) say("Not live now: log in again.");
        }, () => {});
        this.later = setTimeout(this.look, 5000);
      };
    }

    rest() {
      clearTimeout(this.later);
      if (this.source) this.source.close();
      this.source = null;
    }

    addEventListener(name, listener) {
      this.listeners.push([name, listener]);
      if (this.source) this.source.addEventListener(name, listener);
    }

    removeEventListener(name, listener) {
      this.listeners = this.listeners.filter((one) => one[0] !== name || one[1] !== listener);
      if (this.source) this.source.removeEventListener(name, listener);
    }

    close() {
      this.readyState = EventSource.CLOSED;
      this.rest();
      document.removeEventListener("visibilitychange", this.look);
    }
  }

  if (window.htmx) htmx.createEventSource = (address) => new LiveSource(address);

  // What a person has opened, ticked or typed stays as it is when the page around it changes.
  if (window.Idiomorph) {
    const kept = (name, node) => (name === "open" && node.matches("details")) || (["checked", "value", "selected"].includes(name) && node.matches("input, textarea, select, option"));
    Object.assign(Idiomorph.defaults.callbacks, {
      beforeAttributeUpdated: (name, node) => !kept(name, node),
      beforeNodeMorphed: (node) => !(node.nodeType === Node.ELEMENT_NODE && (node.hasAttribute("data-keep") || (node === document.activeElement && node.matches("input, textarea, select")))),
    });
    Idiomorph.defaults.ignoreActiveValue = true;
  }

  // A box with data-all ticks all boxes of that name in its form, or in the form that it belongs to, and what has data-count tells how many are ticked.
  const boxes = (all) => [...document.querySelectorAll(`input[type="checkbox"][name="${CSS.escape(all.dataset.all)}"]`)].filter((box) => box.form === all.form);
  const tally = (all) => {
    const every = boxes(all), ticked = every.filter((box) => box.checked).length;
    all.checked = every.length > 0 && ticked === every.length;
    all.indeterminate = ticked > 0 && ticked < every.length;
    document.querySelectorAll(`[data-count="${CSS.escape(all.dataset.all)}"]`).forEach((place) => { place.textContent = ticked; });
  };
  const tallyAll = () => document.querySelectorAll("[data-all]").forEach(tally);
  document.addEventListener("change", (event) => {
    if (!(event.target instanceof HTMLInputElement) || event.target.type !== "checkbox") return;
    if (event.target.dataset.all) boxes(event.target).forEach((box) => { box.checked = event.target.checked; });
    tallyAll();
  });

  // A form that does something is posted once, however often one clicks, until the page is shown again.
  const posted = new Set();
  document.addEventListener("submit", (event) => {
    if (event.target.method !== "post" || event.defaultPrevented) return;
    if (posted.has(event.target)) event.preventDefault();
    posted.add(event.target);
  });
  addEventListener("pageshow", () => posted.clear());

  // The browser's time zone is offered beside UTC, and the choice of colours shows at once.
  const zones = document.getElementById("zones");
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zones && own && own !== "UTC") zones.append(new Option(own, own));
  document.addEventListener("change", (event) => {
    if (event.target.id !== "theme") return;
    if (event.target.value) root.dataset.theme = event.target.value;
    else delete root.dataset.theme;
    charts.forEach((chart) => chart.redraw());
  });

  // Charts: <div class="plot" data-chart="rates" data-from="/series?format=json"> is drawn from that address, again and again.
  const seconds = (value) => {
    if (value == null) return "unknown";
    if (value === 0) return "0 s";
    if (value < 1e-3) return Math.round(value * 1e6) + " µs";
    if (value < 1) return +(value * 1e3).toPrecision(3) + " ms";
    if (value < 60) return +value.toPrecision(3) + " s";
    if (value < 3600) return Math.floor(value / 60) + " min " + Math.round(value % 60) + " s";
    return Math.floor(value / 3600) + " h " + Math.round((value % 3600) / 60) + " min";
  };
  const figures = (unit) => (value) => (value == null ? "unknown" : +value.toPrecision(value < 100 ? 3 : 6) + unit);
  const kinds = {
    rates: { axis: figures("/s"), lines: [["appended", "appended_events_per_second"], ["published", "published_events_per_second"], ["handled", "handled_events_per_second"]] },
    lag: { axis: figures(""), lines: [["events", "lag_events"]] },
    age: { axis: seconds, lines: [["oldest unpublished", "lag_seconds"]] },
    latency: { axis: seconds, lines: [["publish p50", "publish_p50_seconds"], ["publish p99", "publish_p99_seconds"], ["handle p50", "handle_p50_seconds"], ["handle p99", "handle_p99_seconds"]] },
  };
  const colour = (name) => {
    const probe = document.createElement("span");
    probe.style.color = `var(${name})`;
    document.body.append(probe);
    const found = getComputedStyle(probe).color; // which has taken light-dark() apart
    probe.remove();
    return found;
  };

  class Chart {
    constructor(place) {
      this.place = place;
      this.kind = kinds[place.dataset.chart];
      new ResizeObserver(() => this.fit()).observe(place);
    }

    size() { return { width: Math.max(200, this.place.clientWidth), height: 200 }; }

    fit() { if (this.plot) this.plot.setSize(this.size()); }

    show(series) {
      this.data = [series.at, ...this.kind.lines.map((line) => series[line[1]])];
      if (this.plot) this.plot.setData(this.data);
      else this.draw();
      this.tell();
    }

    // tell has the legend say what is so now, where nobody points at an earlier time.
    tell() {
      if (this.plot && this.plot.cursor.idx == null) this.plot.setLegend({ idx: this.data[0].length - 1 });
    }

    redraw() {
      if (this.plot) this.plot.destroy();
      this.plot = null;
      if (this.data) this.draw();
      this.tell();
    }

    draw() {
      const text = colour("--quiet"), grid = colour("--line"), zone = this.place.dataset.zone || "UTC";
      const axis = { stroke: text, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1 } };
      this.plot = new uPlot({
        ...this.size(),
        tzDate: (at) => uPlot.tzDate(new Date(at * 1000), zone === "UTC" ? "Etc/UTC" : zone),
        cursor: { points: { size: 6 } },
        scales: { x: { range: (_, __, last) => [(last || Date.now() / 1000) - this.place.dataset.minutes * 60, last || Date.now() / 1000] }, y: { range: (_, __, most) => [0, most > 0 ? most * 1.1 : 1] } },
        axes: [
          { ...axis, space: 70, values: [[60, "{HH}:{mm}", null, null, null, null, null, null, 1], [1, "{HH}:{mm}:{ss}", null, null, null, null, null, null, 1]] },
          { ...axis, size: 72, values: (_, ticks) => ticks.map((tick) => this.kind.axis(tick)) },
        ],
        series: [
          { label: "at", value: "{HH}:{mm}:{ss}" },
          ...this.kind.lines.map((line, i) => ({ label: line[0], stroke: colour(`--chart-${i + 1}`), width: 1.5, dash: i % 2 ? [6, 3] : [], value: (_, value) => this.kind.axis(value) })),
        ],
      }, this.data, this.place);
    }
  }

  const charts = window.uPlot ? [...document.querySelectorAll(".plot[data-chart]")].map((place) => new Chart(place)) : [];
  const every = 3000;
  const refresh = async () => {
    if (!document.hidden) {
      try {
        const from = new Map();
        for (const chart of charts) {
          const address = chart.place.dataset.from;
          if (!from.has(address)) from.set(address, fetch(address, { headers: { Accept: "application/json" } }).then((answer) => (answer.ok ? answer.json() : Promise.reject(answer.status))));
          chart.show(await from.get(address));
        }
      } catch { /* the connection tells of itself */ }
    }
    setTimeout(refresh, every);
  };
  if (charts.length > 0) {
    refresh();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => charts.forEach((chart) => chart.redraw()));
  }

  document.addEventListener("htmx:afterSettle", tallyAll);
  tallyAll();
  root.dataset.ready = "yes"; // for those who drive the page by a program
})();
