// orders: takes an order, asks for a recommendation that goes with it, and has it paid.
//
// Its worker is held for its own service time only, not while it waits for a dependency: waiting costs a Node
// process no worker, and a slow payments service must show as slow payments, not as saturated orders.
// Own work comes first, so that an overloaded replica refuses before it troubles anyone else; then the
// recommendation; the payment comes last, so that nothing is charged for an order that then fails.
// An order's id follows from the request's, and a payment's from the order's: sent again, it is the same order.
import {
  buildService, Dependency, HttpError, identityOf, outgoingHeaders, readConfig, readDependencies, RecentRecords,
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

function settings(env) {
  return readConfig(env, 'orders', (environment) => ({
    dependencies: readDependencies(environment, ['payments', 'recommendations']),
    recommendationsRequired: environment.flag('RECOMMENDATIONS_REQUIRED', true),
  }))
}

export function createService(env) {
  const config = settings(env)
  const payments = new Dependency(config.dependencies.payments)
  const recommendations = new Dependency(config.dependencies.recommendations)
  const orders = new RecentRecords(KEPT_ORDERS)

  async function recommend(request, item) {
    try {
      const wish = encodeURIComponent(item.toWellFormed())
      return await recommendations.request('GET', `/?for=${wish}`, outgoingHeaders(request))
    } catch (error) {
      if (config.recommendationsRequired) throw error
      return null
    }
  }

  const app = buildService(config, (routes) => {
    routes.post('/', { schema: { body: orderSchema } }, async (request, reply) => {
      const { item, quantity, amount } = request.body
      const id = identityOf('order', request.id)
      const recommendation = await recommend(request, item)
      const payment = await payments.request('POST', '/', outgoingHeaders(request), { order_id: id, amount })
      const order = { id, item, quantity, amount, payment, recommendation }
      orders.add(id, order)
      reply.code(201).header('location', `/${id}`)
      return order
    })

    routes.get('/', async () => ({ orders: orders.latest() }))

    routes.get('/:id', async (request) => {
      const order = orders.get(request.params.id)
      if (order) return order
      const message = `This replica has no order ${request.params.id} among its latest ${KEPT_ORDERS}.`
      throw new HttpError(404, 'not_found', message)
    })
  })
  return { app, config }
}
