/**
 * prom-client's parts, each from its own file: its index also loads `cluster`, OpenTelemetry and a
 * t-digest, which nobody here uses and which take 10 MB of a small machine's memory for good.
 */
declare module 'prom-client/lib/registry.js' {
  export { Registry as default } from 'prom-client';
}
declare module 'prom-client/lib/counter.js' {
  export { Counter as default } from 'prom-client';
}
declare module 'prom-client/lib/gauge.js' {
  export { Gauge as default } from 'prom-client';
}
declare module 'prom-client/lib/histogram.js' {
  export { Histogram as default } from 'prom-client';
}
