import type { Context } from "hono";
import { accepts } from "hono/accepts";
import { notStored } from "./answers.ts";
import type { IngressSystem } from "./port.ts";

const openMetricsType = "application/openmetrics-text";

/**
 * Begins to measure a system, unless another app does, and returns what answers with its metrics: in the format that the
 * client accepts, which is the text of Prometheus if it does not say.
 */
export function metricsOf(system: IngressSystem): (context: Context) => Promise<Response> {
  // Only an ingress that was asked for metrics loads them, and messages are counted from now on.
  const loading = import("../telemetry/metrics.ts").then(({ Metrics, contentTypes }) => ({
    metrics: Metrics.of(system),
    contentTypes,
  }));
  loading.catch(() => {}); // whoever asks for them is told
  return async (context) => {
    const { metrics, contentTypes } = await loading;
    const supports = ["text/plain", openMetricsType];
    const accepted = accepts(context, { header: "Accept", supports, default: supports[0] });
    const format = accepted === openMetricsType ? "openMetrics" : "prometheus";
    const headers = { "content-type": contentTypes[format], vary: "Accept", ...notStored };
    return context.body(await metrics.text(format), 200, headers);
  };
}
