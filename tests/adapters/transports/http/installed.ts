/** Whether programs are on the path. */
export function isInstalled(...programs: readonly string[]): boolean {
  return programs.every((program) =>
    (Deno.env.get("PATH") ?? "").split(":").some((folder) => {
      try {
        return Deno.statSync(`${folder}/${program}`).isFile;
      } catch {
        return false;
      }
    })
  );
}
