// The drop zone: files go up, and each is followed until its variants are there.
import { address, headers, Problem, read } from "./api.js";
import { fill, h, say } from "./dom.js";
import { plural, size, span } from "./format.js";
import { seen } from "./live.js";
import { nameOf, thumbnail } from "./pictures.js";
import { askForToken, token } from "./token.js";

const atOnce = 3;
const waiting = [];
let running = 0;
const lines = h("ul", { class: "uploads", "aria-label": "Uploads" }); // stays while other pages are looked at

// dropZone takes files by drop, by paste and by choice. changed is called when
// something of theirs may be seen elsewhere.
export function dropZone(changed) {
  const input = h("input", { type: "file", multiple: true, accept: "image/*,.heic,.jxl,.pdf", class: "unseen", id: "files", onchange() { take(input.files); input.value = ""; } });
  const preset = h("select", { id: "preset", "aria-label": "Preset" });
  const presets = h("span", { class: "quiet small", hidden: true }, "as ", preset);
  const zone = h("div", { class: "drop" }, input,
    h("label", { for: "files" }, h("b", {}, "Drop pictures here"), h("span", { class: "quiet" }, " or choose files")), presets);
  const node = h("div", { class: "uploading" }, zone, lines);
  for (const kind of ["dragenter", "dragover"]) zone.addEventListener(kind, (event) => { event.preventDefault(); zone.classList.add("over"); });
  zone.addEventListener("dragleave", () => zone.classList.remove("over"));
  zone.addEventListener("drop", (event) => { event.preventDefault(); zone.classList.remove("over"); take(event.dataTransfer.files); });
  document.onpaste = (event) => { if (zone.isConnected && event.clipboardData.files.length) take(event.clipboardData.files); };
  read("v1/capabilities").then((can) => {
    const names = Object.keys(can.presets);
    if (names.length < 2) return;
    fill(preset, names.map((n) => h("option", { selected: n === "default" }, n)));
    presets.hidden = false;
  }, () => { /* the default will do */ });

  function take(files) {
    for (const file of files) {
      const line = uploadLine(file);
      lines.prepend(line.node);
      waiting.push({ file, line, preset: preset.value, changed });
    }
    while (lines.children.length > 20) lines.lastChild.remove();
    next();
  }
  return node;
}

async function next() {
  while (running < atOnce && waiting.length > 0) {
    const one = waiting.shift();
    running++;
    send(one).finally(() => { running--; next(); });
  }
}

async function send({ file, line, preset, changed }) {
  try {
    const job = await upload(file, preset, line.sent);
    changed();
    await follow(job, line);
  } catch (error) {
    line.failed(error);
  }
  changed();
}

// upload is an XMLHttpRequest, because fetch does not tell how much is sent.
function upload(file, preset, sent) {
  return new Promise((resolve, reject) => {
    const form = new FormData();
    if (preset) form.append("preset", preset);
    form.append("file", file);
    const used = token();
    const request = new XMLHttpRequest();
    request.open("POST", address("v1/images"));
    for (const [name, value] of Object.entries(headers())) request.setRequestHeader(name, value);
    request.responseType = "json";
    request.upload.onprogress = (event) => sent(event.loaded / event.total);
    request.onerror = () => reject(new Problem(0, { detail: "the connection broke; is the service running?" }));
    request.onload = () => {
      if (request.status < 300) { resolve(request.response); return; }
      const problem = new Problem(request.status, request.response ?? {});
      if (request.status !== 401) { reject(problem); return; }
      askForToken(used, problem).then(() => upload(file, preset, sent)).then(resolve, reject);
    };
    request.send(form);
  });
}

// follow shows how many variants are there, until the job is at its end. The upload is
// stored by now: that nobody answers for a while says nothing of it.
async function follow(job, line) {
  let failures = 0;
  for (let pause = 150; ; pause = Math.min(1500, pause * 1.4)) {
    await seen();
    try {
      if (await look(job, line)) return;
      failures = 0;
    } catch (error) {
      if (!passing(error)) throw error;
      failures++;
      pause = Math.min(30_000, Math.max(500 * 2 ** failures, 1000 * error.retryAfter));
      line.unheard(error, pause);
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

// passing errors are of the way to the service, or of a service that is busy.
const passing = (error) => error.name === "Problem" && (error.status === 0 || error.status === 429 || error.status >= 500);

// look shows how far a job is, and reports whether it is at its end.
async function look(job, line) {
  const image = await read(`v1/images/${job.image_id}`);
  const current = await read(`v1/jobs/${job.id}`);
  line.rendering(image);
  if (!["succeeded", "failed", "dead", "cancelled"].includes(current.state)) return false;
  if (current.state === "succeeded") line.done(await read(`v1/images/${job.image_id}`));
  else line.failed(current.error ? new Problem(0, current.error) : new Error(`the job was ${current.state}`), image);
  return true;
}

// uploadLine tells of one file.
function uploadLine(file) {
  const picture = h("span", { class: "thumb" }), name = h("span", { class: "name" }, file.name), about = h("span", { class: "quiet small" }, `${size(file.size)}, waiting`);
  const progress = h("progress", { max: 1, value: 0, "aria-label": `Progress of ${file.name}` });
  const node = h("li", { class: "upload" }, picture, h("div", {}, name, about), progress);
  const link = (image) => name.replaceWith(h("a", { class: "name", href: `#/images/${image.id}` }, nameOf(image)));
  return {
    node,
    sent(part) {
      progress.value = part / 2;
      say(about, part < 1 ? `${size(file.size)}, ${Math.round(part * 100)} % sent` : `${size(file.size)}, looked at`);
    },
    rendering(image) {
      const ready = image.variants.filter((v) => v.state !== "pending").length;
      progress.value = 0.5 + ready / image.variants.length / 2;
      say(about, `${ready} of ${plural(image.variants.length, "variant")}`);
    },
    unheard(error, pause) {
      say(about, `it is stored; ${error.message}. Asked again in ${span(pause)}.`);
    },
    done(image) {
      node.classList.add("done");
      progress.remove();
      link(image);
      fill(picture, thumbnail(image));
      say(about, `${plural(image.variants.length, "variant")}, ${size(image.variants.reduce((n, v) => n + (v.bytes ?? 0), 0))} together`);
    },
    failed(error, image) {
      node.classList.add("failed");
      progress.remove();
      if (image) link(image);
      about.classList.remove("quiet");
      say(about, `${error.message}`);
    },
  };
}
