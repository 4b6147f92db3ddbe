// One way to build a service: operational routes, then business routes behind the capacity model.
import { Ajv } from 'ajv'
import Fastify, { LogController } from 'fastify'

import { Capacity } from './capacity.js'
import { Chaos, registerChaosRoutes } from './chaos.js'
import { answerFrameworkError, HttpError, registerErrorHandlers } from './errors.js'
import { Metrics } from './metrics.js'
import { seededRandom, serviceTimeSampler } from './random.js'
import { openSpan, requestIdOf } from './tracing.js'

// Longer than a proxy keeps an idle connection, so that the proxy and never the service closes it first.
const KEEP_ALIVE_TIMEOUT_MS = 75_000
const REQUEST_TIMEOUT_MS = 30_000
const BODY_LIMIT_BYTES = 64 * 1024

/**
 * A Fastify app that is not yet listening. `routes(app)` registers the business routes; each of their
 * requests, once valid, is served by a worker of the capacity model before its handler runs.
 */
export function buildService(config, routes) {
  const app = Fastify({
    logger: { level: config.logLevel, base: { service: config.service, version: config.version } },
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'request_id' }),
    genReqId: (request) => requestIdOf(request.headers),
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    bodyLimit: BODY_LIMIT_BYTES,
    exposeHeadRoutes: false,
    frameworkErrors: answerFrameworkError,
    // While draining, a request on a connection that is still open is served, not refused.
    return503OnClosing: false,
    schemaController: { compilersFactory: { buildValidator, buildSerializer: () => () => JSON.stringify } },
  })
  const chaos = new Chaos(seededRandom(`${config.seed}/chaos`))
  const capacity = new Capacity({
    workers: config.workers,
    queueLimit: config.queueLimit,
    sampleMs: serviceTimeSampler(config.serviceTime, seededRandom(`${config.seed}/service-time`)),
    slowdown: () => chaos.slowdown,
  })
  const metrics = new Metrics(capacity)

  app.removeContentTypeParser('text/plain')
  app.decorate('draining', false)
  app.decorateRequest('span', null)
  registerErrorHandlers(app)
  observeRequests(app, metrics)
  registerHealthRoutes(app, config)
  metrics.registerRoute(app)
  if (config.chaosEnabled && config.chaosToken) registerChaosRoutes(app, chaos, config.chaosToken)
  app.register(async (business) => {
    business.addHook('preHandler', throughCapacity(config, capacity, chaos))
    await routes(business)
  })
  return app
}

/**
 * Ajv without what Fastify would load around it (other dialects, formats, a serializer compiler), which every start
 * of a replica would pay for. It coerces nothing: text that looks like a number is a mistake its sender hears about.
 */
function buildValidator() {
  const ajv = new Ajv({ useDefaults: true, verbose: true })
  return ({ schema }) => ajv.compile(schema)
}

function observeRequests(app, metrics) {
  app.addHook('onRequest', (request, reply, done) => {
    request.span = openSpan(request.headers)
    reply.header('x-request-id', request.id)
    done()
  })
  app.addHook('onSend', (request, reply, payload, done) => {
    if (app.draining) reply.header('connection', 'close')
    done(null, payload)
  })
  app.addHook('onResponse', (request, reply, done) => {
    const { config, url } = request.routeOptions
    // Probes and scrapes would drown what the service is for.
    if (config.operational !== true) {
      const route = url ?? 'unmatched'
      metrics.observe(request.method, route, reply.statusCode, reply.elapsedTime)
      if (request.log.isLevelEnabled('debug')) logRequest(request, reply, route)
    }
    done()
  })
}

function logRequest(request, reply, route) {
  const { traceId, spanId, parentSpanId } = request.span
  request.log.debug(
    {
      trace_id: traceId,
      span_id: spanId,
      parent_span_id: parentSpanId,
      method: request.method,
      route,
      status: reply.statusCode,
      duration_ms: Math.round(reply.elapsedTime * 100) / 100,
    },
    'request',
  )
}

function registerHealthRoutes(app, config) {
  const options = { config: { operational: true } }
  app.get('/healthz', options, async () => ({ status: 'ok', service: config.service, version: config.version }))
  app.get('/readyz', options, async () => {
    if (app.draining) throw new HttpError(503, 'draining', `${config.service} is draining.`)
    return { status: 'ready' }
  })
}

function throughCapacity(config, capacity, chaos) {
  // A full queue needs about this long to empty.
  const retryAfterS = Math.max(1, Math.ceil((config.queueLimit * config.serviceTime.meanMs) / config.workers / 1000))
  const { service, workers, queueLimit } = config
  const message = `${service} has all workers (${workers}) busy and a full queue (${queueLimit}).`
  return (request, reply, done) => {
    const served = () => {
      if (chaos.strikes()) done(new HttpError(500, 'injected_error', 'This error was injected by /chaos.'))
      else done()
    }
    if (!capacity.submit(served)) {
      done(new HttpError(503, 'overloaded', message, { 'retry-after': String(retryAfterS) }))
    }
  }
}
