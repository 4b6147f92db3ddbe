import { runService } from '@marskit/common/run'

await runService(() => import('./orders.js'))
