"use strict";
(() => {
  const session = JSON.parse(document.getElementById("data").textContent);
  const EMOTIONS = session.emotions, SENSORS = session.sensors;
  /* More points than these take time to draw and show nothing more: half of them share a pixel. */
  const LINE_POINTS = 450, PLANE_POINTS = 240;
  /* The chart's dates begin here: plotly takes numbers near 0 for years. */
  const DAY_ONE = Date.UTC(2000, 0, 1);
  const date = ms => ms === null ? null : DAY_ONE + ms;
  const root = document.documentElement;
  const colour = name => getComputedStyle(root).getPropertyValue("--" + name).trim();
  const see = (value, low, high) => Math.min(high, Math.max(low, value));
  const player = document.getElementById("player");
  const slider = document.getElementById("moment");
  const charts = [];
  let sought = null, printing = false, narrow = window.innerWidth < 760;

  function clockText(ms) {
    const tenths = Math.round(ms / 100), minutes = Math.floor(tenths / 600), hours = Math.floor(minutes / 60);
    const seconds = ((tenths % 600) / 10).toFixed(1).padStart(4, "0");
    return hours ? `${hours}:${String(minutes % 60).padStart(2, "0")}:${seconds}` : `${minutes}:${seconds}`;
  }

  function translucent(hex, alpha) {
    const [r, g, b] = [1, 3, 5].map(i => parseInt((hex.length === 4 ? hex.replace(/\w/g, "$&$&") : hex).slice(i, i + 2), 16));
    return `rgba(${r},${g},${b},${alpha})`;
  }

  /* Index of the first window that ends after `ms`. */
  function windowAt(person, ms) {
    let low = 0, high = person.to.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (person.to[middle] < ms) low = middle + 1; else high = middle;
    }
    return low;
  }

  /* Neighbouring windows as groups, so that no line has more points than the screen can show. */
  function groups(person, from, to, most = LINE_POINTS) {
    const first = Math.max(0, windowAt(person, from) - 1), last = Math.min(person.to.length, windowAt(person, to) + 2);
    const size = Math.max(1, Math.ceil((last - first) / most)), found = [];
    for (let i = first; i < last; i += size) found.push([i, Math.min(i + size, last)]);
    return { found, size };
  }

  function mean(values, [first, last]) {
    let sum = 0, count = 0;
    for (let i = first; i < last; i++) if (values[i] !== null) { sum += values[i]; count++; }
    return count ? sum / count : null;
  }

  function extreme(values, [first, last], better) {
    let best = null;
    for (let i = first; i < last; i++) if (values[i] !== null) best = best === null ? values[i] : better(best, values[i]);
    return best;
  }

  /* A line with holes where nothing was measured; a lone point becomes a step of its window. */
  function line(person, values, found) {
    const x = [], y = [];
    found.forEach((group, k) => {
      const value = mean(values, group), start = person.from[group[0]];
      if (k === 0 || y.at(-1) === null || start > person.to[found[k - 1][1] - 1]) { x.push(start); y.push(k ? null : value); x.push(start); y.push(value); }
      x.push(person.to[group[1] - 1]); y.push(value);
    });
    return { x, y };
  }

  function band(person, low, high, found) {
    const x = [], y = [];
    let run = [];
    const close = () => {
      if (!run.length) return;
      const edge = [[person.from[run[0][0][0]], run[0][1], run[0][2]], ...run.map(([g, l, h]) => [person.to[g[1] - 1], l, h])];
      edge.forEach(([t, , h]) => { x.push(t); y.push(h); });
      edge.reverse().forEach(([t, l]) => { x.push(t); y.push(l); });
      x.push(null); y.push(null);
      run = [];
    };
    for (const group of found) {
      const bottom = extreme(low, group, Math.min), top = extreme(high, group, Math.max);
      if (bottom === null) { close(); continue; }
      if (run.length && person.from[group[0]] > person.to[run.at(-1)[0][1] - 1]) close();
      run.push([group, bottom, top]);
    }
    close();
    return { x, y };
  }

  /* Times for which no emotion is claimed, as the path of one shape. */
  function abstained(person, floor) {
    const text = ms => new Date(date(ms)).toISOString().slice(0, 23).replace("T", "_");
    let path = "";
    for (let i = 0; i < person.to.length; i++) {
      if (!person.abstained[i]) continue;
      const start = text(person.from[i]);
      while (i + 1 < person.to.length && person.abstained[i + 1] && person.from[i + 1] <= person.to[i]) i++;
      path += `M${start},${floor}L${text(person.to[i])},${floor}L${text(person.to[i])},1L${start},1Z`;
    }
    return path;
  }

  const dated = ({ x, y }) => ({ x: x.map(date), y });
  const ROWS = [...EMOTIONS, "valence", "arousal"];
  const axis = row => "y" + (row ? row + 1 : "");
  const reading = stretch => stretch.source !== "measured" ? stretch.source : stretch.state === "degraded" ? "reserved" : "measured";

  function timelineTraces(person, range) {
    const { found, size } = groups(person, range[0], range[1]);
    const traces = [];
    ROWS.forEach((name, row) => {
      const ink = colour(name), emotion = person.emotions[name];
      if (emotion) traces.push({ ...dated(band(person, emotion.low, emotion.high, found)), yaxis: axis(row), mode: "none", fill: "toself", fillcolor: translucent(ink, .25), hoverinfo: "skip" });
      traces.push({
        ...dated(line(person, emotion ? emotion.p : person[name], found)), yaxis: axis(row), mode: "lines", connectgaps: false, name,
        line: { color: ink, width: 1.6, shape: "linear", simplify: true }, hovertemplate: `${name} %{y:.2f}<extra></extra>`,
      });
    });
    return { traces: [...traces, ...sensorTraces(person)], size };
  }

  function sensorTraces(person) {
    const kinds = { measured: "", reserved: "", recovered: "/", absent: "\\" };
    return Object.entries(kinds).map(([kind, shape]) => {
      const base = [], x = [], y = [], text = [];
      for (const sensor of Object.keys(SENSORS)) for (const s of person.sensors[sensor]) {
        if (reading(s) !== kind) continue;
        base.push(date(s.from)); x.push(s.to - s.from); y.push(SENSORS[sensor]);
        text.push(`${s.words}<br>${clockText(s.from)} to ${clockText(s.to)}`);
      }
      const ink = colour(kind), marker = shape
        ? { color: colour("paper"), pattern: { shape, fgcolor: ink, bgcolor: colour("paper"), size: 7, solidity: .35, fillmode: "replace" }, line: { color: ink, width: .6 } }
        : { color: ink, line: { width: 0 } };
      return { type: "bar", orientation: "h", base, x, y, width: .66, yaxis: axis(ROWS.length), hovertext: text, hovertemplate: "%{hovertext}<extra></extra>", textposition: "none", marker };
    });
  }

  function timelineLayout(person, range) {
    const sensors = .13, gap = .021, height = (1 - sensors - gap * (ROWS.length + 1)) / ROWS.length;
    const small = narrow && !printing, layout = shared(small ? { l: 66, r: 22, t: 8, b: 36 } : { l: 84, r: 34, t: 8, b: 36 });
    const ticks = [[null, 1000, "%-M:%S.%L"], [1000, 3.6e6, session.end_ms >= 3.6e6 ? "%-H:%M:%S" : "%-M:%S"], [3.6e6, null, "%-H:%M"]];
    Object.assign(layout, { dragmode: window.matchMedia("(pointer: coarse)").matches ? false : "zoom", hovermode: "closest", barmode: "overlay", clickanywhere: true, annotations: [] });
    layout.xaxis = { type: "date", range: range.map(date), minallowed: date(0), maxallowed: date(session.end_ms), anchor: axis(ROWS.length), gridcolor: colour("grid"), linecolor: colour("rule"), zeroline: false,
      nticks: small ? 5 : 12, tickformatstops: ticks.map(([a, b, value]) => ({ dtickrange: [a, b], value })), ticks: "outside", tickcolor: colour("rule"), hoverformat: "%-H:%M:%S" };
    ROWS.forEach((name, row) => {
      const top = 1 - row * (height + gap), signed = !EMOTIONS.includes(name);
      layout["yaxis" + (row ? row + 1 : "")] = {
        domain: [top - height, top], range: signed ? [-1.05, 1.05] : [0, 1], fixedrange: true, side: "right", zeroline: true, zerolinecolor: colour("rule"), zerolinewidth: 1,
        tickvals: signed ? [-1, 1] : [0, .5, 1], ticktext: signed ? ["−1", "+1"] : ["0", "", "1"], tickfont: { size: 9, color: colour("quiet") }, gridcolor: colour("grid"), showline: false,
      };
      layout.annotations.push({ text: name, xref: "paper", yref: "paper", x: 0, xshift: -8, xanchor: "right", y: top - height / 2, yanchor: "middle", showarrow: false, font: { color: colour(name), size: small ? 11 : 13 } });
    });
    layout["yaxis" + (ROWS.length + 1)] = { domain: [0, sensors], type: "category", categoryarray: Object.values(SENSORS).reverse(), categoryorder: "array", range: [-.5, 2.5], fixedrange: true, ticks: "outside", ticklen: 6, tickcolor: "rgba(0,0,0,0)", tickfont: { size: small ? 11 : 13 }, showgrid: false, zeroline: false };
    const path = abstained(person, sensors + gap * 2);
    if (path) layout.shapes = [{ type: "path", path, xref: "x", yref: "paper", layer: "below", fillcolor: colour("shade"), line: { width: 0 } }];
    return layout;
  }

  function shared(margin) {
    return {
      margin, showlegend: false, autosize: true, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: colour("ink") },
      hoverlabel: { bgcolor: colour("card"), bordercolor: colour("rule"), font: { color: colour("ink"), size: 13 }, align: "left" },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: colour("quiet"), activecolor: colour("accent"), orientation: "h" },
    };
  }

  const options = { displaylogo: false, responsive: true, plotlyServerURL: "", showTips: false, doubleClick: "reset",
    modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d", "pan2d", "zoom2d"], toImageButtonOptions: { format: "svg", filename: "tacit" } };

  function drawPlane(chart) {
    const { person, plane } = chart, { found } = groups(person, 0, session.end_ms, PLANE_POINTS), i = readingAt(person, Number(slider.value));
    const known = found.map(g => [person.to[g[1] - 1], mean(person.valence, g), mean(person.arousal, g)]).filter(p => p[1] !== null && p[2] !== null);
    const x = known.map(p => p[1]), y = known.map(p => p[2]), t = known.map(p => p[0]), small = narrow && !printing;
    const layout = shared({ l: 44, r: small ? 8 : 12, t: 8, b: 42 }), side = { range: [-1.05, 1.05], zeroline: true, zerolinecolor: colour("quiet"), zerolinewidth: 1, gridcolor: colour("grid"), tickvals: [-1, -.5, 0, .5, 1], ticktext: ["−1", "−0.5", "0", "+0.5", "+1"], fixedrange: true };
    layout.xaxis = { ...side, title: { text: "valence: unpleasant to pleasant", standoff: 6 } };
    layout.yaxis = { ...side, title: { text: "arousal: calm to excited", standoff: 2 } };
    layout.hovermode = "closest"; layout.dragmode = false;
    Plotly.react(plane, [
      { x, y, mode: "lines", line: { color: translucent(colour("quiet"), .35), width: 1 }, hoverinfo: "skip" },
      { x, y, customdata: t.map(clockText), mode: "markers", hovertemplate: "%{customdata}<br>valence %{x:.2f}<br>arousal %{y:.2f}<extra></extra>",
        marker: { color: t, colorscale: [[0, colour("happiness")], [.5, colour("fear")], [1, colour("sadness")]], cmin: 0, cmax: session.end_ms, size: known.length > 120 ? 6 : 8, opacity: .9, line: { color: colour("quiet"), width: .5 },
          colorbar: { thickness: 10, len: .9, outlinewidth: 0, tickvals: [0, session.end_ms / 2, session.end_ms], ticktext: [0, session.end_ms / 2, session.end_ms].map(ms => clockText(ms).replace(/\.\d$/, "")), title: { text: "time", side: "top" } } } },
      { x: [person.valence[i]], y: [person.arousal[i]], mode: "markers", marker: { size: 15, color: "rgba(0,0,0,0)", line: { color: colour("accent"), width: 2.5 } }, hoverinfo: "skip" },
    ], layout, { ...options, displayModeBar: false });
  }

  function drawTimeline(chart) {
    const { traces, size } = timelineTraces(chart.person, chart.range);
    Plotly.react(chart.timeline, traces, timelineLayout(chart.person, chart.range), { ...options, displayModeBar: narrow ? false : "hover" });
    chart.section.querySelector(".resolution").textContent = size > 1 ? ` One point stands for ${size} windows; look closer to see each of them.` : "";
  }

  function drawAll() {
    for (const chart of charts) { drawTimeline(chart); drawPlane(chart); }
    show(Number(slider.value));
  }

  function open(section) {
    const person = session.people[Number(section.dataset.person)], timeline = section.querySelector(".timeline");
    if (!timeline) return;
    const chart = { section, person, timeline, plane: section.querySelector(".plane"), range: [0, session.end_ms], cursor: document.createElement("div") };
    chart.cursor.className = "cursor";
    charts.push(chart);
    drawTimeline(chart); drawPlane(chart);
    timeline.append(chart.cursor);
    const milliseconds = value => (typeof value === "number" ? value : Date.parse(value.replace(" ", "T") + "Z")) - DAY_ONE;
    timeline.on("plotly_click", event => { if (event.xvals) seek(milliseconds(event.xvals[0])); else if (event.points.length) seek(milliseconds(event.points[0].x)); });
    timeline.on("plotly_relayout", change => {
      const axisRange = timeline.layout.xaxis.range.map(milliseconds);
      if ("width" in change || axisRange.every((v, i) => Math.abs(v - chart.range[i]) < 1)) { place(chart, Number(slider.value)); return; }
      chart.range = "xaxis.autorange" in change ? [0, session.end_ms] : axisRange;
      drawTimeline(chart); place(chart, Number(slider.value));
    });
    timeline.on("plotly_doubleclick", () => { chart.range = [0, session.end_ms]; drawTimeline(chart); place(chart, Number(slider.value)); return false; });
  }

  function readingAt(person, ms) { return Math.min(windowAt(person, ms), person.to.length - 1); }

  /* Ring the present moment in the plane, unless it is ringed already: a chart is slow to change. */
  function mark(chart, i) {
    const { person, plane } = chart, ring = plane.data[2];
    if (printing || (ring.x[0] === person.valence[i] && ring.y[0] === person.arousal[i])) return;
    Plotly.restyle(plane, { x: [[person.valence[i]]], y: [[person.arousal[i]]] }, [2]);
  }

  /* Put the line of the present moment where the chart has that time. */
  function place(chart, ms) {
    const full = chart.timeline._fullLayout, at = full.xaxis.l2p(date(ms));
    const inside = at >= 0 && at <= full.xaxis._length;
    Object.assign(chart.cursor.style, { display: inside ? "" : "none", left: `${full.xaxis._offset + at}px`, top: `${full._size.t}px`, height: `${full._size.h}px` });
  }

  function showReading(chart, ms) {
    const { person } = chart, box = document.querySelector(`[data-reading="${chart.section.dataset.person}"]`);
    const i = readingAt(person, ms), shares = EMOTIONS.map(name => person.emotions[name].p[i]);
    const best = shares.indexOf(Math.max(...shares)), claim = box.querySelector(".claim"), signed = v => (v < 0 ? "−" : "+") + Math.abs(v).toFixed(2);
    const span = document.createElement("small");
    span.textContent = `window ${clockText(person.windows[i])} to ${clockText(person.to[i])}` + (person.revision[i] ? `, revised ${person.revision[i]}×` : "");
    claim.textContent = shares[best] === null ? "Nothing was measured" : person.abstained[i] ? "No emotion claimed: too unsure" :
      `${EMOTIONS[best]} ${shares[best].toFixed(2)}, valence ${signed(person.valence[i])}, arousal ${signed(person.arousal[i])}`;
    claim.append(" ", span);
    box.querySelectorAll(".bars li").forEach((item, k) => {
      item.querySelector("i").style.cssText = `width:${(shares[k] ?? 0) * 100}%;background:var(--${EMOTIONS[k]});opacity:${person.abstained[i] ? .45 : 1}`;
      item.querySelector("b").textContent = shares[k] === null ? "–" : shares[k].toFixed(2);
    });
    box.querySelector(".sensors-now").replaceChildren(...Object.keys(SENSORS).flatMap(sensor => {
      const stretch = person.sensors[sensor].find(s => s.from < person.to[i] && person.to[i] <= s.to), alone = person.leads[sensor][i];
      if (!stretch) return [];
      const item = document.createElement("li");
      item.className = reading(stretch);
      item.textContent = stretch.words + (alone && stretch.source === "measured" ? `; alone it says ${EMOTIONS[alone[0]]} ${alone[1].toFixed(2)}` : "");
      return [item];
    }));
    mark(chart, i);
  }

  const lines = [...document.querySelectorAll(".transcript li")];
  let spoken = [];
  function showWords(ms, follow) {
    for (const element of spoken) element.classList.remove("now");
    const here = lines.filter(li => Number(li.dataset.from) <= ms && ms < Number(li.dataset.to));
    const words = here.flatMap(li => [...li.querySelectorAll("span")].filter(w => Number(w.dataset.at) <= ms && ms < Number(w.dataset.to)));
    spoken = [...here, ...words];
    for (const element of spoken) element.classList.add("now");
    const list = lines[0]?.parentElement;
    if (follow && here[0] && list && (here[0].offsetTop < list.scrollTop || here[0].offsetTop + here[0].offsetHeight > list.scrollTop + list.clientHeight))
      list.scrollTop = here[0].offsetTop - list.clientHeight / 3;
  }

  function show(ms, follow = true) {
    document.getElementById("clock").textContent = clockText(ms);
    slider.setAttribute("aria-valuetext", clockText(ms));
    for (const chart of charts) { place(chart, ms); showReading(chart, ms); }
    showWords(ms, follow);
  }

  function seek(ms, follow = true) {
    const to = see(Math.round(ms), 0, session.end_ms);
    slider.value = to;
    if (player && player.readyState > 0) player.currentTime = to / 1000;
    else sought = to / 1000;
    show(to, follow);
  }

  slider.addEventListener("input", () => seek(Number(slider.value)));
  document.addEventListener("click", event => {
    const target = event.target.closest("[data-at]");
    if (target) seek(Number(target.dataset.at), false);
  });
  if (player) {
    const complain = () => { document.getElementById("player-problem").hidden = false; };
    player.addEventListener("error", complain);
    if (player.error) complain();
    player.addEventListener("loadedmetadata", () => { if (sought !== null) player.currentTime = sought; });
    player.addEventListener("timeupdate", () => { if (!player.paused) { slider.value = player.currentTime * 1000; show(player.currentTime * 1000); } });
  }

  function setPrinting(on) {
    if (printing === on) return;
    printing = on;
    root.toggleAttribute("data-print", on);
    for (const chart of charts) for (const part of [chart.timeline, chart.plane]) part.style.width = on ? (part === chart.plane ? "330px" : "680px") : "";
    document.querySelectorAll("details").forEach(d => { if (on) { d.dataset.was = d.open ? "open" : ""; d.open = true; } else d.open = d.dataset.was === "open"; });
    drawAll();
    for (const chart of charts) { Plotly.Plots.resize(chart.timeline); Plotly.Plots.resize(chart.plane); }
  }
  addEventListener("beforeprint", () => setPrinting(true));
  addEventListener("afterprint", () => setPrinting(false));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  addEventListener("resize", () => {
    const now = window.innerWidth < 760;
    if (now !== narrow) { narrow = now; drawAll(); } else for (const chart of charts) requestAnimationFrame(() => place(chart, Number(slider.value)));
  });

  document.querySelectorAll(".participant").forEach(open);
  show(Number(slider.value));
  root.dataset.ready = Math.round(performance.now());
})();
