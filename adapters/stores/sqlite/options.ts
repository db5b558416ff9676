import type { OptionNames } from "../../../runtime/base/option_names.ts";

/** Options of {@linkcode sqlite}. */
export interface SqliteOptions {
  /**
   * When a commit is durable. `full`: after the disk has flushed it, so it survives a loss of power.
   * `normal`: after the operating system has it, which is several times as fast; it survives any end of the
   * process, but a loss of power may lose the last commits. Earlier commits then remain, complete and in
   * order.
   *
   * @default {"full"}
   */
  readonly synchronous?: "full" | "normal";
  /**
   * The maximum size of the file in bytes; the log takes additional space. A commit that would exceed it
   * rejects with `store-full` and applies nothing. Removals make room again.
   *
   * @default {Infinity}
   */
  readonly bytesMax?: number;
}

/** The names of all options. */
export const optionNames: OptionNames<SqliteOptions> = {
  bytesMax: true,
  synchronous: true,
};
