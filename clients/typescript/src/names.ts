/** A name that nobody else has. Node 18, and pages that came over plain http, have no randomUUID. */
export function unique(): string {
  const own = globalThis.crypto?.randomUUID?.();
  if (own) return own;
  return Array.from({ length: 4 }, () => Math.random().toString(36).slice(2).padEnd(11, '0')).join('');
}
