import { runService } from '@marskit/common'

import { buildOrders, readOrdersConfig } from './orders.js'

await runService(() => {
  const config = readOrdersConfig(process.env)
  return { app: buildOrders(config), config }
})
