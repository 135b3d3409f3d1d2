// #/images: all pictures, the newest first.
import { read } from "./api.js";
import { fill, h, keep } from "./dom.js";
import { ago, kind, pixels, size } from "./format.js";
import { badge } from "./jobs.js";
import { note, poll } from "./live.js";
import { nameOf, thumbnail } from "./pictures.js";

const states = ["processing", "ready", "partial", "failed"];

export function imagesPage(main, query) {
  const state = query.get("state") ?? "";
  const tabs = h("nav", { class: "tabs", "aria-label": "States" }, ["", ...states].map((s) =>
    h("a", { href: s ? `#/images?state=${s}` : "#/images", "aria-current": s === state ? "page" : null }, s || "all")));
  const list = h("ul", { class: "gallery", "aria-label": "Images" });
  const none = h("p", { class: "empty", hidden: true }, state ? `No image is ${state}.` : ["No images yet. ", h("a", { href: "#/" }, "Drop one"), " to begin."]);
  const more = h("button", { type: "button", hidden: true, onclick: older }, "Show older ones");
  let all = [], cursor;
  fill(main, h("h1", {}, "Images"), tabs, list, none, more);

  const filter = state ? `&state=${state}` : "";
  const poller = poll(async (gone) => {
    const page = await read(`v1/images?limit=40${filter}`);
    if (gone()) return;
    renew(page);
    show();
  }, 4000);

  // renew puts the newest page before what is older than all of it. Nothing may be
  // between the two: where they do not meet, so many are new that the list begins anew.
  function renew(page) {
    const now = new Set(page.items.map((i) => i.id));
    const meet = all.findLastIndex((i) => now.has(i.id));
    if (meet < 0 || !page.next_cursor) { all = page.items; cursor = page.next_cursor; return; }
    const rest = all.slice(meet + 1);
    if (rest.length === 0) cursor = page.next_cursor;
    all = [...page.items, ...rest];
  }

  async function older() {
    more.disabled = true;
    try {
      const page = await read(`v1/images?limit=40${filter}&cursor=${encodeURIComponent(cursor)}`);
      const known = new Set(all.map((i) => i.id));
      all = [...all, ...page.items.filter((i) => !known.has(i.id))];
      cursor = page.next_cursor;
      show();
    } catch (error) {
      note(`Older images cannot be shown now: ${error.message}. Press again to try.`, true);
    }
    more.disabled = false;
  }

  function show() {
    keep(list, all, (i) => `${i.id} ${i.version}`, (i) => h("li", {}, h("a", { href: `#/images/${i.id}` },
      thumbnail(i, "", 300), h("span", { class: "name" }, nameOf(i)), h("span", { class: "quiet small" }, `${kind(i.content_type)}, ${pixels(i)}, ${size(i.bytes)}`),
      h("span", { class: "quiet small" }, ago(i.created_at), i.state !== "ready" && [" ", badge(i.state)]))));
    none.hidden = all.length > 0;
    more.hidden = !cursor;
  }
  return () => poller.stop();
}
