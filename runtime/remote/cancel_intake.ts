import { cancelledFailure } from "../activations/take_back.ts";
import type { WriteSet } from "../durable/commits/write_set.ts";
import { type AcceptanceMark, writeMark } from "../durable/delivery/acceptance.ts";
import type { OpenStore } from "../durable/open_store.ts";
import { mailPrefix } from "../durable/rows/keys.ts";
import { pages } from "../durable/rows/pages.ts";
import { type MessageHeader, QueuedMessage } from "../durable/rows/queued_message.ts";
import { readableHead } from "../durable/rows/readable_head.ts";
import type { Address } from "../language/address.ts";
import { Route } from "../messages/envelope.ts";
import { toldTo } from "../messages/failure_addresses.ts";
import { withdrawalOf } from "../messages/later.ts";
import { remoteAddress, type ReplyAddress } from "../messages/remote_address.ts";
import type { Entry } from "../ports/store.ts";
import type { Meaning } from "./meaning.ts";
import type { ReceivedMessage } from "./received_message.ts";

/** A message that takes back a request. */
export type CancelMeaning = Meaning & { readonly kind: "cancel" };

/** What is left of a request: its row, if it waits; or the key of its later, if it is answered later. */
export interface LeftOfRequest {
  readonly waiting?: Entry | undefined;
  readonly later?: string | undefined;
}

/** How many messages one list gives, and how many are looked through for one that has stepped aside. */
const listMax = 1_000;
const pagesMax = 100;

/**
 * Decides whether requests of other services are taken back, in the part that accepts the message which asks for it. The
 * mark of a request says where it waits. What was never seen gets its mark now, so that it never runs.
 */
export class CancelIntake {
  readonly #store: OpenStore;
  readonly #laterInMemory: (requestId: string, replyTo: Address) => Promise<string | undefined>;

  constructor(
    store: OpenStore,
    laterInMemory: (requestId: string, replyTo: Address) => Promise<string | undefined>,
  ) {
    this.#store = store;
    this.#laterInMemory = laterInMemory;
  }

  /** What is left of a request; `mark` is its mark. */
  async find(meaning: CancelMeaning, mark: Entry | undefined): Promise<LeftOfRequest> {
    if (mark === undefined) return {};
    const { to, requestId, returnTo } = meaning;
    if (this.#store.localActors.hosting(to.protocol) === "transient") {
      if (returnTo === undefined) return {};
      return { later: await this.#laterInMemory(requestId, remoteAddress(returnTo, "arrive")) };
    }
    const { mail, later } = readableHead<AcceptanceMark>(mark.value) ?? {};
    if (mail === undefined || returnTo === undefined) return { later };
    return { later, waiting: await this.#waiting(meaning, returnTo, mail) };
  }

  /** The row of a request, which was at `key` at first. */
  async #waiting(
    { to, requestId }: CancelMeaning,
    returnTo: ReplyAddress,
    key: string,
  ): Promise<Entry | undefined> {
    const { session: { connection }, localActors } = this.#store;
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
    { mark, known, left: { waiting, later }, untilMs }: {
      readonly mark: Entry | undefined;
      /** Whether the mark says that the request was accepted. */
      readonly known: boolean;
      readonly left: LeftOfRequest;
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
      if (later === undefined) return;
      const { to: keeper, operation } = withdrawalOf(later);
      return writer.post(one, keeper, new Route(operation), undefined);
    }
    const mail = QueuedMessage.of(waiting, mailPrefix(to));
    const { head, head: { failTo } } = mail;
    const failure = cancellations.takeOut(one, to, mail);
    if (failTo !== undefined) {
      writer.answer(one, failTo, toldTo(failTo, { ...failure, outcome: "cancelled" }), head);
    }
  }
}
