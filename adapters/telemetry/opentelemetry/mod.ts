/**
 * Traces and metrics by OpenTelemetry: a span for each message that is sent and for each turn, over restarts and from
 * process to process.
 *
 * @module
 */
export { openTelemetry, type OpenTelemetryOptions } from "./open_telemetry.ts";
export type { AddedHeaders, GoOn, Inspectable, Interceptor } from "../../../runtime/ports/interceptor.ts";
