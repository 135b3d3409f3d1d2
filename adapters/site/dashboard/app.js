// The frame around the pages: which is shown, in which colours, and as whom.
import { fill, h, say } from "./dom.js";
import { imagePage } from "./image.js";
import { imagesPage } from "./images.js";
import { jobPage, jobsPage } from "./jobs.js";
import { overview } from "./overview.js";
import { forgetToken, token } from "./token.js";

const main = document.getElementById("main");
let leave = () => {};

// route shows the page that the address names.
function route() {
  const [path, query] = location.hash.replace(/^#/, "").split("?");
  const [first = "", second] = path.split("/").filter(Boolean);
  leave();
  leave = show(first, second, new URLSearchParams(query));
  for (const link of document.querySelectorAll(".top nav a")) {
    if (link.hash === `#/${first}` && link.getAttribute("href").startsWith("#")) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  scrollTo(0, 0);
}

function show(first, second, query) {
  if (first === "") return overview(main);
  if (first === "images") return second ? imagePage(main, second) : imagesPage(main, query);
  if (first === "jobs") return second ? jobPage(main, second) : jobsPage(main, query);
  fill(main, h("h1", {}, "Nothing is here"), h("p", {}, "The address names no page. ", h("a", { href: "#/" }, "Overview")));
  return () => {};
}

const themes = { "": "System colours", light: "Light", dark: "Dark" };
const theme = document.getElementById("theme");

function paint(name) {
  if (name) document.documentElement.dataset.theme = name;
  else delete document.documentElement.dataset.theme;
  say(theme, themes[name]);
  theme.setAttribute("aria-label", `Colours: ${themes[name]}. Press for the next.`);
  dispatchEvent(new Event("theme"));
}

theme.addEventListener("click", () => {
  const names = Object.keys(themes);
  const next = names[(names.indexOf(document.documentElement.dataset.theme ?? "") + 1) % names.length];
  paint(next);
  try { localStorage.setItem("imgd.theme", next); } catch { /* then it is for now only */ }
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => dispatchEvent(new Event("theme")));

const out = document.getElementById("leave");
out.addEventListener("click", forgetToken);
const signed = () => { out.hidden = !token(); };
addEventListener("token", signed);

// A file that misses the zone would else replace the page.
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", (event) => event.preventDefault());

document.querySelector(".skip").addEventListener("click", (event) => { event.preventDefault(); main.focus(); });
addEventListener("hashchange", () => { route(); main.focus({ preventScroll: true }); });
signed();
paint(document.documentElement.dataset.theme ?? "");
route();
