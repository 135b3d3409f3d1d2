// Numbers and times as people read them.

const whole = new Intl.NumberFormat("en");

export const count = (n) => whole.format(n);

// size is a number of bytes in three digits or so.
export function size(bytes) {
  if (bytes === null || bytes === undefined) return "";
  let unit = 0;
  while (bytes >= 999.5 && unit < units.length - 1) { bytes /= 1000; unit++; }
  return `${unit === 0 || bytes >= 99.5 ? Math.round(bytes) : bytes.toFixed(1)} ${units[unit]}`;
}
const units = ["B", "kB", "MB", "GB", "TB", "PB"];

// span is a duration given in milliseconds.
export function span(ms) {
  if (ms === null || ms === undefined || Number.isNaN(ms)) return "–";
  if (ms < 1) return "0 ms";
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 9950) return `${(ms / 1000).toFixed(1)} s`;
  if (ms < 99500) return `${Math.round(ms / 1000)} s`;
  if (ms < 5_970_000) return `${Math.round(ms / 60_000)} min`;
  if (ms < 170_000_000) return `${Math.round(ms / 3_600_000)} h`;
  return `${Math.round(ms / 86_400_000)} days`;
}

// ago is how long a time lies back.
export function ago(time) {
  const ms = Date.now() - Date.parse(time);
  return ms < 1500 ? "just now" : `${span(ms)} ago`;
}

export const clock = (time) => new Date(time).toLocaleTimeString("en-GB");

export const moment = (time) => new Date(time).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "medium" });

// kind is a media type as people call the format.
export const kind = (type) => (type ?? "").replace(/^image\//, "").replace(/\+xml$/, "").toUpperCase();

export const pixels = (thing) => `${thing.width} × ${thing.height}`;

// brief is the part of an id in which two of the same second differ.
export const brief = (id) => id.slice(-8);

export const plural = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;

// share is a part of a whole in percent.
export function share(part, all) {
  const percent = (100 * part) / all;
  const close = (percent > 0 && percent < 10) || (percent > 99 && percent < 100);
  return `${close ? percent.toFixed(1) : Math.round(percent)} %`;
}
