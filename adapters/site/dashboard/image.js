// #/images/ID: all there is to know of one picture.
import { call, read, slug } from "./api.js";
import { fill, h, keep, say } from "./dom.js";
import { ago, brief, clock, count, kind, moment, pixels, share, size } from "./format.js";
import { badge, jobList } from "./jobs.js";
import { note, poll } from "./live.js";
import { nameOf, pathOf, picture, shown } from "./pictures.js";

export function imagePage(main, id) {
  const path = `v1/images/${encodeURIComponent(id)}`;
  const title = h("h1", {}, "One moment"), state = h("span"), lead = h("p", { class: "quiet lead" });
  const variants = h("ul", { class: "variants", "aria-label": "Variants" });
  const facts = h("dl", { class: "facts" }), colours = h("section", { class: "card" }), warnings = h("div"), own = h("section", { class: "card" });
  const embedded = h("section", { class: "card" }), trail = h("ol", { class: "trail" });
  const jobs = jobList("Jobs of this image", "No job is known any more.", () => poller.now());
  const original = originalCard();
  fill(main,
    h("p", { class: "way" }, h("a", { href: "#/images" }, "Images")),
    h("div", { class: "title" }, title, state), lead, warnings,
    h("section", { "aria-labelledby": "variants" }, h("h2", { id: "variants", class: "over" }, "Variants"), variants),
    h("div", { class: "columns" },
      h("div", {}, h("section", { class: "card" }, h("h2", {}, "Jobs"), jobs), h("section", { class: "card" }, h("h2", {}, "What happened"), trail)),
      h("div", {}, colours, h("section", { class: "card" }, h("h2", {}, "Facts"), facts), own, embedded)));

  let version = null, jobsTold = "";
  const poller = poll(async (gone) => {
    let image;
    try {
      image = await read(path);
    } catch (error) {
      if (error.status !== 404 || gone()) throw error;
      fill(main, h("h1", {}, "No such image"), h("p", {}, "It was deleted, or never was. ", h("a", { href: "#/images" }, "All images")));
      poller.stop();
      return;
    }
    const list = await read(`v1/jobs?image_id=${image.id}&limit=20`);
    await jobs.show(list.items);
    const told = JSON.stringify([image.version, list.items.map((j) => [j.state, j.attempt])]);
    if (told !== jobsTold) {
      const [events, said] = await Promise.all([read(`${path}/events?limit=100`), read(`${path}/metadata`).catch(() => null)]);
      if (gone()) return;
      showTrail(events.items);
      showEmbedded(said);
      jobsTold = told;
    }
    if (!gone()) show(image);
  });

  function show(image) {
    document.title = `${nameOf(image)} – imgd`;
    say(title, nameOf(image));
    if (image.state !== state.textContent) fill(state, badge(image.state));
    say(lead, `${kind(image.content_type)}, ${pixels(image)}, ${size(image.bytes)}, ${ago(image.created_at)}`);
    keep(variants, [null, ...image.variants], (v) => (v ? `${v.name} ${v.state} ${v.sha256}` : "original"), (v) => (v ? variantCard(image, v) : original));
    if (image.version === version) return;
    version = image.version;
    original.about(image);
    showFacts(image);
    showColours(image);
    fill(warnings, image.warnings.map((w) => h("p", { class: "warning" }, w.detail, w.variant && h("span", { class: "quiet" }, ` (${w.variant})`))));
    const metadata = Object.keys(image.metadata).length > 0;
    own.hidden = !metadata;
    fill(own, h("h2", {}, "Metadata"), h("pre", { tabindex: "0" }, JSON.stringify(image.metadata, null, 2)));
  }

  function showFacts(image) {
    const list = [
      ["Id", image.id], ["Owner", image.owner], ["Bucket", image.bucket], ["External id", image.external_id],
      [image.content_type === "application/pdf" ? "Pages" : "Frames", image.pages > 1 ? count(image.pages) : null], ["Transparency", image.has_alpha ? "yes" : "no"],
      ["Created", moment(image.created_at)], ["Changed", moment(image.updated_at)], ["Expires", image.expires_at && moment(image.expires_at)],
      ["SHA-256", image.sha256], ["Perceptual hash", image.phash], ["BlurHash", image.blurhash], ["ThumbHash", image.thumbhash],
    ];
    fill(facts, list.filter(([, v]) => v).map(([k, v]) => [h("dt", {}, k), h("dd", { class: /Id|SHA|[Hh]ash/.test(k) ? "mono" : null }, v)]));
  }

  function showColours(image) {
    const swatch = (hex, name, wide) => h("li", { class: wide ? "wide" : null }, h("button", { type: "button", class: "swatch", style: { "background-color": hex }, "aria-label": `Copy ${hex}, ${name}`,
      onclick: () => copy(hex) }), h("span", { class: "mono" }, hex), h("span", { class: "quiet small" }, name));
    fill(colours, h("h2", {}, "Colours"), image.dominant_color
      ? h("ul", { class: "swatches" }, (image.palette.length ? image.palette : [image.dominant_color]).map((hex, i) => swatch(hex, i === 0 ? "dominant" : "", i === 0)), image.average_color && swatch(image.average_color, "average"))
      : h("p", { class: "empty" }, "They are known once a job has seen the pixels."));
  }

  function showEmbedded(said) {
    const groups = said ? [["EXIF", said.exif], ["IPTC", said.iptc], ["XMP", said.xmp]].filter(([, tags]) => Object.keys(tags).length > 0) : [];
    embedded.hidden = groups.length === 0;
    fill(embedded, h("h2", {}, "Said by the file"), groups.map(([name, tags]) => h("details", {}, h("summary", {}, `${name} (${Object.keys(tags).length})`),
      h("dl", { class: "facts" }, Object.entries(tags).map(([k, v]) => [h("dt", {}, k), h("dd", {}, Array.isArray(v) ? v.join(", ") : String(v))])))));
  }

  function showTrail(events) {
    keep(trail, events, (e) => e.id, (e) => h("li", {},
      h("time", { datetime: e.at, title: moment(e.at), class: "quiet" }, clock(e.at)),
      h("span", {}, h("b", {}, e.type), " ", h("span", { class: "quiet" }, e.actor.replace(/^worker:/, "by worker ")), details(e))));
  }

  return () => { poller.stop(); document.title = "imgd"; };
}

