import { crc32c } from "./crc32c.ts";
import { KafkaError } from "./kafka_error.ts";
import type { Bytes, RawRequest } from "./kafkajs_parts.ts";
import type { KafkaRecord, ProducerIdentity, RecordBatch } from "./link.ts";
import { WireWriter } from "./wire_writer.ts";

const apiKey = 0;
const apiVersion = 7;
/** All replicas that are in step must have the records. */
const acks = -1;
/** The version of record batches. */
const magic = 2;
/** The bytes of a length. */
const lengthBytes = 4;
/** What the answer has for each partition: its number, an error, an offset, a time, and the first offset. */
const partitionBytes = 30;
const errors: Readonly<Record<number, string>> = {
  2: "CORRUPT_MESSAGE",
  3: "UNKNOWN_TOPIC_OR_PARTITION",
  5: "LEADER_NOT_AVAILABLE",
  6: "NOT_LEADER_FOR_PARTITION",
  7: "REQUEST_TIMED_OUT",
  10: "MESSAGE_TOO_LARGE",
  17: "INVALID_TOPIC_EXCEPTION",
  18: "RECORD_LIST_TOO_LARGE",
  19: "NOT_ENOUGH_REPLICAS",
  20: "NOT_ENOUGH_REPLICAS_AFTER_APPEND",
  29: "TOPIC_AUTHORIZATION_FAILED",
  31: "CLUSTER_AUTHORIZATION_FAILED",
  32: "INVALID_TIMESTAMP",
  45: "OUT_OF_ORDER_SEQUENCE_NUMBER",
  46: "DUPLICATE_SEQUENCE_NUMBER",
  47: "INVALID_PRODUCER_EPOCH",
  53: "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
  56: "KAFKA_STORAGE_ERROR",
  59: "UNKNOWN_PRODUCER_ID",
  87: "INVALID_RECORD",
  90: "PRODUCER_FENCED",
};

/** What is written, and how long the broker may take. */
export interface Production {
  readonly producer: ProducerIdentity;
  readonly topic: string;
  readonly batches: readonly RecordBatch[];
  readonly timeoutMs: number;
}

/**
 * Writes batches of records. kafkajs has this request too, but makes several byte arrays for each number and text of a
 * record, which takes many times longer.
 */
export function produceRequest(production: Production, bytesFor: Bytes): RawRequest<void> {
  return {
    request: {
      apiKey,
      apiVersion,
      apiName: "Produce",
      encode: () => {
        const bytes = bytesFor(bodyOf(production));
        return Promise.resolve({ buf: bytes, buffer: bytes });
      },
    },
    response: {
      decode: (raw) => Promise.resolve({ raw, clientSideThrottleTime: throttleMsOf(raw) }),
      parse: ({ raw }) => {
        const fault = faultIn(raw, production.topic);
        return fault === undefined ? Promise.resolve() : Promise.reject(fault);
      },
    },
  };
}

/** The body of the request. */
export function bodyOf({ producer, topic, batches, timeoutMs }: Production): Uint8Array {
  const writer = new WireWriter();
  const scratch = new WireWriter();
  writer.int16(-1); // no transaction
  writer.int16(acks);
  writer.int32(timeoutMs);
  writer.int32(1);
  writer.text(topic);
  writer.int32(batches.length);
  for (const batch of batches) {
    writer.int32(batch.partition);
    const from = writer.length;
    writer.int32(0);
    writeBatch(writer, scratch, batch, producer);
    writer.int32At(from, writer.length - from - lengthBytes);
  }
  return writer.written();
}

function writeBatch(
  writer: WireWriter,
  scratch: WireWriter,
  { sequence, atMs, records }: RecordBatch,
  { id, epoch }: ProducerIdentity,
): void {
  writer.int64(0n); // the broker says the offset
  const length = writer.length;
  writer.int32(0);
  writer.int32(0); // an epoch of its leader, which the broker knows
  writer.int8(magic);
  const checksum = writer.length;
  writer.int32(0);
  const checked = writer.length;
  writer.int16(0); // neither compressed nor in a transaction
  writer.int32(records.length - 1);
  writer.int64(BigInt(Math.floor(atMs)));
  writer.int64(BigInt(Math.floor(atMs)));
  writer.int64(BigInt(id));
  writer.int16(epoch);
  writer.int32(sequence);
  writer.int32(records.length);
  for (const [index, record] of records.entries()) {
    scratch.clear();
    writeRecord(scratch, record, index);
    writer.varBytes(scratch.written());
  }
  writer.int32At(length, writer.length - length - lengthBytes);
  writer.int32At(checksum, crc32c(writer.written(checked)));
}

function writeRecord(writer: WireWriter, { key, value, headers }: KafkaRecord, index: number): void {
  writer.int8(0);
  writer.varint(0); // its time is that of the batch
  writer.varint(index);
  writer.varBytes(key);
  writer.varBytes(value);
  const names = Object.keys(headers);
  writer.varint(names.length);
  for (const name of names) {
    const of = headers[name];
    writer.varText(name);
    if (typeof of === "string") writer.varText(of);
    else writer.varBytes(of);
  }
}

/** The broker may ask to wait: that is the last number of its answer. */
function throttleMsOf(raw: Uint8Array): number {
  return viewOf(raw).getInt32(raw.length - 4);
}

/** The first failure of a partition in an answer. */
function faultIn(raw: Uint8Array, topic: string): KafkaError | undefined {
  const view = viewOf(raw);
  let at = 6 + view.getInt16(4); // behind the number of topics, which is one, and its name
  let partitions = view.getInt32(at);
  for (at += 4; partitions > 0; partitions--, at += partitionBytes) {
    const code = view.getInt16(at + 4);
    if (code === 0) continue;
    const name = errors[code] ?? `ERROR_${code}`;
    return new KafkaError(
      name,
      `Kafka does not write to partition ${view.getInt32(at)} of ${topic}: ${name}`,
    );
  }
  return undefined;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
