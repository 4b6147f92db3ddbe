// What the four services share: a JSON server, and a GET that passes on who the caller is.
import { createServer } from 'node:http'

// Without these, neither a routing rule nor a trace could follow a request beyond the first service.
const PASSED_ON = ['end-user', 'traceparent', 'tracestate', 'x-request-id']

/** Answers each path of `routes` with what its function returns: `{ status?, ...body }`. */
export function serve(routes) {
  const server = createServer(async (request, response) => {
    const route = routes[request.url.split('?')[0]] ?? (() => ({ status: 404, error: 'no such page' }))
    const { status = 200, ...body } = await route(request.headers)
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(JSON.stringify(body))
  })
  server.listen(process.env.PORT ?? 9080, process.env.BIND ?? '0.0.0.0')
  process.on('SIGTERM', () => server.close(() => process.exit(0)))
}

/** The JSON at `url`, or `{ error }`: a shop shows what it has when a part of it is down. */
export async function get(url, callersHeaders) {
  const headers = Object.fromEntries(
    PASSED_ON.filter((name) => name in callersHeaders).map((name) => [name, callersHeaders[name]]),
  )
  try {
    const answer = await fetch(url, { headers })
    return answer.ok ? await answer.json() : { error: `answered ${answer.status}` }
  } catch (error) {
    return { error: `did not answer (${error.cause?.code ?? error.message})` }
  }
}

/** Stands in for a look into a database. */
export const lookup = () => new Promise((done) => setTimeout(done, 2 + Math.random() * 8))
