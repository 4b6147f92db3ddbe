// recommendations: names one thing of its variant. Variants are separate Deployments of one image.
import { buildService, hashText, readConfig } from '@marskit/common'

const CATALOGUE = {
  food: ['ramen', 'pierogi', 'shakshuka', 'paella', 'gnocchi', 'bibimbap', 'borscht', 'falafel'],
  music: ['fado', 'bebop', 'highlife', 'tango', 'dub', 'klezmer', 'bossa nova', 'raga'],
}

const querySchema = {
  type: 'object',
  additionalProperties: false,
  properties: { for: { type: 'string', minLength: 1, maxLength: 100 } },
}

function settings(env) {
  return readConfig(env, 'recommendations', (environment) => ({
    variant: environment.oneOf('VARIANT', 'food', Object.keys(CATALOGUE)),
  }))
}

export function createService(env) {
  const config = settings(env)
  const items = CATALOGUE[config.variant]
  let turn = 0

  const app = buildService(config, (routes) => {
    // The same wish gets the same answer from every replica; without one, the catalogue takes turns.
    routes.get('/', { schema: { querystring: querySchema } }, async (request) => {
      const wish = request.query.for
      const index = wish === undefined ? turn++ : hashText(wish)
      return { variant: config.variant, version: config.version, item: items[index % items.length] }
    })
  })
  return { app, config }
}
