import { messageOf, TerminalError } from "../../runtime/base/errors.ts";
import { codeOf } from "../../runtime/base/thrown.ts";
import { actor } from "../../runtime/language/actor.ts";
import type { Context } from "../../runtime/language/context.ts";
import { matchesSubject } from "../../runtime/language/subject.ts";
import { type Publication, subscribersMax, Topic } from "../../runtime/messages/builtin_protocols.ts";
import { isReplyTarget, type Route } from "../../runtime/messages/envelope.ts";
import { askedOf } from "../../runtime/messages/respondents.ts";
import type { Turn } from "../../runtime/turns/turn.ts";
import { Listener } from "./listener.ts";
import { Subscriber, Subscribers } from "./subscribers.ts";

/** The actor of one event or survey: it keeps the subscribers, and sends each publication to them. */
export const topicActor = actor(Topic, {
  // Handlers change the state in place: with a copy for each, the cost of subscriptions would grow with their square. No
  // handler can fail after it has changed the state, so a failed turn still leaves no change.
  state: (): Subscribers => new Subscribers(),
  on: {
    publish(ctx, publication) {
      const turn = ctx as unknown as Turn;
      const { value, subject } = checked(publication);
      const { operation, payload } = publication;
      const { replyTo: target, deadline } = turn.route;
      const replyTo = isReplyTarget(target) ? target.replyTo : target;
      let asked = publication.asked;
      const tokens = subject.split(".");
      let route: Route | undefined; // most subscribers have the operation of the one before
      for (const subscriber of subscribersOf(ctx).list()) {
        const { operation: hearing, pattern } = subscriber;
        if (pattern !== undefined && !matchesSubject(pattern, tokens)) continue;
        const checked = hearing.payload === operation.payload;
        if (route?.operation !== hearing) {
          const input = checked && !hearing.unchecked ? { payload } : undefined;
          route = turn.routeOf(hearing, { replyTo, deadline, input });
        }
        asked++;
        turn.postNow(subscriber, route, hearing === Listener.hear ? publication : checked ? value : payload);
      }
      const counter = replyTo && askedOf(replyTo);
      if (counter !== undefined) turn.send(counter, turn.actor.services.delivery.operationAt(counter), asked);
    },
    subscribe(ctx, { to, subject, token }) {
      const subscribers = subscribersOf(ctx);
      if (subscribers.size >= subscribersMax && !subscribers.has(to)) {
        throw new TerminalError(
          `Cannot subscribe to ${ctx.key}: it has ${subscribers.size} of ${subscribersMax} subscribers`,
          { code: "too-many-subscribers" },
        );
      }
      const operation = to.protocol === Listener.hear.protocol
        ? Listener.hear
        : (ctx as unknown as Turn).actor.services.delivery.operationAt(to);
      subscribers.set(new Subscriber(to, operation, token, subject));
      ctx.state = subscribers;
    },
    unsubscribe(ctx, { to, token }) {
      subscribersOf(ctx).delete(to, token); // if the address has subscribed again, this subscription is already over
      if (to.protocol !== Listener.close.protocol) return;
      const turn = ctx as unknown as Turn;
      turn.send(to, Listener.close, undefined); // after all that this topic has sent to it
    },
    leave: (ctx, actor) => subscribersOf(ctx).leave(actor),
    list(ctx) {
      const addresses = subscribersOf(ctx).list().filter(({ protocol }) =>
        protocol !== Listener.hear.protocol
      );
      return { subscriptions: addresses.map(({ subscribed }) => subscribed) };
    },
    remove: (ctx, { to }) => subscribersOf(ctx).delete(to, undefined),
  },
  mailbox: { capacity: 10_000 },
  onFailure: "resume",
  idleMs: Infinity, // there is one for each event
});

/** The state, which the topic changes in place. */
function subscribersOf(ctx: Context<"~topic", Subscribers>): Subscribers {
  return ctx.state as Subscribers;
}

/** Checks a publication. Those of turns were not checked. One that does not fit its schema is not retried. */
function checked(publication: Publication): { readonly value: unknown; readonly subject: string } {
  try {
    return publication.check();
  } catch (error) {
    throw new TerminalError(messageOf(error), { code: codeOf(error, "failed"), cause: error });
  }
}
