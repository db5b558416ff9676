import type { Bytes, RawRequest } from "./kafkajs_parts.ts";
import { KafkaError } from "./kafka_error.ts";
import type { Topic } from "./link.ts";

const apiKey = 3;
const apiVersion = 12;
const unknownTopic = 3;
const failures: Readonly<Record<number, string>> = {
  5: "LEADER_NOT_AVAILABLE",
  17: "INVALID_TOPIC_EXCEPTION",
  29: "TOPIC_AUTHORIZATION_FAILED",
};

/**
 * Asks for topics with their ids, which kafkajs does not: its newest version of that request is 6, and ids came with 10.
 * No topic is made by being asked for.
 */
export function metadataRequest(
  names: readonly string[],
  bytesFor: Bytes,
): RawRequest<ReadonlyMap<string, Topic>> {
  return {
    request: {
      apiKey,
      apiVersion,
      apiName: "Metadata",
      encode: () => {
        const bytes = bytesFor(body(names));
        return Promise.resolve({ buf: bytes, buffer: bytes });
      },
    },
    response: {
      decode: (raw) => Promise.resolve({ raw, clientSideThrottleTime: 0 }),
      parse: ({ raw }) => Promise.resolve(topicsIn(new Reader(raw))),
    },
  };
}

/** The body, with the end of the request's header before it: a header of that version has tags at its end. */
function body(names: readonly string[]): Uint8Array {
  const bytes: number[] = [0];
  writeLength(bytes, names.length);
  for (const name of names) {
    for (let at = 0; at < 16; at++) bytes.push(0); // no id: by name
    const text = new TextEncoder().encode(name);
    writeLength(bytes, text.length);
    bytes.push(...text, 0);
  }
  bytes.push(0, 0, 0); // no topic is to be made, no authorizations, no tags
  return Uint8Array.from(bytes);
}

function writeLength(bytes: number[], length: number): void {
  let rest = length + 1;
  for (; rest > 0x7f; rest >>>= 7) bytes.push(rest & 0x7f | 0x80);
  bytes.push(rest);
}

function topicsIn(read: Reader): ReadonlyMap<string, Topic> {
  read.tags();
  read.int32();
  read.list(() => {
    read.int32();
    read.text();
    read.int32();
    read.text();
    read.tags();
  });
  read.text();
  read.int32();
  const topics = new Map<string, Topic>();
  read.list(() => {
    const error = read.int16();
    const name = read.text();
    const id = read.hex(16);
    read.skip(1);
    const leaders: number[] = [];
    read.list(() => {
      read.int16();
      const partition = read.int32();
      leaders[partition] = read.int32();
      read.int32();
      for (let lists = 0; lists < 3; lists++) read.list(() => read.int32());
      read.tags();
    });
    read.int32();
    read.tags();
    if (error === unknownTopic) return;
    if (error !== 0 && leaders.length === 0) {
      throw new KafkaError(
        failures[error] ?? `ERROR_${error}`,
        `Kafka does not say what the topic ${name} is`,
      );
    }
    topics.set(name, { id, leaders });
  });
  return topics;
}

/** Reads the compact form of Kafka's protocol. */
class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  skip(bytes: number): void {
    this.#at += bytes;
  }

  int16(): number {
    this.skip(2);
    return this.#view.getInt16(this.#at - 2);
  }

  int32(): number {
    this.skip(4);
    return this.#view.getInt32(this.#at - 4);
  }

  hex(bytes: number): string {
    this.skip(bytes);
    const found = this.#bytes.subarray(this.#at - bytes, this.#at);
    return Array.from(found, (byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  text(): string {
    const bytes = Math.max(0, this.#number() - 1); // 0 is null
    this.skip(bytes);
    return new TextDecoder().decode(this.#bytes.subarray(this.#at - bytes, this.#at));
  }

  list(item: () => void): void {
    for (let rest = this.#number() - 1; rest > 0; rest--) item();
  }

  tags(): void {
    for (let rest = this.#number(); rest > 0; rest--) {
      this.#number();
      this.skip(this.#number());
    }
  }

  #number(): number {
    let value = 0;
    for (let shift = 0;; shift += 7) {
      const byte = this.#view.getUint8(this.#at++);
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  }
}
