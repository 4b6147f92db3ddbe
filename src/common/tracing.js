// W3C trace context and x-request-id: taken over when valid, made when absent, passed on to every dependency,
// together with the headers that routes deeper in the mesh may match.
import { randomUUID } from 'node:crypto'

const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$/
const REQUEST_ID = /^[\x21-\x7e]{1,128}$/
const SAMPLED = '01'
// What a route deep in the mesh may match on: W3C baggage, and the variant a request asks for.
const PASSED_ON = ['baggage', 'x-variant']

/** The caller's request id, or a new one when it is missing or could not safely be logged. */
export function requestIdOf(headers) {
  const given = headers['x-request-id']
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID()
}

/** The span this request opens: the caller's trace when it sent one, a new trace otherwise. */
export function openSpan(headers) {
  const found = TRACEPARENT.exec(headers.traceparent ?? '')
  if (found === null) {
    return { traceId: newTraceId(), spanId: newSpanId(), flags: SAMPLED }
  }
  const [, traceId, parentSpanId, flags] = found
  return { traceId, spanId: newSpanId(), parentSpanId, flags, tracestate: headers.tracestate }
}

/** The headers of a call made on behalf of this request: same trace, this request's span as the parent. */
export function outgoingHeaders(request) {
  const { traceId, spanId, flags, tracestate } = request.span
  const headers = { 'x-request-id': request.id, traceparent: `00-${traceId}-${spanId}-${flags}` }
  if (tracestate) headers.tracestate = tracestate
  for (const name of PASSED_ON) {
    if (request.headers[name]) headers[name] = request.headers[name]
  }
  return headers
}

// From UUIDs, because Node draws those from a cache: randomBytes would cost more than the rest of the tracing.
function newTraceId() {
  return randomUUID().replaceAll('-', '')
}

function newSpanId() {
  return newTraceId().slice(0, 16)
}
