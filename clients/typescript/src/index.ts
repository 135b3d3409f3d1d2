export { Client, JobFailed, ok } from './client.js';
export type { Image, Job, Options, Progress, Upload, Variant } from './client.js';
export type { Source } from './form.js';
export { Problem } from './problem.js';
export { BodySpent } from './retry.js';
export type { Patience } from './retry.js';
export type { components, operations, paths } from './schema.js';
export { slugs } from './slugs.gen.js';
export type { Slug } from './slugs.gen.js';
