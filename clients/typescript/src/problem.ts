import type { components } from './schema.js';
import type { Slug } from './slugs.gen.js';

type Body = components['schemas']['Problem'];

/**
 * An answer of 400 or more, or why a job or a variant failed (RFC 9457). Decide by
 * `slug` or `status`; the texts are for people.
 */
export class Problem extends Error {
  override readonly name = 'Problem';
  /** The address of a page that explains it. */
  readonly type: string;
  /** The last part of `type`; empty if something between here and imgd has answered. */
  readonly slug: Slug | (string & {});
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  /** The path that was asked for. */
  readonly instance: string | undefined;
  /** Finds the request in the service's logs. */
  readonly correlationId: string | undefined;
  /** Each place of the request that is wrong. */
  readonly errors: components['schemas']['FieldError'][];
  /** What it has beside, such as `limit`, `actual`, `allowed`. */
  readonly members: Record<string, unknown>;
  /** After how many seconds another try makes sense, if the answer said so. */
  readonly retryAfter: number | undefined;

  constructor(body: Body, retryAfter?: number, correlation?: string) {
    const { type, title, status, detail, instance, correlation_id, errors, ...members } = body;
    const slug = type === 'about:blank' ? '' : type.slice(type.lastIndexOf('/') + 1);
    const id = correlation_id ?? correlation;
    super(`imgd: ${status} ${slug || title}: ${detail}${id ? ` (correlation id ${id})` : ''}`);
    this.type = type;
    this.slug = slug;
    this.title = title;
    this.status = status;
    this.detail = detail;
    this.instance = instance;
    this.correlationId = id;
    this.errors = errors ?? [];
    this.members = members;
    this.retryAfter = retryAfter;
  }
}

/** Makes a problem of an answer of 400 or more, whose body it leaves to others. */
export async function problemOf(response: Response): Promise<Problem> {
  const copy = response.clone();
  let text = '';
  try {
    text = await copy.text();
  } catch {
    // Cut off on its way; the status says enough.
  }
  return problemFrom(response.status, response.statusText, response.headers, text);
}

/** What an answer says, from its parts. */
export function problemFrom(status: number, title: string, headers: Headers, text: string): Problem {
  const correlation = headers.get('X-Correlation-ID') ?? undefined;
  const wait = retryAfter(headers.get('Retry-After'));
  if (headers.get('Content-Type')?.startsWith('application/problem+json')) {
    try {
      return new Problem({ ...(JSON.parse(text) as Body), status }, wait, correlation);
    } catch {
      // No JSON, so not imgd's.
    }
  }
  const detail = text ? `the answer is none of imgd's: ${text.slice(0, 200)}` : 'the answer does not say why';
  return new Problem({ type: 'about:blank', title, status, detail }, wait, correlation);
}

/** Reads what RFC 9110 allows: seconds, or a date. */
function retryAfter(value: string | null): number | undefined {
  if (value === null) return undefined;
  const seconds = /^\d+$/.test(value) ? Number(value) : (Date.parse(value) - Date.now()) / 1000;
  return Number.isNaN(seconds) ? undefined : Math.max(0, seconds);
}
