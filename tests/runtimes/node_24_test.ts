import { proves } from "./proofs.ts";

proves("node 24");
