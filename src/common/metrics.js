// Prometheus metrics: only what can be read from the capacity model, plus one histogram. Scrapes stay cheap.
//
// The parts of prom-client are imported one by one: its index also loads the default metrics and OpenTelemetry,
// which we do not use and every start of a replica would pay for.
import Counter from 'prom-client/lib/counter.js'
import Gauge from 'prom-client/lib/gauge.js'
import Histogram from 'prom-client/lib/histogram.js'
import Registry from 'prom-client/lib/registry.js'

const BUCKETS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

export class Metrics {
  #registry = new Registry()
  #requests

  constructor(capacity) {
    const registers = [this.#registry]
    const gauge = (name, help, read) =>
      new Gauge({ name, help, registers, collect() { this.set(read()) } })
    // A counter whose value is kept elsewhere: prom-client has no way to set one but from zero.
    const counter = (name, help, read) =>
      new Counter({ name, help, registers, collect() { this.reset(); this.inc(read()) } })

    gauge('service_workers', 'Workers of this replica.', () => capacity.workers)
    gauge('service_workers_busy', 'Workers serving a request now.', () => capacity.snapshot().busy)
    gauge('service_queue_length', 'Requests waiting for a worker now.', () => capacity.snapshot().queued)
    gauge('service_queue_limit', 'Requests that may wait; more are refused.', () => capacity.queueLimit)
    counter('service_busy_seconds_total', 'Integral of busy workers over time.', () => capacity.snapshot().busySeconds)
    counter('service_shed_total', 'Requests refused because the queue was full.', () => capacity.shed)
    this.#requests = new Histogram({
      name: 'http_request_duration_seconds',
      help: 'Time from request to answer, in seconds.',
      labelNames: ['method', 'route', 'status'],
      buckets: BUCKETS_S,
      registers,
    })
  }

  observe(method, route, status, durationMs) {
    this.#requests.observe({ method, route, status }, durationMs / 1000)
  }

  registerRoute(app) {
    app.get('/metrics', { config: { operational: true } }, async (request, reply) => {
      reply.type(this.#registry.contentType)
      return this.#registry.metrics()
    })
  }
}
