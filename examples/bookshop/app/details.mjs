// What is printed on a book. With FAIL_EVERY=4 every fourth answer is a 503, for a look at retries.
import { lookup, serve } from './http.mjs'

const failEvery = Number(process.env.FAIL_EVERY ?? 0)
let turn = 0

serve({
  '/details': async () => {
    turn += 1
    if (failEvery && turn % failEvery === 0) return { status: 503, error: 'the shelf is locked' }
    await lookup()
    return { pages: 312, publisher: 'Harbour Press', language: 'English' }
  },
})
