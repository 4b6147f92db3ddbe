import { runService } from '@marskit/common'

import { buildPayments, readPaymentsConfig } from './payments.js'

await runService(() => {
  const config = readPaymentsConfig(process.env)
  return { app: buildPayments(config), config }
})
