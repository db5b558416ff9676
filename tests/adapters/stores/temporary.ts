/** A path for a database in a temporary folder, which is removed with its contents. */
export async function temporary(): Promise<
  AsyncDisposable & { readonly folder: string; readonly path: string }
> {
  const folder = await Deno.makeTempDir({ prefix: "posthorn-sqlite-" });
  return {
    folder,
    path: `${folder}/posthorn.db`,
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}
