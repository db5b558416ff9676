import { cancelledFailure } from "../activations/take_back.ts";
import type { WriteSet } from "../durable/commits/write_set.ts";
import { type AcceptanceMark, writeMark } from "../durable/delivery/acceptance.ts";
import type { OpenStore } from "../durable/open_store.ts";
import { mailPrefix } from "../durable/rows/keys.ts";
import { pages } from "../durable/rows/pages.ts";
import { type MessageHeader, QueuedMessage } from "../durable/rows/queued_message.ts";
import { readableHead } from "../durable/rows/readable_head.ts";
import { Route } from "../messages/envelope.ts";
import { toldTo } from "../messages/failure_addresses.ts";
import { laterAddress, LaterReply } from "../messages/later.ts";
import { remoteAddress } from "../messages/remote_address.ts";
import type { Entry } from "../ports/store.ts";
import type { Meaning } from "./meaning.ts";
import type { ReceivedMessage } from "./received_message.ts";

/** A message that takes back a request. */
export type CancelMeaning = Meaning & { readonly kind: "cancel" };

/** How many messages one list gives, and how many are looked through for one that has stepped aside. */
const listMax = 1_000;
const pagesMax = 100;

/**
 * Decides whether requests of other services are taken back, in the part that accepts the message which asks for it. The
 * mark of a request says where it waits. What was never seen gets its mark now, so that it never runs.
 */
export class CancelIntake {
  readonly #store: OpenStore;

  constructor(store: OpenStore) {
    this.#store = store;
  }

  /** The row of a request that still waits; `mark` is its mark. */
  async find(
    { to, requestId, returnTo }: CancelMeaning,
    mark: Entry | undefined,
  ): Promise<Entry | undefined> {
    const { session: { connection }, localActors } = this.#store;
    const key = mark && readableHead<AcceptanceMark>(mark.value)?.mail;
    if (key === undefined || returnTo === undefined) return undefined;
    const [mail] = await connection.read([key]);
    if (mail !== undefined) return mail;
    if (localActors.hosts.get(to.protocol)?.actor.retry.order !== "aside") return undefined; // it never moves
    const reply = remoteAddress(returnTo, "arrive").key;
    let left = pagesMax;
    for await (const rows of pages(connection, { prefix: mailPrefix(to), limit: listMax })) {
      const found = rows.find(({ value }) => {
        const head = readableHead<MessageHeader>(value);
        return head?.id === requestId && head.replyTo?.key === reply;
      });
      if (found !== undefined || --left === 0) return found;
    }
    return undefined;
  }

  /** Adds to a part that a request is taken back. If it is over, its reply was sent, and nothing is to do. */
  take(
    one: WriteSet,
    { id: token }: ReceivedMessage,
    { to, request, operation, requestId, returnTo }: CancelMeaning,
    { mark, known, waiting, untilMs }: {
      readonly mark: Entry | undefined;
      /** Whether the mark says that the request was accepted. */
      readonly known: boolean;
      readonly waiting: Entry | undefined;
      readonly untilMs: number | undefined;
    },
  ): void {
    const { writer, cancellations, session } = this.#store;
    if (!known) {
      session.probes?.reach("a request is taken back before it comes");
      writeMark(one, request, { token, fingerprint: "", untilMs }, mark);
      if (returnTo === undefined) return;
      const failure = cancelledFailure(requestId, `${to.protocol}/${to.key} ${operation}`);
      return writer.answer(one, remoteAddress(returnTo, "refuse"), { ...failure, outcome: "cancelled" }, {
        id: requestId,
        operation,
        via: "",
      });
    }
    if (waiting === undefined) {
      const later = mark && readableHead<AcceptanceMark>(mark.value)?.later;
      if (later === undefined) return;
      const { protocol, key } = laterAddress(later, "open");
      return writer.post(one, { protocol, key }, new Route(LaterReply.withdraw), undefined);
    }
    const mail = QueuedMessage.of(waiting, mailPrefix(to));
    const { head, head: { failTo } } = mail;
    const failure = cancellations.takeOut(one, to, mail);
    if (failTo !== undefined) {
      writer.answer(one, failTo, toldTo(failTo, { ...failure, outcome: "cancelled" }), head);
    }
  }
}
