/**
 * The transport over HTTP: services that send to each other without a broker.
 *
 * @module
 */

export { type HttpTransport, httpTransport } from "./http_transport.ts";
export type { HttpKey, HttpService, HttpTransportOptions } from "./options.ts";
