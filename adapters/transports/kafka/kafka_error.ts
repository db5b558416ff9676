/**
 * A failure of Kafka or of the way to it. `code` is the name that Kafka's protocol gives to it, or `CONNECTION`,
 * `AUTHENTICATION`, `UNSUPPORTED` or `CLOSED`.
 */
export class KafkaError extends Error {
  override readonly name = "KafkaError";
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** The code of an error; empty if it is not one of Kafka. */
export function codeOf(error: unknown): string {
  return error instanceof KafkaError ? error.code : "";
}

/** Whether the cluster does not let this program in, or not to this topic or group. */
export function isForbidden(error: unknown): boolean {
  return /^(AUTHENTICATION|SASL_.*|.*_AUTHORIZATION_FAILED)$/.test(codeOf(error));
}

/** Whether no record of that size can be written. */
export function isTooLarge(error: unknown): boolean {
  return ["MESSAGE_TOO_LARGE", "RECORD_LIST_TOO_LARGE"].includes(codeOf(error));
}

/** Whether the group has given what this member read to somebody else, or does not know the member. */
export function isExpelled(error: unknown): boolean {
  return ["UNKNOWN_MEMBER_ID", "ILLEGAL_GENERATION", "FENCED_INSTANCE_ID"].includes(codeOf(error));
}
