import type { Context } from "hono";
import { type OptionNames, requireKnownOptions } from "../../runtime/base/option_names.ts";

/**
 * What somebody may do with a console: nothing (`false`), look (`"read"`), or whatever the option `actions` allows
 * (`true`). A response is given as it is, such as one that leads to the page where people sign in.
 */
export type Access = boolean | "read" | Response;

/** Options of a console. */
export interface ConsoleOptions {
  /**
   * Says for each request what its sender may do. What it throws goes to the `onError` of the app that the console is
   * mounted in, and a `HTTPException` is answered as it says. Without it, a console answers
   * only requests from this machine to `localhost`, `127.0.0.1` or `[::1]` which no proxy has forwarded: the server must
   * tell where a request comes from, as `Deno.serve(app.fetch)`, `Bun.serve(app)` and `@hono/node-server` do.
   *
   * A proxy on the same machine that says nothing of itself cannot be told from a browser there: set `authorize` behind
   * one.
   */
  readonly authorize?: (context: Context) => Access | Promise<Access>;
  /**
   * Whether the console lets people change something: resend or discard dead letters, cancel schedules and requests,
   * passivate and erase actors, pause and resume protocols.
   *
   * @default {false}
   */
  readonly actions?: boolean;
}

const consoleNames: OptionNames<ConsoleOptions> = { actions: true, authorize: true };

/** Throws a `TypeError` that names an option that does not exist, or has the wrong type. */
export function requireConsoleOptions(options: ConsoleOptions): void {
  requireKnownOptions("console", options, consoleNames);
  const { authorize, actions } = options;
  if (authorize !== undefined && typeof authorize !== "function") {
    throw new TypeError(
      `Cannot use authorize of console: it must be a function: it is a ${typeof authorize}`,
    );
  }
  if (actions !== undefined && typeof actions !== "boolean") {
    throw new TypeError(`Cannot use actions of console: it must be true or false: it is a ${typeof actions}`);
  }
}
