import { runService } from '@marskit/common/run'

await runService(() => import('./recommendations.js'))
