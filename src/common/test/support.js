// What several tests need: a real service process, a stand-in for a dependency, and waiting without sleeping.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import http from 'node:http'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const WORKSPACE = join(import.meta.dirname, '..', '..')

/** Service times short enough for tests, and nothing from the environment of whoever runs them. */
export const FAST = { SERVICE_TIME_MS: '1', SERVICE_TIME_DISTRIBUTION: 'constant', LOG_LEVEL: 'silent', REPLICA: 'test' }

/** Start a service as a process; resolves once it listens, or has ended. It ends with the test at the latest. */
export async function startProcess(t, service, env = {}) {
  const child = spawn(process.execPath, [join(WORKSPACE, service, 'server.js')], {
    env: { ...FAST, LOG_LEVEL: 'debug', PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const started = { child, url: undefined, log: [], stderr: '', exited: once(child, 'exit').then(([code]) => code) }
  t.after(() => {
    child.kill('SIGKILL')
    return started.exited
  })
  child.stderr.on('data', (chunk) => { started.stderr += chunk })
  const listening = new Promise((resolve) => {
    createInterface(child.stdout).on('line', (line) => {
      const entry = JSON.parse(line)
      started.log.push(entry)
      const found = /^listening on (http:.*)$/.exec(entry.msg)
      if (found) resolve(found[1])
    })
  })
  started.url = await Promise.race([listening, started.exited.then(() => undefined)])
  return started
}

/** A dependency that answers as told; gives its URL and the requests it has seen. */
export async function startStandIn(t, answer) {
  const seen = []
  const server = http.createServer((request, response) => {
    seen.push({ method: request.method, url: request.url, headers: request.headers })
    request.resume()
    request.on('end', () => answer(request, response))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${server.address().port}`, seen }
}

export function answerJson(status, body) {
  return (request, response) => {
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(JSON.stringify(body))
  }
}

/** Wait until `condition()` is true, looking again on every turn; fails after `withinMs`. */
export async function eventually(condition, withinMs = 5000) {
  const deadline = performance.now() + withinMs
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not so within ${withinMs} ms: ${condition}`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

/** A Prometheus sample by its full name, as a number; 0 when there is none. */
export function sample(text, name) {
  const line = text.split('\n').find((candidate) => candidate.startsWith(`${name} `))
  return line === undefined ? 0 : Number(line.slice(name.length + 1))
}
