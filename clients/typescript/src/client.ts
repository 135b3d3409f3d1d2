import createClient, { type Client as Calls } from 'openapi-fetch';
import { Form, type Source } from './form.js';
import { unique } from './names.js';
import { Problem, problemOf } from './problem.js';
import { insist, isRepeatable, type Patience } from './retry.js';
import type { components, paths } from './schema.js';
import { sendByXHR } from './xhr.js';

type Schemas = components['schemas'];
export type Image = Schemas['Image'];
export type Job = Schemas['Job'];
export type Variant = Schemas['Variant'];

export interface Options extends Partial<Patience> {
  /** The bearer token to send, or what returns it. A function is asked before every try, so it should keep a token for as long as that is good. */
  token?: string | (() => string | Promise<string>);
  /** What sends requests, in place of the global fetch. */
  fetch?: (request: Request) => Promise<Response>;
}

export interface Upload {
  filename?: string;
  bucket?: string;
  externalId?: string;
  metadata?: Record<string, unknown>;
  /** A preset of the service's, or: */
  preset?: string;
  /** Transforms by the name of their variant. */
  variants?: Record<string, string>;
  expiresAt?: Date;
  /**
   * Makes an upload the same as an earlier one, whose answer then comes again: give one that outlives this page or
   * process if its uploads have to. Without one, one is made, which holds for the tries of this call.
   */
  key?: string;
  /** Told what was sent, then what becomes of the job. */
  onProgress?: (progress: Progress) => void;
  signal?: AbortSignal;
}

export interface Progress {
  /** Bytes of the file; it begins anew with each try. */
  sent: number;
  /** Undefined if nobody knows. */
  total: number | undefined;
  /** Of the job, undefined before there is one. */
  state: Schemas['JobState'] | undefined;
}

/** A job that has come to an end other than success; `cause` is the Problem, if there is one. */
export class JobFailed extends Error {
  override readonly name = 'JobFailed';
  override readonly cause: Problem | undefined;
  constructor(readonly job: Job) {
    super(`imgd: job ${job.id} is ${job.state}${job.error ? `: ${job.error.detail}` : ''}`);
    this.cause = job.error ? new Problem(job.error) : undefined;
  }
}

/** For how many seconds the service is asked to hold an answer; the most it does is 30. */
const hold = 20;

/** Speaks to one imgd. */
export class Client {
  /**
   * Every call of the API as openapi-fetch has them, with token and tries: each is answered with `data` or
   * `error`. `ok` makes an error of the latter.
   */
  readonly api: Calls<paths>;
  private readonly patience: Patience;
  private readonly fetch: (request: Request) => Promise<Response>;

  /** @param url where the service is, such as https://images.example.com */
  constructor(
    private readonly url: string,
    private readonly options: Options = {},
  ) {
    this.url = url.replace(/\/+$/, '');
    this.patience = { tries: options.tries ?? 5, pause: options.pause ?? 250, longest: options.longest ?? 30_000 };
    this.fetch = options.fetch ?? ((request) => globalThis.fetch(request));
    this.api = createClient<paths>({
      baseUrl: this.url,
      fetch: (request) =>
        insist(async () => this.fetch(await this.signed(request.clone())), isRepeatable(request), this.patience, request.signal),
    });
  }

  /** Sends an image and returns the job that renders its variants. */
  async upload(file: Source, upload: Upload = {}): Promise<Job> {
    return this.send(file, upload, teller(upload.onProgress));
  }

  /** Sends an image and returns it when its variants are there; a job that does not succeed is a JobFailed. */
  async uploadAndWait(file: Source, upload: Upload = {}): Promise<Image> {
    const tell = teller(upload.onProgress);
    const job = await this.follow(await this.send(file, upload, tell), upload.signal, tell);
    const params = { path: { image_id: job.image_id } };
    return ok(this.api.GET('/v1/images/{image_id}', { params, ...signalled(upload.signal) }));
  }

  /** Returns a job when it has succeeded; any other end is a JobFailed. */
  async wait(id: string, options: { signal?: AbortSignal } = {}): Promise<Job> {
    const job = await ok(this.api.GET('/v1/jobs/{job_id}', { params: { path: { job_id: id } }, ...signalled(options.signal) }));
    return this.follow(job, options.signal, teller());
  }

