/**
 * The transport port, for whoever writes an adapter of a broker: it implements `Transport`, takes its `engine` from here,
 * and is tested with `transportConformance` of `@posthorn/posthorn/testing/conformance`.
 *
 * @module
 */

export { PosthornError } from "../../runtime/base/errors.ts";
export type { Cancel, Clock } from "../../runtime/base/clock.ts";
export type { Random } from "../../runtime/base/random.ts";
export type {
  Mode,
  NamedProtocol,
  Operation,
  OperationTypes,
  ProtocolInfo,
} from "../../runtime/language/protocol.ts";
export { transportEngine } from "../../runtime/remote/engine.ts";
export type { Schema } from "../../runtime/language/schema.ts";
export type {
  Channel,
  Delivery,
  Destination,
  InboxOperation,
  Parcel,
  Receiver,
  Refusal,
  Rejection,
  ReturnChannel,
  Tenure,
  Transport,
  TransportConnection,
  TransportEngine,
  TransportServices,
  TransportState,
  TransportTraits,
} from "../../runtime/ports/transport.ts";
