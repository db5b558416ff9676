/** A folder for what is installed: outside of the repository, shared by all its clones. */
export function cacheFolder(name: string): string {
  const cache = Deno.env.get("XDG_CACHE_HOME") ?? `${Deno.env.get("HOME") ?? "."}/.cache`;
  return `${cache}/posthorn/${name}`;
}

/** Whether there is such a file. */
export function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return false;
    throw error;
  }
}

interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
}

/**
 * Runs a command to its end with `input` as its standard input, and returns its standard output. A failure contains the
 * end of its output.
 */
export async function run(
  command: string,
  args: readonly string[],
  { input = "", ...options }: RunOptions = {},
): Promise<string> {
  const { code, stdout, stderr } = await outputOf(command, args, input, options).catch((error: unknown) => {
    throw new Error(`Cannot run ${command}: it is not installed or not on the path`, { cause: error });
  });
  const text = new TextDecoder().decode(stdout);
  if (code === 0) return text;
  const said = `${text}${new TextDecoder().decode(stderr)}`.trim().slice(-2_000);
  throw new Error(`Cannot run ${command} ${args.join(" ")}: it ended with ${code}: ${said}`);
}

async function outputOf(
  command: string,
  args: readonly string[],
  input: string,
  options: Omit<RunOptions, "input">,
): Promise<Deno.CommandOutput> {
  const piped = { stdin: "piped", stdout: "piped", stderr: "piped" } as const;
  const child = new Deno.Command(command, { args: [...args], ...piped, ...options }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  return await child.output();
}

/** Runs it up to three times: a registry may not respond at once. What it has downloaded, it keeps. */
export async function threeTimes(what: () => Promise<unknown>): Promise<void> {
  for (let attempt = 1;; attempt++) {
    try {
      await what();
      return;
    } catch (error) {
      if (attempt === 3) throw error;
      await new Promise((resolve) => setTimeout(resolve, attempt * 3_000));
    }
  }
}
