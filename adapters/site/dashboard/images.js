// #/images: all pictures, the newest first.
import { read } from "./api.js";
import { fill, h, keep } from "./dom.js";
import { ago, kind, pixels, size } from "./format.js";
import { badge } from "./jobs.js";
import { poll } from "./live.js";
import { nameOf, thumbnail } from "./pictures.js";

const states = ["processing", "ready", "partial", "failed"];

export function imagesPage(main, query) {
  const state = query.get("state") ?? "";
  const tabs = h("nav", { class: "tabs", "aria-label": "States" }, ["", ...states].map((s) =>
    h("a", { href: s ? `#/images?state=${s}` : "#/images", "aria-current": s === state ? "page" : null }, s || "all")));
  const list = h("ul", { class: "gallery", "aria-label": "Images" });
  const none = h("p", { class: "empty", hidden: true }, state ? `No image is ${state}.` : ["No images yet. ", h("a", { href: "#/" }, "Drop one"), " to begin."]);
  const more = h("button", { type: "button", hidden: true, onclick: older }, "Show older ones");
  let first = [], further = [], cursor;
  fill(main, h("h1", {}, "Images"), tabs, list, none, more);

  const filter = state ? `&state=${state}` : "";
  const poller = poll(async () => {
    const page = await read(`v1/images?limit=40${filter}`);
    first = page.items;
    if (further.length === 0) cursor = page.next_cursor;
    show();
  }, 4000);

  async function older() {
    const page = await read(`v1/images?limit=40${filter}&cursor=${encodeURIComponent(cursor)}`);
    further.push(...page.items);
    cursor = page.next_cursor;
    show();
  }

  function show() {
    const seen = new Set(first.map((i) => i.id));
    const all = [...first, ...further.filter((i) => !seen.has(i.id))];
    keep(list, all, (i) => `${i.id} ${i.version}`, (i) => h("li", {}, h("a", { href: `#/images/${i.id}` },
      thumbnail(i, "", 300), h("span", { class: "name" }, nameOf(i)), h("span", { class: "quiet small" }, `${kind(i.content_type)}, ${pixels(i)}, ${size(i.bytes)}`),
      h("span", { class: "quiet small" }, ago(i.created_at), i.state !== "ready" && [" ", badge(i.state)]))));
    none.hidden = all.length > 0;
    more.hidden = !cursor;
  }
  return () => poller.stop();
}
