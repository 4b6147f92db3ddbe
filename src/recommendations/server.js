import { runService } from '@marskit/common'

import { buildRecommendations, readRecommendationsConfig } from './recommendations.js'

await runService(() => {
  const config = readRecommendationsConfig(process.env)
  return { app: buildRecommendations(config), config }
})
