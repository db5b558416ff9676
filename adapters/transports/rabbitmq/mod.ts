/**
 * Services over RabbitMQ.
 *
 * @module
 */

export { rabbitmq } from "./rabbitmq.ts";
export type { RabbitmqOptions, RabbitmqTls } from "./options.ts";
