/** Resolves when the port accepts connections. */
export async function connectable(port: number): Promise<void> {
  for (let attempt = 1;; attempt++) {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return;
    } catch (error) {
      if (attempt === 200) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