// details are what an event says beside its type, on one line.
function details(e) {
  const parts = Object.entries(e.detail).filter(([, v]) => v !== null && v !== "").map(([k, v]) => `${k} ${typeof v === "object" ? JSON.stringify(v) : v}`);
  if (e.job_id) parts.push(`job ${brief(e.job_id)}`);
  return h("span", { class: "small quiet block", title: `correlation id ${e.correlation_id}` }, parts.join(", "));
}

// originalCard stands first among the variants; large ones are shown when asked for.
function originalCard() {
  const place = h("div", { class: "stage" }), about = h("div", { class: "about" });
  const card = h("li", { class: "variant card" }, place, about);
  card.about = (image) => {
    const path = `v1/images/${image.id}/original`;
    const show = () => fill(place, picture({ path, alt: `The original of ${nameOf(image)}`, type: image.content_type, until: image.dominant_color }));
    if (!shown.has(image.content_type)) fill(place, h("span", { class: "absent" }, `Browsers do not show ${kind(image.content_type)}.`));
    else if (image.bytes <= 4_000_000) show();
    else fill(place, h("button", { type: "button", onclick: show }, `Show (${size(image.bytes)})`));
    fill(about, h("h3", {}, "as uploaded"), h("p", {}, `${pixels(image)}, ${kind(image.content_type)}`),
      h("p", { class: "weight" }, h("b", {}, size(image.bytes))), meter(1), save(path, image.filename ?? image.id));
  };
  return card;
}

function variantCard(image, v) {
  if (v.state !== "ready") {
    return h("li", { class: `variant card ${v.state}` },
      h("div", { class: "stage", style: { "background-color": image.dominant_color ?? "" } }, v.state === "pending" ? h("span", { class: "absent soft" }, "being made") : h("span", { class: "absent" }, "not made")),
      h("div", { class: "about" }, h("h3", {}, v.name), v.error
        ? h("p", { class: "small" }, h("a", { class: "problem", href: `problems/${slug(v.error)}` }, v.error.title), " ", v.error.detail)
        : h("p", { class: "quiet small" }, v.state), h("p", { class: "mono transform" }, v.transform)));
  }
  const path = pathOf(image, v);
  const less = 1 - v.bytes / image.bytes;
  return h("li", { class: "variant card" },
    h("div", { class: "stage" }, picture({ path, alt: `${nameOf(image)} as ${v.name}`, type: v.content_type, until: image.dominant_color })),
    h("div", { class: "about" }, h("h3", {}, v.name), h("p", {}, `${pixels(v)}, ${kind(v.content_type)}`, v.pages > 1 && `, ${count(v.pages)} frames`),
      h("p", { class: "weight" }, h("b", {}, size(v.bytes)), h("span", { class: less >= 0 ? "saved" : "quiet" }, less >= 0 ? `${share(less, 1)} saved` : `${share(-less, 1)} more`)),
      meter(v.bytes / image.bytes), save(path, `${(image.filename ?? image.id).replace(/\.[^.]*$/, "")}-${v.name}.${kind(v.content_type).toLowerCase()}`),
      h("details", {}, h("summary", {}, "Transform"), h("p", { class: "mono transform" }, v.transform))));
}

// copy puts a text on the clipboard, which browsers only allow over https and at home.
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    note(`${text} is copied.`);
  } catch {
    note(`This browser does not let the page copy ${text}.`, true);
  }
}

// meter is how much of the original's bytes a variant has.
const meter = (part) => h("div", { class: "meter", "aria-hidden": "true" }, h("i", { style: { width: `${Math.max(0.5, Math.min(100, 100 * part))}%` } }));

// save downloads what an address alone would not give out.
function save(path, name) {
  return h("button", { type: "button", class: "small", "aria-label": `Download ${name}`, async onclick() {
    try {
      const url = URL.createObjectURL(await (await call(path, { cache: "default" })).blob());
      h("a", { href: url, download: name }).click();
      setTimeout(() => URL.revokeObjectURL(url), 60_000);
    } catch (error) {
      note(`${name} cannot be downloaded: ${error.message}.`, true);
    }
  } }, "Download");
}
