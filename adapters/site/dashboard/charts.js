// Lines over time: by uPlot where it was there when the service was built, else plain
// SVG of our own.
import { fill, h } from "./dom.js";

// chart is a figure with a title, a legend that tells the values under the pointer,
// and the lines. lines: [{ name, color, area }]; text writes a value.
export function chart({ title, lines, text, summary }) {
  const values = lines.map(() => h("b", {}, "–"));
  const plot = h("div", { class: "plot" });
  const node = h("figure", { class: "card chart" },
    h("figcaption", {}, h("h2", {}, title),
      h("p", { class: "legend" }, lines.map((line, i) => h("span", { class: `key ${line.color}` }, line.name, " ", values[i])))),
    plot);
  plot.setAttribute("role", "img");
  plot.setAttribute("aria-label", `${title}: nothing is known yet.`);
  let data = null, at = null;
  const draw = (globalThis.uPlot ? byUPlot : bySVG)(plot, lines, text, (index) => { at = index; tell(); });

  function tell() {
    lines.forEach((line, i) => {
      const list = data[i + 1];
      const v = at === null ? list.findLast((x) => x !== null) : list[at];
      values[i].textContent = v === null || v === undefined ? "–" : text(v);
    });
  }
  return {
    node,
    show(next) { // [times in seconds, values of each line...]
      data = next;
      plot.setAttribute("aria-label", summary(data));
      draw.show(data);
      tell();
    },
    stop: draw.stop,
  };
}

const height = 132;

// top is the end of the axis: a round number that nothing is above.
function top(data) {
  const highest = Math.max(4, ...data.slice(1).flat().filter((v) => v !== null));
  const power = 10 ** Math.floor(Math.log10(highest));
  return [1, 2, 4, 6, 8, 10].map((n) => n * power).find((n) => n >= highest);
}

const minutesAgo = (seconds, end) => {
  const m = Math.round((end - seconds) / 60);
  return m === 0 ? "now" : `−${m} min`;
};

// ticks are every five minutes before the end.
const ticks = (from, to) => [to - 900, to - 600, to - 300, to].filter((t) => t >= from);

// resolved is a color that depends on the theme, as a canvas takes it.
function resolved(element, name) {
  const probe = h("span", { style: { color: `var(--${name})`, display: "none" } });
  element.append(probe);
  const c = getComputedStyle(probe).color;
  probe.remove();
  return c;
}

function faded(c, alpha) {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d");
  canvas.fillStyle = c;
  canvas.fillRect(0, 0, 1, 1);
  const [r, g, b] = canvas.getImageData(0, 0, 1, 1).data;
  return `rgb(${r} ${g} ${b} / ${alpha})`;
}

function byUPlot(place, lines, text, point) {
  let plot = null;
  const shade = () => resolved(place, "text-quiet");
  const font = "11px Inter, system-ui, sans-serif";
  const options = (data) => ({
    width: place.clientWidth || 300, height, legend: { show: false }, padding: [8, 14, 0, 0],
    scales: { x: { time: false }, y: { range: (u) => [0, top(u.data)] } },
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 } },
    series: [{}, ...lines.map((line) => ({
      stroke: () => resolved(place, line.color), width: 1.75, points: { show: false },
      fill: line.area ? () => faded(resolved(place, line.color), 0.12) : undefined,
    }))],
    axes: [
      { stroke: shade, font, grid: { show: false }, ticks: { show: false }, size: 24, gap: 4,
        splits: (u) => ticks(u.data[0][0], u.data[0].at(-1)), values: (u, at) => at.map((t) => minutesAgo(t, u.data[0].at(-1))) },
      { stroke: shade, font, grid: { stroke: () => resolved(place, "line"), width: 1 }, ticks: { show: false }, size: 52, gap: 6,
        splits: (u) => [0, top(u.data) / 2, top(u.data)], values: (u, at) => at.map(text) },
    ],
    hooks: { setCursor: [(u) => point(u.cursor.idx ?? null)] },
  });
  const sized = new ResizeObserver(() => plot?.setSize({ width: place.clientWidth, height }));
  sized.observe(place);
  const themed = () => plot?.redraw(true, true);
  addEventListener("theme", themed);
  return {
    show(data) {
      if (plot) plot.setData(data);
      else plot = new globalThis.uPlot(options(data), data, place);
    },
    stop() { sized.disconnect(); removeEventListener("theme", themed); plot?.destroy(); },
  };
}

function bySVG(place, lines, text, point) {
  const left = 52, bottom = 24, above = 8;
  let data = null;
  const svg = (name, attributes, ...children) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  };
  function draw() {
    if (!data || !place.clientWidth) return;
    const width = place.clientWidth, most = top(data), times = data[0], end = times.at(-1);
    const x = (t) => left + ((t - times[0]) / (end - times[0])) * (width - left - 14);
    const y = (v) => height - bottom - (v / most) * (height - bottom - above);
    const runs = (list) => { // the stretches in which something is known
      const out = [];
      let open = null;
      list.forEach((v, i) => {
        if (v === null) { open = null; return; }
        if (!open) out.push(open = []);
        open.push([x(times[i]), y(v)]);
      });
      return out;
    };
    const path = (run) => run.map(([a, b], i) => `${i ? "L" : "M"}${a.toFixed(1)} ${b.toFixed(1)}`).join("");
    const picture = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });
    for (const v of [0, most / 2, most]) {
      picture.append(svg("line", { class: "grid", x1: left, x2: width, y1: y(v), y2: y(v) }), svg("text", { x: left - 8, y: y(v) + 4, "text-anchor": "end" }, text(v)));
    }
    ticks(times[0], end).forEach((t) => {
      picture.append(svg("text", { x: x(t), y: height - 6, "text-anchor": "middle" }, minutesAgo(t, end)));
    });
    lines.forEach((line, i) => runs(data[i + 1]).forEach((run) => {
      const [first, last] = [run[0], run.at(-1)];
      if (line.area) picture.append(svg("path", { class: `area ${line.color}`, d: `${path(run)}L${last[0]} ${y(0)}L${first[0]} ${y(0)}Z` }));
      picture.append(svg("path", { class: `line ${line.color}`, d: run.length > 1 ? path(run) : `${path(run)}h.1` }));
    }));
    const mark = svg("line", { class: "mark", y1: above, y2: height - bottom, x1: -9, x2: -9 });
    picture.append(mark);
    picture.addEventListener("pointermove", (event) => {
      const t = times[0] + ((event.offsetX - left) / (width - left - 14)) * (end - times[0]);
      const i = Math.max(0, Math.min(times.length - 1, Math.round((t - times[0]) / ((end - times[0]) / (times.length - 1)))));
      mark.setAttribute("x1", x(times[i]));
      mark.setAttribute("x2", x(times[i]));
      point(i);
    });
    picture.addEventListener("pointerleave", () => { mark.setAttribute("x1", -9); mark.setAttribute("x2", -9); point(null); });
    fill(place, picture);
  }
  const sized = new ResizeObserver(draw);
  sized.observe(place);
  return { show(next) { data = next; draw(); }, stop() { sized.disconnect(); } };
}
