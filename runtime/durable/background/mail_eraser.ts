import { PosthornError } from "../../base/errors.ts";
import { slicesOf } from "../../base/slices_of.ts";
import type { ActorId } from "../../language/address.ts";
import { namedOperation, nameOf } from "../../messages/envelope.ts";
import type { Entry } from "../../ports/store.ts";
import { commitKnown, commitOne } from "../commits/commit_one.ts";
import { removalOf } from "../commits/write_set.ts";
import type { HostLookup, WritingServices } from "../delivery/message_writer.ts";
import type { Unhosted } from "../delivery/unhosted.ts";
import type { Membership } from "./membership.ts";
import {
  behindAll,
  indexed,
  indexPrefix,
  mailed,
  mailPrefix,
  mailsOfProtocol,
  protocolPrefix,
  unassigned,
  wholeIndexPrefix,
} from "../rows/keys.ts";
import { pages } from "../rows/pages.ts";
import { QueuedMessage } from "../rows/queued_message.ts";

/** Which messages are erased: those for the actors of a protocol, or for one of them. */
export interface MailOf {
  readonly protocol: string;
  readonly key?: string | undefined;
}

/** Who knows which actors are hosted, and which messages wait for others. */
export interface MailEraserParts {
  readonly localActors: HostLookup;
  readonly membership: Membership;
  readonly unhosted: Unhosted;
}

const pageMax = 100;

/**
 * Erases the messages that wait for actors that nobody hosts: nobody else would ever remove them. Each is removed at its
 * version, so that one which somebody handles meanwhile is handled or erased, and never both; and who waits for its reply is
 * told.
 */
export class MailEraser {
  readonly #services: WritingServices;
  readonly #parts: MailEraserParts;

  constructor(services: WritingServices, parts: MailEraserParts) {
    this.#services = services;
    this.#parts = parts;
  }

  /** Resolves with how many messages it has erased. */
  async erase(of: MailOf): Promise<number> {
    const { protocol, key } = of;
    const host = this.#hostOf(protocol);
    if (host !== undefined) {
      throw new PosthornError(
        "protocol-hosted",
        `Cannot erase the mail of ${protocol}: ${host} hosts its actors`,
      );
    }
    const { connection, traits } = this.#services.session;
    const prefix = key === undefined ? mailsOfProtocol(protocol) : mailPrefix({ protocol, key });
    let count = 0;
    for await (const rows of pages(connection, { prefix, limit: pageMax })) {
      for (const some of slicesOf(rows, traits.partsAtOnce)) {
        const erased = await Promise.all(some.map((row) => this.#eraseOne(row)));
        count += erased.filter((one) => one).length;
      }
    }
    await this.#tidy(of);
    this.#parts.unhosted.erased(of);
    return count;
  }

  /** Who hosts the actors of a protocol, in words; nothing if nobody does, as far as this process knows. */
  #hostOf(protocol: string): string | undefined {
    const { localActors, membership } = this.#parts;
    const hosting = localActors.hosting(protocol);
    if (hosting === "durable" || hosting === "transient") return "this system";
    return membership.hostedElsewhere(protocol) ? "another instance" : undefined;
  }

  /** Returns whether it was still there. */
  async #eraseOne(row: Entry): Promise<boolean> {
    const { session, writer, committedDelivery } = this.#services;
    const to = mailed(row.key);
    const { head } = QueuedMessage.of(row, mailPrefix(to));
    const writeSet = removalOf(row, row.value.length);
    const name = nameOf(namedOperation({ ...to, operation: head.operation }), to.key);
    writer.tellFailure(writeSet, to, head, { code: "mail-erased", message: `${name} was erased` });
    const version = await commitKnown(session, writeSet, `erasing ${name}`);
    if (version === undefined) return false;
    writeSet.land(committedDelivery, version, session.nextReadEpoch());
    return true;
  }

  /** Removes the index entries of the actors that have no messages any more: of no instance, and of ended ones. */
  async #tidy({ protocol, key }: MailOf): Promise<void> {
    const { session: { connection, instance: self } } = this.#services;
    for (let after = wholeIndexPrefix;;) {
      const [first] = await connection.list({ prefix: wholeIndexPrefix, after, limit: 1 });
      if (first === undefined) return;
      const { instance } = indexed(first.key);
      after = behindAll(indexPrefix(instance));
      if (instance !== unassigned && (instance === self || this.#parts.membership.lives(instance))) continue;
      for await (
        const rows of pages(connection, { prefix: protocolPrefix(instance, protocol), limit: pageMax })
      ) {
        const wanted = rows.filter((row) => key === undefined || indexed(row.key).key === key);
        await Promise.all(wanted.map((row) => this.#removeEntry(row)));
      }
    }
  }

  /** A message that is written meanwhile writes the entry again, and then it stays. */
  async #removeEntry({ key, version }: Entry): Promise<void> {
    const { session: { connection, committer } } = this.#services;
    const actor: ActorId = indexed(key);
    const [mail] = await connection.list({ prefix: mailPrefix(actor), limit: 1 });
    if (mail === undefined) await commitOne(committer, removalOf({ key, version }));
  }
}
