// The bearer token, kept until the tab is closed and no longer.
import { h } from "./dom.js";

const place = "imgd.token";

export const token = () => sessionStorage.getItem(place) ?? "";

let asking = null; // the one question all requests wait for

// askForToken waits until there is a token other than the one that was refused.
export function askForToken(refused, problem) {
  if (token() !== refused) return Promise.resolve();
  asking ??= new Promise((resolve) => show(refused ? problem.message : "", (typed) => {
    sessionStorage.setItem(place, typed);
    dispatchEvent(new Event("token"));
    asking = null;
    resolve();
  }));
  return asking;
}

export function forgetToken() {
  sessionStorage.removeItem(place);
  location.reload();
}

// show puts the question before the content, which stays as it is, out of sight.
function show(complaint, done) {
  const main = document.getElementById("main");
  const input = h("input", { id: "token", type: "password", autocomplete: "off", spellcheck: "false", required: true, "aria-describedby": complaint ? "complaint" : null });
  const gate = h("div", { class: "gate", role: "main" }, h("form", { class: "card", onsubmit: submit },
    h("h1", {}, "A token, please"),
    h("p", { class: "quiet" }, "This service shows its images to those who have a bearer token. It stays in this tab and is forgotten when you close it."),
    complaint && h("p", { id: "complaint", class: "complaint", role: "alert" }, `The last one was refused: ${complaint}.`),
    h("label", { for: "token" }, "Token"), input,
    h("button", { class: "primary", type: "submit" }, "Sign in"),
    h("p", { class: "quiet small" }, "Whoever runs the service with a secret of its own gets one by ", h("code", {}, "imgd token --scope images:admin"), ". With less than ",
      h("code", {}, "images:admin"), " the workers and the queue stay hidden.")));
  main.hidden = true;
  main.before(gate);
  input.focus();

  function submit(event) {
    event.preventDefault();
    const typed = input.value.trim().replace(/^Bearer\s+/i, "");
    if (!typed) return;
    gate.remove();
    main.hidden = false;
    done(typed);
  }
}
