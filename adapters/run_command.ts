import { escapeControls } from "../runtime/base/escape.ts";

/** What is known of an output that cannot be written. */
interface OutputError {
  readonly name: string;
  readonly code?: string;
  readonly message: string;
}

/** A stream of `node:process`. */
interface OutputStream {
  write(text: string): unknown;
  on(event: "error", listener: (error: OutputError) => void): unknown;
}

/** The process of a command, as `node:process` has it. */
interface CommandProcess {
  readonly argv: readonly string[];
  exitCode?: number | string | undefined;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
}

/** Where a command writes. */
export interface CommandOutput {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
}

/**
 * Runs a command, and gives its exit code to the process. It goes on to its end although nobody reads any more what it writes, as
 * behind `| head`: that would be an uncaught error. An answer that cannot be written for another reason makes it fail.
 */
export async function runCommand(
  run: (args: readonly string[], output: CommandOutput) => Promise<number>,
): Promise<void> {
  const ofMachine = "node:process"; // not every consumer has the types of Node
  const { default: command } = await import(ofMachine) as { readonly default: CommandProcess };
  const { stdout, stderr } = command;
  let isWritten = true;
  const quiet = silenced(stderr, () => {}); // there is nowhere to say it
  const output = silenced(stdout, ({ name, code, message }) => {
    if (code === "EPIPE" || name === "BrokenPipe") return;
    isWritten = false;
    command.exitCode = 1;
    quiet.write(`Cannot write the answer: ${escapeControls(message)}\n`);
  });
  const code = await run(command.argv.slice(2), { stdout: output, stderr: quiet });
  command.exitCode = isWritten ? code : 1;
}

/** A stream whose errors go to a function: those that it throws, and those that it tells later. */
function silenced(stream: OutputStream, failed: (error: OutputError) => void): CommandOutput["stdout"] {
  stream.on("error", failed);
  return {
    write(text) {
      try {
        stream.write(text);
      } catch (error) {
        failed(error as OutputError);
      }
    },
  };
}
