/**
 * Services that speak to each other over Apache Kafka.
 *
 * @module
 */

export { kafka, type KafkaTransport } from "./kafka.ts";
export type { KafkaReplay } from "./replay.ts";
export type { KafkaOptions, KafkaSasl, KafkaTls } from "./options.ts";
