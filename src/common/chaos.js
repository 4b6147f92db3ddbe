// Faults on request: a slowdown of the service times and a share of answers turned into errors.

const NO_CHAOS = Object.freeze({ slowdown: 1, error_percent: 0 })

const bodySchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    slowdown: { type: 'number', minimum: 1, maximum: 1000, default: 1 },
    error_percent: { type: 'number', minimum: 0, maximum: 100, default: 0 },
  },
}

export class Chaos {
  #random
  settings = NO_CHAOS

  constructor(random) {
    this.#random = random
  }

  get slowdown() {
    return this.settings.slowdown
  }

  /** Whether this request is to fail: one draw per request, so the sequence depends on the seed alone. */
  strikes() {
    return this.#random() * 100 < this.settings.error_percent
  }
}

/** GET, PUT (replaces everything; what is left out is off) and DELETE /chaos. */
export function registerChaosRoutes(app, chaos) {
  const config = { operational: true }
  app.get('/chaos', { config }, async () => chaos.settings)
  app.put('/chaos', { config, schema: { body: bodySchema } }, async (request) => {
    chaos.settings = Object.freeze({ ...NO_CHAOS, ...request.body })
    return chaos.settings
  })
  app.delete('/chaos', { config }, async () => {
    chaos.settings = NO_CHAOS
    return chaos.settings
  })
}
