// payments: accepts an amount for an order, once however often it is asked, and remembers the latest payments.
import { buildService, HttpError, identityOf, readConfig, RecentRecords } from '@marskit/common'

const KEPT_PAYMENTS = 200

const paymentSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['order_id', 'amount'],
  properties: {
    order_id: { type: 'string', minLength: 1, maxLength: 100 },
    amount: { type: 'number', exclusiveMinimum: 0, maximum: 1_000_000 },
  },
}

export function createService(env) {
  const config = readConfig(env, 'payments')
  const payments = new RecentRecords(KEPT_PAYMENTS)

  const app = buildService(config, (routes) => {
    routes.post('/', { schema: { body: paymentSchema } }, async (request, reply) => {
      const id = identityOf('payment', request.body.order_id)
      const payment = { id, ...request.body, status: 'accepted' }
      payments.add(payment.id, payment)
      reply.code(201).header('location', `/${payment.id}`)
      return payment
    })

    routes.get('/:id', async (request) => {
      const payment = payments.get(request.params.id)
      if (payment) return payment
      const message = `This replica has no payment ${request.params.id} among its latest ${KEPT_PAYMENTS}.`
      throw new HttpError(404, 'not_found', message)
    })
  })
  return { app, config }
}
