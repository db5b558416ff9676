import { codeOf } from "../../../runtime/base/thrown.ts";

/** The most UTF-16 units of the type of an error. */
const typeUnitsMax = 64;

/** The type of an error: its code if it is one of this runtime, else its name. */
export function errorType(error: unknown): string {
  const code = codeOf(error, "");
  if (code !== "") return code.slice(0, typeUnitsMax);
  try {
    const name = error instanceof Error ? error.name : undefined;
    return typeof name === "string" && name !== "" && name.length <= typeUnitsMax ? name : "_OTHER";
  } catch {
    return "_OTHER"; // it cannot be looked at
  }
}
