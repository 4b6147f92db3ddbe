// Faults on request: a slowdown of the service times and a share of answers turned into errors.
import { createHash, timingSafeEqual } from 'node:crypto'

import { HttpError } from './errors.js'

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

/** GET, PUT (replaces everything; what is left out is off) and DELETE /chaos, for whoever knows the token. */
export function registerChaosRoutes(app, chaos, token) {
  const options = { config: { operational: true }, onRequest: onlyWith(token) }
  app.get('/chaos', options, async () => chaos.settings)
  app.put('/chaos', { ...options, schema: { body: bodySchema } }, async (request) => {
    chaos.settings = Object.freeze({ ...NO_CHAOS, ...request.body })
    return chaos.settings
  })
  app.delete('/chaos', options, async () => {
    chaos.settings = NO_CHAOS
    return chaos.settings
  })
}

// Anyone on the machine, and whoever gets a route to it through the mesh, can reach the port.
function onlyWith(token) {
  const expected = digest(`Bearer ${token}`)
  return (request, reply, done) => {
    // Digests have one length, and how long their comparison takes tells nothing about the token.
    if (timingSafeEqual(digest(request.headers.authorization ?? ''), expected)) return done()
    done(new HttpError(401, 'unauthorized', 'Faults need the token of the run.', { 'www-authenticate': 'Bearer' }))
  }
}

function digest(text) {
  return createHash('sha256').update(text).digest()
}
