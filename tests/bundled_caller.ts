// The part of an actor that a caller imports: its protocol. tests/entries_test.ts measures its bundled size.

import { ask, protocol, tell, unchecked } from "@posthorn/posthorn/protocol";

export const Cart = protocol("cart", {
  add: tell(unchecked<{ sku: string; cents: number }>()),
  total: ask(unchecked<number>()),
});
