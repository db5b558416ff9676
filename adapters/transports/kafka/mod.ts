/**
 * Services that speak to each other over Apache Kafka.
 *
 * @module
 */

export { kafka } from "./kafka.ts";
export type { KafkaOptions, KafkaSasl, KafkaTls } from "./options.ts";
