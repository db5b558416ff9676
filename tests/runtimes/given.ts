import { type Runtime, type RuntimeName, runtimes } from "./runtime.ts";

/** The variable that holds the folder of the project which has installed the package. */
export const variable = "POSTHORN_RUNTIMES";

/** A runtime, and the project in which it runs programs. */
export interface Given {
  readonly runtime: Runtime;
  readonly folder: string;
}

/** A test in a project. It is ignored if there is none, with the command that makes one in its name. */
export function projectTest(
  name: string,
  fn: (folder: string, context: Deno.TestContext) => Promise<void>,
): void {
  const folder = Deno.env.get(variable);
  Deno.test({
    name: folder === undefined ? `${name} (needs \`deno task runtimes\`)` : name,
    ignore: folder === undefined,
    fn: (context) => fn(folder!, context),
  });
}

/** A test on one runtime. */
export function runtimeTest(
  name: RuntimeName,
  title: string,
  fn: (given: Given, context: Deno.TestContext) => Promise<void>,
): void {
  projectTest(`${name}: ${title}`, (folder, context) => fn({ runtime: runtimes[name], folder }, context));
}
