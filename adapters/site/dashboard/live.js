// What is asked again and again.
import { h, say } from "./dom.js";

const slowest = 60_000;

// seen waits until somebody looks at the page.
export function seen() {
  if (!document.hidden) return Promise.resolve();
  return new Promise((resolve) => {
    const look = () => {
      if (document.hidden) return;
      document.removeEventListener("visibilitychange", look);
      resolve();
    };
    document.addEventListener("visibilitychange", look);
  });
}

// poll runs a task every two seconds: not while nobody looks, and less and less often
// while it fails. It returns { stop, now }. The task is given a question, whether it was
// stopped meanwhile: after every wait it has to ask before it shows anything.
export function poll(task, every = 2000) {
  let timer = 0, failures = 0, stopped = false, running = false, again = false;

  async function run() {
    clearTimeout(timer);
    if (stopped) return;
    if (document.hidden) { show("paused", "Paused"); return; }
    if (running) { again = true; return; }
    running = true;
    let pause = every;
    try {
      await task(() => stopped);
      failures = 0;
      if (!stopped) show("live", "Live");
    } catch (error) {
      failures++;
      pause = Math.min(slowest, Math.max(every * 2 ** failures, 1000 * (error.retryAfter ?? 0)));
      if (!stopped) show("lost", `${error.status ? "Refused" : "No answer"}; again in ${Math.round(pause / 1000)} s`, error.message);
      if (error.name !== "Problem") console.error(error); // a mistake of ours
    }
    running = false;
    if (again) { again = false; pause = 0; }
    if (!stopped) timer = setTimeout(run, pause);
  }
  const turned = () => run();
  document.addEventListener("visibilitychange", turned);
  run();
  return {
    stop() { stopped = true; clearTimeout(timer); document.removeEventListener("visibilitychange", turned); },
    now() { failures = 0; run(); },
  };
}

function show(state, text, title = "") {
  const pulse = document.getElementById("pulse");
  if (pulse.dataset.state === state && pulse.textContent === text) return;
  pulse.dataset.state = state;
  pulse.title = title;
  say(pulse, text);
}

// note tells of something that happened, for a while.
export function note(text, bad = false) {
  const line = h("p", { class: bad ? "note bad" : "note" }, text);
  document.getElementById("notes").append(line);
  setTimeout(() => line.remove(), bad ? 10_000 : 5000);
}
