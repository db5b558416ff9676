import { proves } from "./proofs.ts";

proves("bun");
