import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import * as faults from './faults.js';
import * as reading from './reading.js';
import * as tokens from './tokens.js';
import * as uploads from './uploads.js';
import { world, type Scenario } from './world.js';

const plays: Record<string, (s: Scenario) => Promise<void>> = {
  'upload-and-wait': uploads.uploadAndWait,
  progress: uploads.progress,
  stream: uploads.stream,
  fields: uploads.fields,
  presets: uploads.presets,
  'not-an-image': uploads.refusedUpload,
  'cut-off': uploads.refusedUpload,
  'bad-transform': uploads.refusedUpload,
  'bad-parameter': reading.badParameter,
  'not-found': reading.notFound,
  'same-key': uploads.sameKey,
  'key-taken': uploads.keyTaken,
  pages: reading.pages,
  patch: reading.patch,
  lookup: reading.lookup,
  'more-variants': reading.moreVariants,
  original: uploads.original,
  trail: reading.trail,
  stats: reading.stats,
  'failed-job': uploads.failedJob,
  cancel: uploads.cancel,
  delete: reading.remove,
  'without-token': tokens.withoutToken,
  'without-scope': tokens.withoutScope,
  'with-token': tokens.withToken,
  'signed-link': tokens.signedLink,
  'too-often': faults.tooOften,
  'too-long-a-wait': faults.tooLongAWait,
  busy: faults.busy,
  'lost-answer': faults.lostAnswer,
  'lost-stream': faults.lostStream,
  'nobody-there': faults.nobodyThere,
  'given-up': faults.givenUp,
};

const list = JSON.parse(readFileSync(world.Scenarios, 'utf8')) as Scenario[];

describe('scenarios', { concurrency: 8 }, () => {
  for (const s of list) {
    it(`scenario: ${s.name}`, async () => {
      const play = plays[s.name];
      assert.ok(play, `nothing here shows that ${s.says}`);
      await play(s);
    });
  }
});

it('every play stands in the list', () => {
  assert.deepEqual(Object.keys(plays).filter((name) => !list.some((s) => s.name === name)), []);
});
