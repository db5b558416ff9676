import { escapeControls } from "../runtime/base/escape.ts";

/** A stream of `node:process`. */
interface OutputStream {
  write(text: string): unknown;
  on(
    event: "error",
    listener: (error: { readonly code?: string; readonly message: string }) => void,
  ): unknown;
}

/** The process of a command, as `node:process` has it. */
export interface CommandProcess {
  readonly argv: readonly string[];
  exitCode?: number | string | undefined;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
}

/**
 * Lets a command go on to its end although nobody reads any more what it writes, as behind `| head`: that would be an
 * uncaught error. An answer that cannot be written for another reason makes it fail.
 */
export function outliveReaders(command: CommandProcess): void {
  command.stdout.on("error", ({ code, message }) => {
    if (code === "EPIPE") return;
    command.exitCode = 1;
    command.stderr.write(`Cannot write the answer: ${escapeControls(message)}\n`);
  });
  command.stderr.on("error", () => {}); // there is nowhere to say it
}
