// Calls to another service over kept-alive connections. No retries here: those are the mesh's to configure.
import { HttpError } from './errors.js'

// Not `import`: that would read every export of node:http, and one of them loads Node's whole fetch and WebSocket.
const http = process.getBuiltinModule('node:http')

const MAX_ANSWER_BYTES = 1024 * 1024

// One pool for all dependencies. LIFO keeps the busiest connections warm and lets the others go idle and close.
const agent = new http.Agent({ keepAlive: true, scheduling: 'lifo', maxFreeSockets: 64 })

export class Dependency {
  #name
  #hostname
  #port
  #basePath
  #timeoutMs

  constructor({ name, url, timeoutMs }) {
    const { hostname, port, pathname } = new URL(url)
    this.#name = name
    this.#hostname = hostname.replace(/^\[|\]$/g, '')
    this.#port = port || 80
    this.#basePath = pathname.replace(/\/$/, '')
    this.#timeoutMs = timeoutMs
  }

  /** The JSON answer of a successful call; every other outcome is a 502, or a 504 when time ran out. */
  request(method, path, headers, body) {
    return new Promise((resolve, reject) => {
      const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body))
      if (payload) {
        headers['content-type'] = 'application/json'
        headers['content-length'] = payload.length
      }
      const call = http.request({
        agent,
        method,
        hostname: this.#hostname,
        port: this.#port,
        path: this.#basePath + path,
        headers,
      })
      const fail = (error) => {
        clearTimeout(timer)
        call.destroy()
        reject(error)
      }
      const timer = setTimeout(() => fail(this.#gatewayTimeout()), this.#timeoutMs)
      const unreachable = (error) => fail(this.#badGateway(`could not be reached: ${error.code ?? error.message}`))
      call.on('error', unreachable)
      call.on('response', (response) => {
        const chunks = []
        let size = 0
        response.on('data', (chunk) => {
          size += chunk.length
          if (size > MAX_ANSWER_BYTES) fail(this.#badGateway(`answered with more than ${MAX_ANSWER_BYTES} bytes`))
          else chunks.push(chunk)
        })
        response.on('error', unreachable)
        response.on('end', () => {
          clearTimeout(timer)
          if (response.statusCode >= 300) return reject(this.#badGateway(`answered ${response.statusCode}`))
          try {
            resolve(JSON.parse(Buffer.concat(chunks).toString()))
          } catch {
            reject(this.#badGateway('answered with something that is not JSON'))
          }
        })
      })
      call.end(payload)
    })
  }

  #gatewayTimeout() {
    return new HttpError(504, 'dependency_timeout', `${this.#name} did not answer within ${this.#timeoutMs} ms.`)
  }

  #badGateway(what) {
    return new HttpError(502, 'dependency_failed', `${this.#name} ${what}.`)
  }
}
