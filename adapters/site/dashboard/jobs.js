// Jobs: one line for each, and the page of all of them.
import { act, read, slug } from "./api.js";
import { fill, h, keep } from "./dom.js";
import { ago, moment, span } from "./format.js";
import { note, poll } from "./live.js";
import { know, nameOf, thumbnail } from "./pictures.js";

export const states = ["queued", "running", "succeeded", "failed", "dead", "cancelled"];

export const badge = (state) => h("span", { class: `badge ${state}` }, state);

const alive = (job) => job.state === "queued" || job.state === "running";

// jobLine is a job with the name of its image, what went wrong, and what can be done.
// refresh is called when something was done.
export function jobLine(job, images, refresh) {
  const picture = h("span", { class: "thumb" }), name = h("a", { class: "name" }), what = h("p", { class: "small" }), state = h("span"), when = h("span", { class: "quiet small when" });
  const retry = button("Retry", "retry", "is queued again"), cancel = button("Cancel", "cancel", "is cancelled, or about to be");
  const line = h("li", { class: "job" }, picture, h("div", { class: "about" }, h("div", { class: "head" }, name, state, when), what), h("div", { class: "acts" }, retry, cancel));
  let shownState = "", shownImage = "";

  function button(text, verb, done) {
    return h("button", { type: "button", class: "small", async onclick(event) {
      const pressed = event.currentTarget;
      pressed.disabled = true;
      try {
        await act(`v1/jobs/${job.id}/${verb}`);
        note(`The job of ${name.textContent} ${done}.`);
      } catch (error) {
        note(`${text} did not work: ${error.message}.`, true);
      }
      pressed.disabled = false;
      refresh();
    } }, text);
  }

  line.renew = (next) => {
    job = next;
    const image = images.get(job.image_id);
    const seen = `${image?.state} ${image?.version}`;
    if (seen !== shownImage) { fill(picture, thumbnail(image)); shownImage = seen; }
    name.textContent = nameOf(image, job.image_id);
    name.href = `#/images/${job.image_id}`;
    if (job.state !== shownState) { fill(state, badge(job.state)); shownState = job.state; }
    const at = job.finished_at ?? job.started_at ?? job.created_at;
    when.textContent = job.state === "running" ? `for ${span(Date.now() - Date.parse(job.started_at))}` : ago(at);
    when.title = moment(at);
    fill(what, ...story(job));
    retry.hidden = !job.retryable;
    cancel.hidden = !alive(job);
    for (const b of [retry, cancel]) b.setAttribute("aria-label", `${b.textContent} the job of ${name.textContent}`);
  };
  return line;
}

// story is what there is to say of a job beside its state.
function story(job) {
  if (job.error) {
    return [h("a", { class: "problem", href: `problems/${slug(job.error)}`, title: "What this problem means" }, job.error.title), h("span", { class: "quiet" }, ` ${job.error.detail}`),
      alive(job) && h("span", { class: "quiet" }, ` Attempt ${job.attempt} of ${job.max_attempts}.`)];
  }
  if (job.state === "succeeded") {
    const waited = Date.parse(job.started_at) - Date.parse(job.created_at), ran = Date.parse(job.finished_at) - Date.parse(job.started_at);
    return [h("span", { class: "quiet" }, `waited ${span(Math.max(0, waited))}, ran ${span(ran)}, ${span(job.cost.cpu_ms)} of processor`)];
  }
  if (job.state === "queued" && job.attempt > 0) return [h("span", { class: "quiet" }, `attempt ${job.attempt + 1} of ${job.max_attempts}`)];
  return [];
}

// jobList shows jobs; empty is what to say when there are none.
export function jobList(label, empty, refresh) {
  const list = h("ul", { class: "jobs", "aria-label": label }), none = h("p", { class: "empty", hidden: true }, empty);
  const images = new Map();
  const node = h("div", {}, list, none);
  node.show = async (jobs) => {
    for (const [id, image] of await know(jobs.map((j) => j.image_id))) images.set(id, image);
    keep(list, jobs, (j) => j.id, (j) => jobLine(j, images, refresh));
    list.hidden = jobs.length === 0;
    none.hidden = jobs.length > 0;
  };
  return node;
}

// jobsPage is #/jobs, perhaps of one state.
export function jobsPage(main, query) {
  const state = query.get("state") ?? "";
  const tabs = h("nav", { class: "tabs", "aria-label": "States" }, ["", ...states].map((s) =>
    h("a", { href: s ? `#/jobs?state=${s}` : "#/jobs", "aria-current": s === state ? "page" : null }, s || "all")));
  const list = jobList("Jobs", state ? `No job is ${state}.` : ["No job yet: ", h("a", { href: "#/" }, "drop a picture"), " to make one."], () => poller.now());
  const more = h("button", { type: "button", hidden: true, onclick() { limit = Math.min(200, limit + 50); poller.now(); } }, "Show more");
  const end = h("p", { class: "empty", hidden: true }, "Older ones are in the API: follow the cursor of GET /v1/jobs.");
  let limit = 50;
  fill(main, h("h1", {}, "Jobs"), tabs, h("section", { class: "card" }, list), more, end);
  const poller = poll(async () => {
    const page = await read(`v1/jobs?limit=${limit}${state ? `&state=${state}` : ""}`);
    await list.show(page.items);
    more.hidden = !page.next_cursor || limit === 200;
    end.hidden = !page.next_cursor || limit < 200;
  });
  return () => poller.stop();
}

// jobPage is #/jobs/ID: the page of its image.
export function jobPage(main, id) {
  fill(main, h("p", { class: "empty" }, "Looking for the image of this job."));
  let gone = false;
  read(`v1/jobs/${encodeURIComponent(id)}`).then((job) => { if (!gone) location.replace(`#/images/${job.image_id}`); }, (error) => {
    if (!gone) fill(main, h("h1", {}, error.status === 404 ? "No such job" : "The job cannot be shown"), h("p", {}, `${error.message}. `, h("a", { href: "#/jobs" }, "All jobs")));
  });
  return () => { gone = true; };
}
