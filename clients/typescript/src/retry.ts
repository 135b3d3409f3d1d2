import { Problem, problemOf } from './problem.js';

/** How often and how patiently a request is sent again. */
export interface Patience {
  /** How often a request is sent in all; 1 is never again. */
  tries: number;
  /** How long to wait before the second try, in milliseconds; each later wait is twice as long, and a part of it is left to chance. */
  pause: number;
  /** The longest wait, in milliseconds. If the service asks for a longer one, its answer is returned instead. */
  longest: number;
}

/** A body that can be read only once, and is gone. */
export class BodySpent extends Error {
  override readonly name = 'BodySpent';
  constructor(override readonly cause: unknown) {
    super(`imgd: ${String(cause)} (not sent again: its body can be read only once; give a Blob, or a function that opens it)`);
  }
}

/** One try: what was answered, or an error of the network. */
export type Try = () => Promise<Response>;

/** Sends until there is an answer for good, which may be one of 400 or more. */
export async function insist(once: Try, repeatable: boolean, patience: Patience, signal?: AbortSignal | null): Promise<Response> {
  for (let n = 1; ; n++) {
    const wait = patience.pause * 2 ** (n - 1) * (0.5 + Math.random() / 2);
    let response: Response | undefined;
    let asked = 0;
    try {
      response = await once();
      if (response.status < 400) return response;
      const problem = await problemOf(response);
      asked = (problem.retryAfter ?? 0) * 1000;
      if (!passes(problem, repeatable) || n >= patience.tries || asked > patience.longest) return response;
    } catch (e) {
      // fetch rejects with a TypeError when the network fails, and with whatever
      // it was aborted with.
      if (signal?.aborted || !(e instanceof TypeError) || !repeatable || n >= patience.tries) throw e;
    }
    await response?.body?.cancel();
    await sleep(Math.max(Math.min(wait, patience.longest), asked), signal);
  }
}

/**
 * Whether waiting helps. A refusal by a rate says that nothing was done; of other
 * answers that is not known.
 */
function passes(p: Problem, repeatable: boolean): boolean {
  if (p.status === 429 || p.slug === 'idempotency-in-progress') return true;
  return repeatable && [502, 503, 504].includes(p.status);
}

/** Whether doing it twice is the same as doing it once (RFC 9110, section 9.2.2), by its method or by its key. */
export function isRepeatable(request: Request): boolean {
  return ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'].includes(request.method) || request.headers.has('Idempotency-Key');
}

function sleep(ms: number, signal?: AbortSignal | null): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', end);
      resolve();
    }, ms);
    if (signal?.aborted) return end();
    signal?.addEventListener('abort', end, { once: true });
  });
}
