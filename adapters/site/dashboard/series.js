// What happened in the last quarter of an hour, in buckets of ten seconds. The service
// counts; the curves over time are drawn by whoever watches.

export const width = 10_000;
export const span = 15 * 60_000;

const final = ["succeeded", "failed", "dead", "cancelled"];

export class Series {
  constructor() {
    this.buckets = new Map();
    this.seen = new Set();
    this.last = null; // the numbers of the poll before
    this.from = Date.now(); // since when counts are whole
  }

  bucket(time) {
    const start = Math.floor(time / width) * width;
    if (!this.buckets.has(start)) this.buckets.set(start, { finished: 0, failed: 0, depth: null, running: null, times: [] });
    return this.buckets.get(start);
  }

  // remember takes the newest jobs: at first to know what was before we looked, and
  // later for how long each took.
  remember(jobs, all) {
    const first = this.last === null;
    for (const job of jobs) {
      if (!job.finished_at || this.seen.has(job.id + job.finished_at)) continue;
      this.seen.add(job.id + job.finished_at);
      const b = this.bucket(Date.parse(job.finished_at));
      b.times.push(Date.parse(job.finished_at) - Date.parse(job.created_at));
      if (!first) continue;
      b.finished++;
      if (job.state === "failed" || job.state === "dead") b.failed++;
    }
    if (first) this.from = all || jobs.length === 0 ? 0 : Date.parse(jobs.at(-1).created_at);
  }

  // count takes the numbers of the service.
  count(stats, now = Date.now()) {
    const b = this.bucket(now);
    b.depth = stats.fleet ? stats.fleet.queue_depth : stats.jobs.queued;
    b.running = stats.fleet ? stats.fleet.running : stats.jobs.running;
    if (this.last) {
      for (const state of final) {
        const more = Math.max(0, (stats.jobs[state] ?? 0) - (this.last[state] ?? 0));
        b.finished += more;
        if (state === "failed" || state === "dead") b.failed += more;
      }
    }
    this.last = { ...stats.jobs };
    for (const start of this.buckets.keys()) if (start < now - span - width) this.buckets.delete(start);
    if (this.seen.size > 5000) this.seen = new Set([...this.seen].slice(-2000));
  }

  // points are the curves: for each bucket what is known of the minute up to it, null
  // where nothing is.
  points(now = Date.now()) {
    const out = { time: [], finished: [], failed: [], depth: [], running: [], p50: [], p95: [] };
    const end = Math.floor(now / width) * width;
    for (let t = end - span; t <= end; t += width) {
      const minute = this.minute(t);
      const known = t >= this.from;
      const times = minute.flatMap((b) => b.times).sort((a, b) => a - b);
      const b = this.buckets.get(t);
      out.time.push(t / 1000);
      out.finished.push(known ? sum(minute, "finished") : null);
      out.failed.push(known ? sum(minute, "failed") : null);
      out.depth.push(b?.depth ?? null);
      out.running.push(b?.running ?? null);
      out.p50.push(quantile(times, 0.5));
      out.p95.push(quantile(times, 0.95));
    }
    return out;
  }

  // minute are the buckets of the minute that ends with the one at t.
  minute(t) {
    const list = [];
    for (let s = t - 50_000; s <= t; s += width) if (this.buckets.has(s)) list.push(this.buckets.get(s));
    return list;
  }
}

const sum = (buckets, name) => buckets.reduce((n, b) => n + b[name], 0);

function quantile(sorted, q) {
  if (sorted.length === 0) return null;
  return sorted[Math.min(sorted.length - 1, Math.ceil(q * sorted.length) - 1)];
}
