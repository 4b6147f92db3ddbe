// What readers say. Version 1 knows no stars; the others show them in a colour of their own.
import { get, lookup, serve } from './http.mjs'

const { VERSION = 'v1', STARS, RATINGS_HOST = 'ratings', RATINGS_PORT = '9080' } = process.env
const REVIEWS = [
  { reader: 'Mira', text: 'I missed my own ferry reading it.' },
  { reader: 'Tomás', text: 'The sea is the best character.' },
]

serve({
  '/reviews': async (headers) => {
    await lookup()
    const answer = { version: VERSION, reviews: REVIEWS }
    if (!STARS) return answer
    const ratings = await get(`http://${RATINGS_HOST}:${RATINGS_PORT}/ratings`, headers)
    return { ...answer, stars: { colour: STARS, ...ratings } }
  },
})
