/**
 * Services over Apache Kafka.
 *
 * @module
 */

export { kafka, type KafkaTransport } from "./kafka.ts";
export type { KafkaOptions, KafkaSasl, KafkaTls } from "./options.ts";
export type { KafkaReplay } from "./replay.ts";
