import assert from 'node:assert/strict'
import { test } from 'node:test'

import { openSpan, outgoingHeaders, requestIdOf } from '../tracing.js'

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const PARENT = '00f067aa0ba902b7'

test("a caller's trace is taken over under a span of our own", () => {
  const span = openSpan({ traceparent: `00-${TRACE}-${PARENT}-00`, tracestate: 'vendor=1' })
  assert.partialDeepStrictEqual(span, { traceId: TRACE, parentSpanId: PARENT, flags: '00', tracestate: 'vendor=1' })
  assert.match(span.spanId, /^[0-9a-f]{16}$/)
  assert.notEqual(span.spanId, PARENT)
})

for (const traceparent of [
  undefined,
  'nonsense',
  `00-${'0'.repeat(32)}-${PARENT}-01`,
  `00-${TRACE}-${'0'.repeat(16)}-01`,
  `ff-${TRACE}-${PARENT}-01`,
  `00-${TRACE.toUpperCase()}-${PARENT}-01`,
]) {
  test(`a new trace starts when traceparent is ${traceparent}`, () => {
    const span = openSpan({ traceparent, tracestate: 'vendor=1' })
    assert.match(span.traceId, /^[0-9a-f]{32}$/)
    assert.notEqual(span.traceId, TRACE)
    assert.equal(span.parentSpanId, undefined)
    assert.equal(span.tracestate, undefined)
  })
}

test('an outgoing call carries the trace, our span as its parent, the request id and what routes may match, no more', () => {
  const span = openSpan({ traceparent: `00-${TRACE}-${PARENT}-01`, tracestate: 'vendor=1' })
  const headers = outgoingHeaders({ id: 'request-7', span, headers: { baggage: 'group=beta', 'x-variant': 'food', cookie: 'secret' } })
  assert.deepEqual(headers, {
    'x-request-id': 'request-7',
    traceparent: `00-${TRACE}-${span.spanId}-01`,
    tracestate: 'vendor=1',
    baggage: 'group=beta',
    'x-variant': 'food',
  })
})

test('a request id is kept when it can safely be logged, replaced otherwise', () => {
  assert.equal(requestIdOf({ 'x-request-id': 'abc-1' }), 'abc-1')
  for (const bad of [undefined, '', 'a b', 'x'.repeat(129), '\u00e9clair']) {
    assert.match(requestIdOf({ 'x-request-id': bad }), /^[0-9a-f-]{36}$/)
  }
})
