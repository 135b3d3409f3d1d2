// #/: how the service is doing, at a glance.
import { read, readiness } from "./api.js";
import { chart } from "./charts.js";
import { fill, h, keep, say } from "./dom.js";
import { dependencies, workers } from "./fleet.js";
import { count, plural, share, size, span } from "./format.js";
import { jobList, states } from "./jobs.js";
import { poll } from "./live.js";
import { nameOf, thumbnail } from "./pictures.js";
import { Series } from "./series.js";
import { dropZone } from "./upload.js";

const series = new Series(); // outlives the page, while others are looked at

export function overview(main) {
  const headline = h("h1", {}, "One moment"), advice = h("p", { class: "quiet", hidden: true });
  const tiles = [tile("Images"), tile("Finished"), tile("Waiting"), tile("Running time")];
  const charts = [
    chart({ title: "Jobs a minute", lines: [{ name: "finished", color: "accent", area: true }, { name: "failed", color: "bad" }], text: (v) => count(Math.round(v)),
      summary: (d) => `Jobs finished a minute in the last quarter of an hour: ${last(d[1])} now, ${most(d[1])} at most; failed: ${last(d[2])} now.` }),
    chart({ title: "Queue", lines: [{ name: "due", color: "accent", area: true }, { name: "running", color: "text-quiet" }], text: (v) => count(Math.round(v)),
      summary: (d) => `Jobs that are due: ${last(d[1])} now, ${most(d[1])} at most in the last quarter of an hour; running: ${last(d[2])} now.` }),
    chart({ title: "Upload to finish", lines: [{ name: "half", color: "accent" }, { name: "95 %", color: "text-quiet" }], text: span,
      summary: (d) => `How long jobs took in the last minute: half no longer than ${span(last(d[1]) || 0)}, 95 of 100 no longer than ${span(last(d[2]) || 0)}.` }),
  ];
  const byState = h("ul", { class: "states", "aria-label": "Jobs by state" }), bar = h("div", { class: "bar", "aria-hidden": "true" });
  const latest = h("ul", { class: "latest", "aria-label": "Latest images" });
  const noImages = h("p", { class: "empty", hidden: true }, "Nothing here yet. Drop a picture above, or send one with ", h("code", {}, "curl -F file=@photo.jpg"), ".");
  const working = jobList("Jobs in progress", "Nothing is waiting or running.", () => poller.now());
  const failures = jobList("Recent failures", "No job has failed. Should one, it says here why, and can be tried again.", () => poller.now());
  const fleet = workers(), checks = dependencies();

  fill(main,
    h("div", { class: "hello" }, h("div", {}, headline, advice), dropZone(() => poller.now())),
    h("section", { class: "tiles", "aria-label": "Numbers" }, tiles.map((t) => t.node)),
    h("section", { class: "charts", "aria-label": "The last quarter of an hour" }, charts.map((c) => c.node)),
    h("section", { class: "card" }, h("h2", {}, "Jobs by state"), bar, byState),
    h("section", {}, h("div", { class: "over" }, h("h2", {}, "Latest images"), h("a", { href: "#/images" }, "All images")), latest, noImages),
    h("div", { class: "columns" },
      h("div", {},
        h("section", { class: "card" }, h("h2", {}, "In progress"), working),
        h("section", { class: "card" }, h("h2", {}, "Recent failures"), failures)),
      h("div", {}, fleet, checks)));

  let told = "", asked = 0, ready = null, watcher = true, tripped; // until the statistics tell whether we are
  const poller = poll(async (gone) => {
    try {
      const stats = await read("v1/stats");
      const trips = JSON.stringify(stats.fleet?.breakers.map((b) => [b.name, b.state]));
      watcher = Boolean(stats.fleet);
      if (Date.now() - asked > 10_000 || trips !== tripped) await look(); // what is slow to change
      tripped = trips;
      const numbers = JSON.stringify([stats.images, stats.jobs, stats.fleet?.running]);
      if (numbers !== told || stats.jobs.queued + stats.jobs.running > 0) await lists(stats);
      told = numbers;
      if (gone()) return;
      series.count(stats);
      show(stats);
      advice.hidden = true;
    } catch (error) {
      say(headline, error.status === 0 ? "No answer" : error.title || "Something is wrong");
      say(advice, `${error.message}. What is below is from before.`);
      advice.hidden = false;
      if (error.status >= 500) await look();
      throw error;
    }
  });

  async function look() {
    ready = await readiness(watcher);
    asked = Date.now();
    checks.show(ready);
  }

  async function lists(stats) {
    const of = (state, limit) => (stats.jobs[state] > 0 ? read(`v1/jobs?state=${state}&limit=${limit}`) : { items: [] });
    const [all, queued, running, failed, dead, images] = await Promise.all([
      read(`v1/jobs?limit=${series.last ? 50 : 200}`), of("queued", 5), of("running", 8), of("failed", 6), of("dead", 6), read("v1/images?limit=12"),
    ]);
    series.remember(all.items, !all.next_cursor);
    await working.show([...running.items, ...queued.items.reverse()]);
    await failures.show([...failed.items, ...dead.items].sort((a, b) => b.finished_at.localeCompare(a.finished_at)).slice(0, 6));
    keep(latest, images.items, (i) => `${i.id} ${i.version}`, (i) => h("li", {}, h("a", { href: `#/images/${i.id}`, title: nameOf(i) },
      thumbnail(i, nameOf(i)), i.state === "failed" && h("span", { class: "badge failed" }, "failed"))));
    noImages.hidden = images.items.length > 0;
  }

  function show(stats) {
    const hour = stats.last_hour;
    say(headline, sentence(stats, ready));
    tiles[0].show(count(stats.images), `${size(stats.bytes)} of originals`);
    tiles[1].show(count(hour.finished), hour.failures ? `in the last hour, ${share(hour.failures, hour.finished)} of them failed` : "in the last hour, none failed", hour.failures > 0);
    const due = stats.fleet?.queue_depth ?? stats.jobs.queued;
    tiles[2].show(count(due), due > 0 && stats.fleet ? `the oldest for ${span(stats.fleet.oldest_age_ms)}` : due > 0 ? "of your own" : "the queue is empty");
    tiles[3].show(hour.finished ? span(hour.run_ms.p50) : "–", hour.finished ? `half the jobs; 95 % within ${span(hour.run_ms.p95)}` : "no job in the last hour");
    const all = states.reduce((n, s) => n + (stats.jobs[s] ?? 0), 0);
    keep(byState, states, (s) => s, stateLine);
    for (const s of states) byState.kept.get(s).tell(stats.jobs[s] ?? 0);
    keep(bar, states, (s) => s, (s) => h("i", { class: s }));
    for (const s of states) {
      bar.kept.get(s).style.flexGrow = all ? (stats.jobs[s] ?? 0) / all : 0;
      bar.kept.get(s).classList.toggle("none", !stats.jobs[s]);
    }
    fleet.show(stats.fleet);
    checks.show(ready, stats.fleet?.breakers);
    const p = series.points();
    charts[0].show([p.time, p.finished, p.failed]);
    charts[1].show([p.time, p.depth, p.running]);
    charts[2].show([p.time, p.p50, p.p95]);
  }

  return () => { poller.stop(); charts.forEach((c) => c.stop()); };
}

