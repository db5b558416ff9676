import type { Mode, Operation } from "../language/protocol.ts";
import type { MessageId, Route } from "../messages/envelope.ts";
import type { Ids } from "../messages/ids.ts";
import type { InspectedMessage } from "./inspection.ts";

/**
 * A message as listeners and interceptors see it. Most of them read little of it, so the texts of its ids are made when
 * they are read.
 */
export class MessageView implements InspectedMessage {
  readonly protocol: string;
  readonly key: string;
  readonly operation: string;
  readonly mode: Mode;
  readonly attempts: number;
  readonly headers: Readonly<Record<string, string>> | undefined;
  readonly acceptedMs: number | undefined;
  readonly stands: number;
  readonly #ids: Ids;
  readonly #id: MessageId;
  readonly #causationId: MessageId | undefined;
  readonly #correlationId: MessageId;

  constructor(
    ids: Ids,
    operation: Operation,
    key: string,
    id: MessageId,
    route: Route,
    attempts: number,
    acceptedMs: number | undefined,
    stands = 1,
  ) {
    this.protocol = operation.protocol;
    this.key = key;
    this.operation = operation.name;
    this.mode = operation.mode;
    this.attempts = attempts;
    const headers = route.extras === undefined ? undefined : route.extras.headers;
    this.headers = headers === undefined ? undefined : Object.freeze(headers); // those of a row are plain data
    this.acceptedMs = acceptedMs;
    this.stands = stands;
    this.#ids = ids;
    this.#id = id;
    this.#causationId = route.causationId;
    this.#correlationId = route.correlationId ?? id;
  }

  get id(): string {
    return this.#ids.text(this.#id);
  }

  get causationId(): string | undefined {
    return this.#causationId === undefined ? undefined : this.#ids.text(this.#causationId);
  }

  get correlationId(): string {
    return this.#ids.text(this.#correlationId);
  }

  /** The same message as one that stands for many. */
  standing(stands: number): InspectedMessage {
    return { ...this.toJSON(), stands };
  }

  toJSON(): InspectedMessage {
    const { id, causationId, correlationId } = this;
    return { ...this, id, causationId, correlationId };
  }
}
