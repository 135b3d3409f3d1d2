// Pictures come with the token, so an address alone does not show them: their bytes are
// fetched, and shown from memory.
import { call, read } from "./api.js";
import { h } from "./dom.js";
import { kind } from "./format.js";

// picture shows the bytes under a path once it comes into sight. until is a colour to
// show meanwhile.
export function picture({ path, alt, type, width, height, until }) {
  const image = h("img", { alt, width, height, class: "waiting", decoding: "async" });
  const frame = h("span", { class: "frame", style: { "background-color": until ?? "transparent" } }, image);
  const load = async () => {
    try {
      const blob = await (await call(path, { cache: "default" })).blob();
      const url = URL.createObjectURL(type ? new Blob([blob], { type }) : blob);
      image.onload = () => { URL.revokeObjectURL(url); image.classList.remove("waiting"); frame.style.backgroundColor = ""; };
      image.onerror = () => { URL.revokeObjectURL(url); frame.replaceChildren(absent(`This browser does not show ${kind(type ?? blob.type) || "it"}.`)); };
      image.src = url;
    } catch (error) {
      frame.replaceChildren(absent(error.message));
    }
  };
  sight.observe(frame);
  frame.load = load;
  return frame;
}

const absent = (text) => h("span", { class: "absent" }, text);

const sight = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    sight.unobserve(entry.target);
    entry.target.load();
  }
}, { rootMargin: "200px" });

// pathOf is where the bytes of a variant are; with its version they may be kept.
export const pathOf = (image, variant) => `v1/images/${image.id}/variants/${encodeURIComponent(variant.name)}?v=${variant.sha256.slice(0, 16)}`;

// thumbnail shows an image small, by the smallest of its variants that has so many
// pixels on a side.
export function thumbnail(image, alt = "", side = 140) {
  const ready = (image?.variants ?? []).filter((v) => v.state === "ready" && shown.has(v.content_type)).sort((a, b) => a.width * a.height - b.width * b.height);
  const best = ready.find((v) => Math.max(v.width, v.height) >= side) ?? ready.at(-1);
  if (!best) return h("span", { class: "frame", style: { "background-color": image?.dominant_color ?? "var(--sunken)" } }, h("span", { class: "absent" }, kind(image?.content_type)));
  return picture({ path: pathOf(image, best), alt, until: image.dominant_color });
}

// shown are the formats every browser of the last years shows.
export const shown = new Set(["image/jpeg", "image/png", "image/webp", "image/gif", "image/avif", "image/svg+xml"]);

const known = new Map(); // images by id

// know returns images by id. It asks for those that are new or were not at their end.
export async function know(ids) {
  const ask = [...new Set(ids)].filter((id) => !known.has(id) || known.get(id)?.state === "processing").slice(0, 100);
  if (ask.length > 0) {
    const found = await read("v1/images/lookup", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ ids: ask }) });
    for (const image of found.items) known.set(image.id, image);
    for (const id of found.missing) known.set(id, null);
  }
  if (known.size > 1000) for (const id of [...known.keys()].slice(0, 500)) if (!ids.includes(id)) known.delete(id);
  return known;
}

// nameOf is what people call an image.
export const nameOf = (image, id = "") => image?.filename || image?.external_id || (image || id ? `image ${(image?.id ?? id).slice(-8)}` : "");
