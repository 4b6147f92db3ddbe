import assert from 'node:assert/strict'
import { test } from 'node:test'

import { eventually, startProcess } from '../../common/test/support.js'

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const PARENT = '00f067aa0ba902b7'

test('three processes serve an order as one trace', async (t) => {
  const [payments, recommendations] = await Promise.all([
    startProcess(t, 'payments'),
    startProcess(t, 'recommendations', { VARIANT: 'music' }),
  ])
  const orders = await startProcess(t, 'orders', { PAYMENTS_URL: payments.url, RECOMMENDATIONS_URL: recommendations.url })
  const answer = await fetch(orders.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', traceparent: `00-${TRACE}-${PARENT}-01`, 'x-request-id': 'chain-1' },
    body: JSON.stringify({ item: 'record', quantity: 1, amount: 20 }),
  })
  assert.equal(answer.status, 201)
  assert.equal(answer.headers.get('x-request-id'), 'chain-1')
  const order = await answer.json()
  assert.equal(order.recommendation.variant, 'music')
  assert.equal(order.payment.order_id, order.id)

  const logged = (service) => service.log.find((entry) => entry.msg === 'request')
  await eventually(() => [orders, payments, recommendations].every(logged))
  assert.partialDeepStrictEqual(logged(orders), {
    service: 'orders', request_id: 'chain-1', trace_id: TRACE, parent_span_id: PARENT, method: 'POST', route: '/', status: 201,
  })
  for (const [service, method, status] of [[payments, 'POST', 201], [recommendations, 'GET', 200]]) {
    assert.partialDeepStrictEqual(logged(service), {
      request_id: 'chain-1', trace_id: TRACE, parent_span_id: logged(orders).span_id, method, status,
    })
  }
})

test('orders starts and is ready without its dependencies, and works once they are there', async (t) => {
  const payments = await startProcess(t, 'payments')
  const { port } = new URL(payments.url)
  payments.child.kill('SIGTERM')
  assert.equal(await payments.exited, 0)
  const recommendations = await startProcess(t, 'recommendations')
  const orders = await startProcess(t, 'orders', { PAYMENTS_URL: payments.url, RECOMMENDATIONS_URL: recommendations.url })
  assert.equal((await fetch(`${orders.url}/readyz`)).status, 200)
  const order = () => fetch(orders.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ item: 'book', quantity: 1, amount: 20 }),
  })
  assert.equal((await order()).status, 502)
  await startProcess(t, 'payments', { PORT: port })
  assert.equal((await order()).status, 201)
})
