import { unique } from './names.js';
import { BodySpent } from './retry.js';

type Chunks = AsyncIterable<Uint8Array> | ReadableStream<Uint8Array>;

/**
 * What can be uploaded. A Blob, a File, bytes, and a function that opens a stream anew
 * can be sent again after a failure; a stream only if its first byte was not taken.
 */
export type Source = Blob | ArrayBuffer | Uint8Array | Chunks | (() => Chunks);

/** The most bytes between two times that progress is told. */
const step = 65_536;

/** A multipart body whose last part is the file, read as it is sent. */
export class Form {
  readonly contentType: string;
  /** Of the file; undefined if nobody knows. */
  readonly size: number | undefined;
  private blob: Blob | undefined;
  private readonly head: Uint8Array;
  private readonly tail: Uint8Array;
  private began = false;

  constructor(
    private readonly source: Source,
    filename: string,
    fields: Record<string, string | undefined>,
    private readonly told: (sent: number) => void,
  ) {
    const boundary = `imgd-${unique()}`;
    this.contentType = `multipart/form-data; boundary=${boundary}`;
    let head = '';
    for (const [name, value] of Object.entries(fields)) {
      if (value !== undefined) head += `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
    }
    head += `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="${quoted(filename)}"\r\nContent-Type: application/octet-stream\r\n\r\n`;
    this.head = new TextEncoder().encode(head);
    this.tail = new TextEncoder().encode(`\r\n--${boundary}--\r\n`);
    if (source instanceof Blob) this.blob = source;
    else if (source instanceof ArrayBuffer || source instanceof Uint8Array) this.blob = new Blob([source as BlobPart]);
    this.size = this.blob?.size;
  }

  /** How many bytes of the body come before the file. */
  get before(): number {
    return this.head.length;
  }

  /** Of all of it; undefined if nobody knows. */
  get length(): number | undefined {
    return this.size === undefined ? undefined : this.head.length + this.size + this.tail.length;
  }

  /** All of it at once, for what cannot send a stream; a stream is gathered. */
  async whole(): Promise<Blob> {
    if (!this.blob) {
      const parts: BlobPart[] = [];
      for await (const chunk of this.chunks()) parts.push(chunk as BlobPart);
      this.blob = new Blob(parts);
    }
    return new Blob([this.head as BlobPart, this.blob, this.tail as BlobPart]);
  }

  /** It from its beginning, telling how much of the file was taken. */
  stream(cause: unknown): ReadableStream<Uint8Array> {
    if (this.spent) throw new BodySpent(cause);
    const chunks = this.body();
    return new ReadableStream(
      {
        async pull(to) {
          const { done, value } = await chunks.next();
          if (done) to.close();
          else to.enqueue(value);
        },
        async cancel() {
          await chunks.return(undefined);
        },
      },
      { highWaterMark: 0 },
    );
  }

  private get spent(): boolean {
    return this.began && !this.blob && typeof this.source !== 'function';
  }

  private async *body(): AsyncGenerator<Uint8Array, void, undefined> {
    yield this.head;
    let sent = 0;
    for await (const chunk of this.chunks()) {
      this.began = true;
      for (let at = 0; at < chunk.length; at += step) {
        const piece = chunk.subarray(at, at + step);
        yield piece;
        this.told((sent += piece.length));
      }
    }
    yield this.tail;
  }

  private chunks(): AsyncIterable<Uint8Array> {
    if (this.blob) return iterate(this.blob.stream() as ReadableStream<Uint8Array>);
    const chunks = (typeof this.source === 'function' ? this.source() : this.source) as Chunks;
    return chunks instanceof ReadableStream ? iterate(chunks) : chunks;
  }
}

/** Not every browser lets a stream be iterated. */
async function* iterate(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = stream.getReader();
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) yield read.value;
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

/** As browsers write names of files in forms. */
function quoted(name: string): string {
  return name.replace(/\r\n|\r|\n/g, '%0D%0A').replace(/"/g, '%22');
}
