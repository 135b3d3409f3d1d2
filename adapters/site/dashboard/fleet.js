// The processes of the deployment, and what they lean on.
import { fill, h, keep, say } from "./dom.js";
import { moment, plural, span } from "./format.js";

// workers is the card of processes, with what they run.
export function workers() {
  const list = h("ul", { class: "workers", "aria-label": "Processes" }), none = h("p", { class: "empty" });
  const node = h("section", { class: "card" }, h("h2", {}, "Processes"), list, none);
  node.show = (fleet) => {
    keep(list, fleet?.workers ?? [], (w) => w.id, line);
    say(none, fleet ? "No process has been seen for an hour." : "Processes are shown to administrators: sign in with a token that has images:admin.");
    none.hidden = (fleet?.workers.length ?? 0) > 0;
    list.hidden = !none.hidden;
  };
  return node;
}

function line() {
  const name = h("b"), state = h("span", { class: "quiet small" }), slots = h("span", { class: "slots" }), runs = h("p", { class: "small runs" });
  const node = h("li", {}, h("div", { class: "head" }, name, slots), state, runs);
  node.renew = (w) => {
    node.classList.toggle("silent", !w.alive);
    say(name, w.host);
    node.title = w.id;
    const since = span(Date.now() - Date.parse(w.started_at));
    say(state, w.alive ? `${w.role}, up for ${since}${w.version ? `, ${w.version}` : ""}` : `${w.role}, silent for ${span(w.silent_ms)}`);
    if (w.slots > 0) {
      fill(slots, [...Array(Math.min(w.slots, 16)).keys()].map((i) => h("i", { class: i < w.running ? "busy" : "" })));
      slots.setAttribute("role", "img");
      slots.setAttribute("aria-label", `${w.running} of ${plural(w.slots, "slot")} busy`);
    }
    fill(runs, w.jobs.slice(0, 8).map((id) => h("a", { href: `#/jobs/${id}`, "aria-label": `job ${id}` }, id.slice(-8))), w.running > Math.min(w.jobs.length, 8) && w.jobs.length > 0 && ` and ${w.running - Math.min(w.jobs.length, 8)} more`);
    runs.hidden = w.jobs.length === 0;
  };
  return node;
}

// dependencies is the card of what readiness asks. Administrators see more of it: how
// fast each part answers, and its breaker, of which the statistics know first.
export function dependencies() {
  const list = h("ul", { class: "checks", "aria-label": "Dependencies" }), foot = h("p", { class: "quiet small" });
  const node = h("section", { class: "card" }, h("h2", {}, "Dependencies"), list, foot);
  node.show = (ready, breakers = []) => {
    const alone = breakers.filter((b) => !ready.checks.some((c) => c.name === b.name)).map((b) => ({ name: b.name, ok: b.state !== "open", required: false }));
    const all = [...ready.checks, ...alone].map((c) => ({ ...c, trip: breakers.find((b) => b.name === c.name) }));
    keep(list, all, (c) => c.name, () => {
      const name = h("span"), state = h("span", { class: "state" });
      const item = h("li", {}, h("i", { class: "dot" }), name, state);
      item.renew = (c) => {
        const breaker = c.trip?.state ?? c.breaker ?? "closed";
        const well = c.ok && breaker !== "open";
        item.className = !well ? (c.required ? "away" : "missed") : c.state === "unknown" || breaker !== "closed" ? "unheard" : "";
        say(name, c.name);
        say(state, well ? calm(c, breaker) : trouble(c, breaker));
        item.title = c.checked_at ? `looked at ${moment(c.checked_at)}` : "";
      };
      return item;
    });
    say(foot, ready.isolation ? `Decoders are isolated by ${ready.isolation}.` : ready.detail);
  };
  return node;
}

function calm(check, breaker) {
  if (breaker === "half-open") return "was away; one call tries";
  if (check.state === "unknown") return "not asked so far";
  return check.latency_ms === undefined ? "in order" : `in order, ${check.latency_ms < 1 ? "< 1 ms" : span(check.latency_ms)}`;
}

function trouble(check, breaker) {
  if (breaker === "open") return `away${check.trip ? ` for ${span(Date.now() - Date.parse(check.trip.since))}` : ""}; nobody waits for it`;
  return check.required ? "away: nothing works without it" : "away: the rest goes on";
}