const known = (list) => list.filter((v) => v !== null);
const last = (list) => known(list).at(-1) ?? 0;
const most = (list) => Math.max(0, ...known(list));

function tile(name) {
  const value = h("dd", { class: "value" }, "–"), about = h("dd", { class: "quiet small" });
  const node = h("dl", { class: "card tile" }, h("dt", {}, name), value, about);
  return { node, show(v, text, bad = false) { say(value, v); say(about, text); about.classList.toggle("bad", bad); } };
}

function stateLine(state) {
  const n = h("b");
  const node = h("li", {}, h("a", { href: `#/jobs?state=${state}` }, h("i", { class: `dot ${state}` }), n, ` ${state}`));
  node.tell = (v) => say(n, count(v));
  return node;
}

// sentence says in a few words whether somebody has to do something.
function sentence(stats, ready) {
  const away = ready.checks.filter((c) => !c.ok).map((c) => c.name);
  if (!ready.ready) return away.length ? `Not ready: no ${away.join(", no ")}` : "Not ready";
  if (away.length) return `Going on without ${away.join(" and ")}`;
  const silent = (stats.fleet?.workers ?? []).filter((w) => !w.alive).length;
  if (stats.fleet && stats.fleet.queue_depth > 0 && !stats.fleet.workers.some((w) => w.alive && w.slots > 0)) return "Jobs wait, and no worker runs";
  if (silent) return `${plural(silent, "process is", "processes are")} silent`;
  if (stats.last_hour.failures) return `${plural(stats.last_hour.failures, "job")} failed in the last hour`;
  if (stats.jobs.running + stats.jobs.queued > 0) return "At work";
  return "All is well";
}
