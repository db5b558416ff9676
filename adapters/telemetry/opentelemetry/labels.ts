import type { Attributes } from "@opentelemetry/api";
import type { InspectedMessage } from "../../../runtime/ports/inspection.ts";

/** The names and attributes that all messages of an operation share. */
export interface OperationLabels {
  /** The names of its spans. */
  readonly sendName: string;
  readonly processName: string;
  readonly sending: Attributes;
  readonly processing: Attributes;
}

/** The most operations that are told apart: names may come from outside, with a dead letter. */
const operationsMax = 1_000;

/** The labels of each operation. */
export class Labels {
  readonly #protocols = new Map<string, Map<string, OperationLabels>>();
  readonly #others = labelsOf("other");
  #count = 0;

  of({ protocol, operation }: Pick<InspectedMessage, "protocol" | "operation">): OperationLabels {
    return this.#protocols.get(protocol)?.get(operation) ?? this.#new(protocol, operation);
  }

  #new(protocol: string, operation: string): OperationLabels {
    if (this.#count === operationsMax) return this.#others;
    this.#count++;
    const operations = this.#protocols.get(protocol) ?? new Map<string, OperationLabels>();
    const labels = labelsOf(`${protocol}.${operation}`);
    this.#protocols.set(protocol, operations.set(operation, labels));
    return labels;
  }
}

/** What is told of one message besides. */
export function attributesOf(message: InspectedMessage, shared: Attributes): Attributes {
  const { protocol, key, id, correlationId, causationId, mode, attempts } = message;
  return {
    ...shared,
    "messaging.destination.name": key === ""
      ? shared["messaging.destination.template"]
      : `${protocol}/${key}`,
    "messaging.message.id": id,
    "messaging.message.conversation_id": correlationId,
    "messaging.posthorn.mode": mode,
    ...causationId !== undefined && { "messaging.posthorn.causation_id": causationId },
    ...attempts > 0 && { "messaging.posthorn.attempt": attempts },
  };
}

function labelsOf(template: string): OperationLabels {
  const attributes = (type: string) => ({
    "messaging.system": "posthorn",
    "messaging.operation.name": type,
    "messaging.operation.type": type,
    "messaging.destination.template": template,
  });
  return {
    sendName: `send ${template}`,
    processName: `process ${template}`,
    sending: attributes("send"),
    processing: attributes("process"),
  };
}
