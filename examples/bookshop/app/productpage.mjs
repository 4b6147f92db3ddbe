// The page of one book: its details and its reviews, asked for at the same time.
import { get, serve } from './http.mjs'

const { DETAILS_URL = 'http://details:9080', REVIEWS_ADDR = 'reviews:9080' } = process.env

serve({
  '/health': () => ({ ready: true }),
  '/productpage': async (headers) => {
    const [details, reviews] = await Promise.all([
      get(`${DETAILS_URL}/details`, headers),
      get(`http://${REVIEWS_ADDR}/reviews`, headers),
    ])
    return { title: 'The Night Ferry', reader: headers['end-user'] ?? 'a guest', details, reviews }
  },
})
