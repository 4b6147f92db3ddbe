import assert from 'node:assert/strict'
import { test } from 'node:test'

import { answerJson, FAST, startStandIn } from '../../common/test/support.js'
import { createService } from '../orders.js'

const ORDER = { item: '\u00e9clair & tea', quantity: 2, amount: 9.5 }
const payment = answerJson(201, { id: 'p-1', status: 'accepted' })
const recommendation = answerJson(200, { variant: 'food', item: 'ramen' })
const never = () => {}

/** orders between two stand-ins for its dependencies. */
async function orders(t, { payments = payment, recommendations = recommendation, env = {} } = {}) {
  const standIns = { payments: await startStandIn(t, payments), recommendations: await startStandIn(t, recommendations) }
  const { app } = createService({
    ...FAST, PAYMENTS_URL: standIns.payments.url, RECOMMENDATIONS_URL: standIns.recommendations.url, ...env,
  })
  t.after(() => app.close())
  return { app, ...standIns, post: (payload = ORDER) => app.inject({ method: 'POST', url: '/', payload }) }
}

test('an order is recommended for, paid, answered and found again', async (t) => {
  const { app, post, payments, recommendations } = await orders(t)
  const answer = await post()
  assert.equal(answer.statusCode, 201)
  const order = answer.json()
  assert.partialDeepStrictEqual(order, {
    ...ORDER, payment: { id: 'p-1', status: 'accepted' }, recommendation: { variant: 'food', item: 'ramen' },
  })
  assert.equal(answer.headers.location, `/${order.id}`)
  assert.deepEqual((await app.inject(`/${order.id}`)).json(), order)
  assert.deepEqual((await app.inject('/')).json(), { orders: [order] })
  assert.equal(payments.seen[0].method, 'POST')
  assert.equal(recommendations.seen[0].url, '/?for=%C3%A9clair%20%26%20tea')
})

test('both calls carry the trace and the request id', async (t) => {
  const { app, payments, recommendations } = await orders(t)
  const trace = '4bf92f3577b34da6a3ce929d0e0e4736'
  const headers = { traceparent: `00-${trace}-00f067aa0ba902b7-01`, 'x-request-id': 'r-1' }
  await app.inject({ method: 'POST', url: '/', payload: ORDER, headers })
  for (const { seen } of [payments, recommendations]) {
    assert.equal(seen[0].headers['x-request-id'], 'r-1')
    assert.match(seen[0].headers.traceparent, new RegExp(`^00-${trace}-(?!00f067aa0ba902b7)[0-9a-f]{16}-01$`))
  }
})

for (const [change, message] of [
  [{ item: '' }, 'body.item must NOT have fewer than 1 characters, found "".'],
  [{ item: 7 }, 'body.item must be string, found 7.'],
  [{ quantity: 0 }, 'body.quantity must be >= 1, found 0.'],
  [{ quantity: 1.5 }, 'body.quantity must be integer, found 1.5.'],
  [{ amount: 0 }, 'body.amount must be > 0, found 0.'],
  [{ amount: '9' }, 'body.amount must be number, found "9".'],
  [{ colour: 'red' }, 'body must not have "colour".'],
]) {
  test(`an order with ${JSON.stringify(change)} is refused and nobody is called`, async (t) => {
    const { post, payments, recommendations } = await orders(t)
    const answer = await post({ ...ORDER, ...change })
    assert.deepEqual(answer.json(), { status: 400, error: 'invalid_request', message })
    assert.equal(payments.seen.length + recommendations.seen.length, 0)
  })
}

for (const [what, options, status, message] of [
  ['payments fails', { payments: answerJson(500, {}) }, 502, 'payments answered 500.'],
  ['payments hangs', { payments: never }, 504, 'payments did not answer within 60 ms.'],
  ['recommendations fails', { recommendations: answerJson(503, {}) }, 502, 'recommendations answered 503.'],
  ['recommendations hangs', { recommendations: never }, 504, 'recommendations did not answer within 60 ms.'],
  ['payments is absent', { env: { PAYMENTS_URL: 'http://127.0.0.1:9' } }, 502, 'payments could not be reached: ECONNREFUSED.'],
]) {
  test(`when ${what} the order fails with ${status}, is not kept, and the next one is tried as well`, async (t) => {
    const { app, post, payments } = await orders(t, { ...options, env: { DEPENDENCY_TIMEOUT_MS: '60', ...options.env } })
    for (let i = 0; i < 2; i++) assert.partialDeepStrictEqual((await post()).json(), { status, message })
    assert.deepEqual((await app.inject('/')).json(), { orders: [] })
    if (options.recommendations) assert.equal(payments.seen.length, 0, 'charged for an order that failed')
  })
}

test('a recommendation that is not required may be missing', async (t) => {
  const { post, payments } = await orders(t, {
    recommendations: answerJson(503, {}), env: { RECOMMENDATIONS_REQUIRED: 'false' },
  })
  const answer = await post()
  assert.equal(answer.statusCode, 201)
  assert.equal(answer.json().recommendation, null)
  assert.equal(payments.seen.length, 1)
})

test('an item that is not well-formed Unicode is still an order', async (t) => {
  const { app, recommendations } = await orders(t)
  const payload = '{"item":"\\ud800","quantity":1,"amount":1}'
  const answer = await app.inject({ method: 'POST', url: '/', payload, headers: { 'content-type': 'application/json' } })
  assert.equal(answer.statusCode, 201)
  assert.equal(recommendations.seen[0].url, '/?for=%EF%BF%BD')
})

test('however many orders come, the latest 200 are kept', async (t) => {
  const { app, post } = await orders(t, { env: { SERVICE_TIME_MS: '0' } })
  const first = (await post()).json()
  for (let i = 0; i < 8; i++) await Promise.all(Array.from({ length: 25 }, () => post()))
  assert.equal((await app.inject('/')).json().orders.length, 200)
  const gone = await app.inject(`/${first.id}`)
  assert.equal(gone.statusCode, 404)
  assert.equal(gone.json().message, `This replica has no order ${first.id} among its latest 200.`)
})
