/**
 * The settings of functions that find rows by their keys. A plan that was made while the table was empty would read all of
 * it, and would stay. Without `jit` off the server compiles plans that it thinks are dear, which takes it ten milliseconds
 * at each call: those of a large table, and those that read a sequence, which is possible only by what is off here.
 */
export const plannerSettings =
  "SET enable_seqscan = off SET plan_cache_mode = force_generic_plan SET jit = off";
