// orders: takes an order, has it paid, and asks for a recommendation that goes with it.
//
// Its worker is held for its own service time only, not while it waits for a dependency: waiting costs a Node
// process no worker, and a slow payments service must show as slow payments, not as saturated orders.
// Own work comes first, so that an overloaded replica refuses before anything is charged; then payment, then
// recommendation, one after the other, so that nothing is recommended for an order that was not paid.
import { randomUUID } from 'node:crypto'

import {
  buildService, Dependency, HttpError, outgoingHeaders, readConfig, readDependencies, RecentRecords,
} from '@marskit/common'

const KEPT_ORDERS = 200

const orderSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['item', 'quantity', 'amount'],
  properties: {
    item: { type: 'string', minLength: 1, maxLength: 100 },
    quantity: { type: 'integer', minimum: 1, maximum: 1000 },
    amount: { type: 'number', exclusiveMinimum: 0, maximum: 1_000_000 },
  },
}

export function readOrdersConfig(env) {
  return readConfig(env, 'orders', (environment) => ({
    dependencies: readDependencies(environment, ['payments', 'recommendations']),
    recommendationsRequired: environment.flag('RECOMMENDATIONS_REQUIRED', true),
  }))
}

export function buildOrders(config) {
  const payments = new Dependency(config.dependencies.payments)
  const recommendations = new Dependency(config.dependencies.recommendations)
  const orders = new RecentRecords(KEPT_ORDERS)

  async function recommend(request, item) {
    try {
      return await recommendations.request('GET', `/?for=${encodeURIComponent(item)}`, outgoingHeaders(request))
    } catch (error) {
      if (config.recommendationsRequired) throw error
      return null
    }
  }

  return buildService(config, (app) => {
    app.post('/', { schema: { body: orderSchema } }, async (request, reply) => {
      const { item, quantity, amount } = request.body
      const id = randomUUID()
      const payment = await payments.request('POST', '/', outgoingHeaders(request), { order_id: id, amount })
      const recommendation = await recommend(request, item)
      const order = { id, item, quantity, amount, payment, recommendation }
      orders.add(id, order)
      reply.code(201).header('location', `/${id}`)
      return order
    })

    app.get('/', async () => ({ orders: orders.latest() }))

    app.get('/:id', async (request) => {
      const order = orders.get(request.params.id)
      if (order) return order
      throw new HttpError(404, 'not_found', `This replica has no order ${request.params.id} among its latest ${KEPT_ORDERS}.`)
    })
  })
}
