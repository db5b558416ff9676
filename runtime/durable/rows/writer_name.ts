const ofTransaction = "transaction-";

/** The name under which a transaction of a user writes messages, where an instance has its own. */
export function transactionName(ulid: string): string {
  return ofTransaction + ulid;
}

/** Whether a transaction of a user wrote a message, and no instance. */
export function isTransaction(via: string): boolean {
  return via.startsWith(ofTransaction);
}

/** A name for one attempt of an instance to commit. */
export function attemptName(instance: string, number: number): string {
  return `${instance}-${number.toString(36)}`;
}

/** The instance that gave such a name. Throws if it is none. */
export function instanceIn(attempt: string): string {
  const end = attempt.lastIndexOf("-");
  if (end < 1) throw new TypeError("it names no instance");
  return attempt.slice(0, end);
}
