// The processes of the deployment, and what they lean on.
import { fill, h, keep, say } from "./dom.js";
import { plural, span } from "./format.js";

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

// dependencies is the card of what readiness asks.
export function dependencies() {
  const list = h("ul", { class: "checks", "aria-label": "Dependencies" }), foot = h("p", { class: "quiet small" });
  const node = h("section", { class: "card" }, h("h2", {}, "Dependencies"), list, foot);
  node.show = (ready) => {
    keep(list, ready.checks, (c) => c.name, () => {
      const name = h("span"), state = h("span", { class: "state" });
      const item = h("li", {}, h("i", { class: "dot" }), name, state);
      item.renew = (c) => {
        item.className = c.ok ? "" : c.required ? "away" : "missed";
        say(name, c.name);
        const slow = c.latency_ms === undefined ? "" : `, ${span(c.latency_ms)}`;
        say(state, c.ok ? `in order${slow}` : c.required ? "away: nothing works without it" : "away: slower without it");
      };
      return item;
    });
    say(foot, ready.isolation ? `Decoders are isolated by ${ready.isolation}.` : ready.detail);
  };
  return node;
}
