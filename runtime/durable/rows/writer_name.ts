const ofTransaction = "transaction-";

/** The name under which a transaction of a user writes messages, where an instance has its own. */
export function transactionName(ulid: string): string {
  return ofTransaction + ulid;
}

/** Whether a transaction of a user wrote a message, and no instance. */
export function isTransaction(via: string): boolean {
  return via.startsWith(ofTransaction);
}