  /** Follows a job to its end: a state is final when the job has finished, whatever states there may be one day. */
  private async follow(job: Job, signal: AbortSignal | undefined, tell: Teller): Promise<Job> {
    for (tell({ state: job.state }); job.finished_at === null; tell({ state: job.state })) {
      const params = { path: { job_id: job.id }, query: { wait: hold } };
      job = await ok(this.api.GET('/v1/jobs/{job_id}', { params, ...signalled(signal) }));
    }
    if (job.state !== 'succeeded') throw new JobFailed(job);
    return job;
  }

  private async send(file: Source, u: Upload, tell: Teller): Promise<Job> {
    const fields = {
      bucket: u.bucket,
      external_id: u.externalId,
      metadata: u.metadata && JSON.stringify(u.metadata),
      preset: u.preset,
      variants: u.variants && JSON.stringify(u.variants),
      expires_at: u.expiresAt?.toISOString(),
    };
    const form = new Form(file, u.filename ?? (nameOf(file)), fields, (sent) => tell({ sent }));
    tell({ total: form.size });
    const headers = { 'Content-Type': form.contentType, 'Idempotency-Key': u.key ?? unique() };
    const answer = await insist(this.sender(form, headers, u, tell), true, this.patience, u.signal);
    if (!answer.ok) throw await problemOf(answer);
    return (await answer.json()) as Job;
  }

  /**
   * What sends the form once. Of fetch nobody learns how much was sent: browsers have something else for that, and
   * other places let it read a stream, which browsers do not.
   */
  private sender(form: Form, headers: Record<string, string>, u: Upload, tell: Teller): () => Promise<Response> {
    const request = (init: object) => this.signed(new Request(`${this.url}/v1/images`, { method: 'POST', ...signalled(u.signal), ...init }));
    if (typeof XMLHttpRequest !== 'undefined' && u.onProgress && !this.options.fetch) {
      return async () => {
        const told = (sent: number) => tell({ sent: Math.max(0, Math.min(sent - form.before, form.size ?? Infinity)) });
        return sendByXHR(await request({ headers }), await form.whole(), told, u.signal);
      };
    }
    if (typeof XMLHttpRequest !== 'undefined' || (form.length !== undefined && !u.onProgress)) {
      return async () => this.fetch(await request({ headers, body: await form.whole() }));
    }
    const length: Record<string, string> = form.length === undefined ? {} : { 'Content-Length': String(form.length) };
    let last: unknown;
    return async () => {
      try {
        const answer = await this.fetch(await request({ headers: { ...headers, ...length }, body: form.stream(last), duplex: 'half' }));
        if (answer.status >= 400) last = await problemOf(answer);
        return answer;
      } catch (e) {
        throw (last = e);
      }
    };
  }

  private async signed(request: Request): Promise<Request> {
    const { token } = this.options;
    const text = typeof token === 'function' ? await token() : token;
    if (text) request.headers.set('Authorization', `Bearer ${text}`);
    return request;
  }
}

/** Returns what was answered, or throws the Problem: `await ok(client.api.GET('/v1/stats'))`. */
export async function ok<T>(call: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  const { data, error, response } = await call;
  if (response.ok) return data as T;
  if (isProblem(error)) return raise(new Problem(error, seconds(response), response.headers.get('X-Correlation-ID') ?? undefined));
  const { status, statusText } = response;
  return raise(new Problem({ type: 'about:blank', title: statusText, status, detail: "the answer is none of imgd's" }, seconds(response)));
}

function raise(problem: Problem): never {
  throw problem;
}

function isProblem(error: unknown): error is Schemas['Problem'] {
  return typeof error === 'object' && error !== null && 'type' in error && 'detail' in error;
}

function seconds(response: Response): number | undefined {
  const value = Number(response.headers.get('Retry-After') ?? NaN);
  return Number.isNaN(value) ? undefined : value;
}

function nameOf(file: Source): string {
  return typeof File !== 'undefined' && file instanceof File ? file.name : 'file'; // Node 18 has no File
}

/** An absent member and one that is undefined are not the same to everybody. */
function signalled(signal: AbortSignal | undefined): { signal?: AbortSignal } {
  return signal ? { signal } : {};
}

type Teller = (change: Partial<Progress>) => void;

/** Tells what changes. */
function teller(to?: (progress: Progress) => void): Teller {
  let now: Progress = { sent: 0, total: undefined, state: undefined };
  return (change) => {
    const next = { ...now, ...change };
    const same = next.sent === now.sent && next.state === now.state;
    now = next;
    if (!same) to?.(next);
  };
}
