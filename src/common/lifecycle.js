// From start to a clean end: bad settings exit 2, a bug exits 1, SIGTERM and SIGINT drain and exit 0.
import { enableCompileCache } from 'node:module'
import { join } from 'node:path'

import { ConfigError } from './config.js'

// How long a draining service still listens: time for callers to see `connection: close` and go elsewhere.
const LAME_DUCK_MS = 100

// Compiled code kept between starts: a replica that is needed now should not compile Fastify again.
// Where it cannot be written, as in an image, Node goes on without it.
const COMPILE_CACHE = join(import.meta.dirname, '..', 'node_modules', '.cache', 'compile')

/**
 * Run a service until it is told to stop. `load()` imports its module, only here so that the compile cache is
 * on by then; the module's `createService(env)` reads the settings and answers `{ app, config }`.
 */
export async function runService(load) {
  enableCompileCache(COMPILE_CACHE)
  const { createService } = await load()
  const { app, config } = createOrExit(createService)
  const crash = (error) => {
    app.log.fatal({ err: error }, 'unexpected error, the process ends')
    process.exit(1)
  }
  process.on('uncaughtException', crash)
  process.on('unhandledRejection', crash)
  const stop = (signal) => drain(app, config, signal).catch(crash)
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
  try {
    await app.listen({ host: config.host, port: config.port, listenTextResolver: listening })
  } catch (error) {
    process.stderr.write(`${config.service} cannot listen on ${config.host}:${config.port}: ${error.code}.\n`)
    process.exit(1)
  }
}

function createOrExit(createService) {
  try {
    return createService(process.env)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    process.stderr.write(`${error.message}\n`)
    process.exit(2)
  }
}

function listening(address) {
  return `listening on ${address}`
}

async function drain(app, config, signal) {
  if (app.draining) return
  app.draining = true
  app.log.info({ signal }, 'draining')
  const giveUp = setTimeout(() => {
    app.log.error(`requests were still in flight after ${config.drainTimeoutMs} ms and are cut off`)
    process.exit(1)
  }, config.drainTimeoutMs)
  await new Promise((resolve) => setTimeout(resolve, Math.min(LAME_DUCK_MS, config.drainTimeoutMs / 2)))
  await app.close()
  clearTimeout(giveUp)
  app.log.info('drained')
  process.exit(0)
}
