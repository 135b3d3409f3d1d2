// The public API, as any other client sees it.
import { askForToken, token } from "./token.js";

const root = new URL("..", import.meta.url); // a proxy may have put a prefix before us

export const address = (path) => new URL(path, root);

// Problem is what went wrong, in the words of the service (RFC 9457).
export class Problem extends Error {
  constructor(status, body, retryAfter) {
    super(body.detail || body.title || `the service answered ${status}`);
    this.name = "Problem";
    this.status = status;
    this.title = body.title ?? "";
    this.type = body.type ?? "";
    this.correlation = body.correlation_id ?? "";
    this.retryAfter = Number(retryAfter) || 0;
  }
}

export const headers = () => (token() ? { Authorization: `Bearer ${token()}` } : {});

// call sends a request and returns the answer, or throws a Problem. When the service
// asks for a token, so do we, and then the request is sent again.
export async function call(path, options = {}) {
  for (;;) {
    const used = token();
    let answer;
    try {
      answer = await fetch(address(path), { ...options, cache: options.cache ?? "no-store", headers: { ...headers(), ...options.headers } });
    } catch {
      throw away();
    }
    if (answer.ok) return answer;
    const problem = await problemOf(answer);
    if (answer.status !== 401) throw problem;
    await askForToken(used, problem);
  }
}

const away = () => new Problem(0, { title: "No answer", detail: "the service cannot be reached; is it running?" });

async function problemOf(answer) {
  let body = {};
  try { body = await answer.json(); } catch { /* a proxy's page, perhaps */ }
  return new Problem(answer.status, body, answer.headers.get("Retry-After"));
}

export const read = async (path, options) => (await call(path, options)).json();

export const act = async (path) => (await call(path, { method: "POST" })).json();

// readiness is read whole even when it is a 503: then the problem has the checks. Who
// may not see how each part does is told whether it is there.
export async function readiness(verbose) {
  let body;
  try {
    const answer = await fetch(address(verbose ? "readyz?verbose" : "readyz"), { cache: "no-store", headers: verbose ? headers() : {} });
    if (answer.status === 401 || answer.status === 403) return readiness(false);
    body = await answer.json();
  } catch {
    throw away();
  }
  const answers = body.status === "ready" || body.status === "degraded";
  return { ready: answers, detail: body.detail ?? "", isolation: body.isolation ?? "", checks: body.checks ?? [] };
}

// slug is the last part of a problem's type.
export const slug = (problem) => (problem?.type ?? "").replace(/^.*\//, "");
