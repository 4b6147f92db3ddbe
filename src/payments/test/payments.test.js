import assert from 'node:assert/strict'
import { test } from 'node:test'

import { FAST } from '../../common/test/support.js'
import { createService } from '../payments.js'

function payments(t) {
  const { app } = createService({ ...FAST, SERVICE_TIME_MS: '0' })
  t.after(() => app.close())
  return { app, post: (payload) => app.inject({ method: 'POST', url: '/', payload }) }
}

test('a payment is accepted and found again', async (t) => {
  const { app, post } = payments(t)
  const answer = await post({ order_id: 'o-1', amount: 9.5 })
  assert.equal(answer.statusCode, 201)
  const payment = answer.json()
  assert.partialDeepStrictEqual(payment, { order_id: 'o-1', amount: 9.5, status: 'accepted' })
  assert.deepEqual((await app.inject(answer.headers.location)).json(), payment)
})

test('a payment asked for twice, even of another replica, is one payment', async (t) => {
  const first = await payments(t).post({ order_id: 'o-1', amount: 9.5 })
  const again = await payments(t).post({ order_id: 'o-1', amount: 9.5 })
  const other = await payments(t).post({ order_id: 'o-2', amount: 9.5 })
  assert.deepEqual(again.json(), first.json())
  assert.notEqual(other.json().id, first.json().id)
})

test('a payment without an order or an amount is refused', async (t) => {
  const { post } = payments(t)
  assert.equal((await post({ amount: 1 })).json().message, 'body must have "order_id".')
  assert.equal((await post({ order_id: 'o-1', amount: -1 })).json().message, 'body.amount must be > 0, found -1.')
})

test('however many payments come, the latest 200 are kept', async (t) => {
  const { app, post } = payments(t)
  const ids = []
  for (let i = 0; i < 201; i++) ids.push((await post({ order_id: `o-${i}`, amount: 1 })).json().id)
  assert.equal((await app.inject(`/${ids[1]}`)).statusCode, 200)
  const gone = await app.inject(`/${ids[0]}`)
  assert.equal(gone.statusCode, 404)
  assert.equal(gone.json().message, `This replica has no payment ${ids[0]} among its latest 200.`)
})
