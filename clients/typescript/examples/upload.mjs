// Sends a picture to an imgd, tells how far it is, and prints where its variants are:
//
//   node examples/upload.mjs http://127.0.0.1:8080 picture.jpg
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { Client, JobFailed, Problem } from 'imgd-client';

const [url, name] = process.argv.slice(2);
if (!url || !name) {
  console.error('usage: upload.mjs URL FILE');
  process.exit(2);
}

const client = new Client(url, { token: () => process.env.IMGD_TOKEN ?? '' });
try {
  const image = await client.uploadAndWait(new Blob([await readFile(name)]), {
    filename: basename(name),
    variants: { square: 'w=200,h=200,fit=cover,fmt=webp', wide: 'w=800,fmt=webp' },
    onProgress: ({ sent, total, state }) => console.error(`${sent} of ${total} bytes ${state ?? ''}`),
    signal: AbortSignal.timeout(120_000),
  });
  for (const v of image.variants) console.log(`${v.name} ${v.width}x${v.height} ${v.url}`);
} catch (e) {
  if (e instanceof Problem && e.slug === 'unsupported-media-type') console.error('That is no picture. Send a JPEG, PNG, WebP or the like.');
  else if (e instanceof Problem) console.error(`${e.detail}; see ${e.type}`);
  else if (e instanceof JobFailed) console.error(e.message);
  else throw e;
  process.exitCode = 1;
}
