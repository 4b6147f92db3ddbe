// Every answer that is not a success has one shape: {status, error, message}, the message one plain sentence.

/** An answer other than success: `error` is a stable word for programs, `message` a sentence for people. */
export class HttpError extends Error {
  constructor(status, error, message, headers = {}) {
    super(message)
    this.status = status
    this.error = error
    this.headers = headers
  }
}

const FRAMEWORK_ERRORS = {
  FST_ERR_CTP_INVALID_JSON_BODY: [400, 'invalid_json', 'The body is not valid JSON.'],
  FST_ERR_CTP_EMPTY_JSON_BODY: [400, 'invalid_json', 'The body is empty; a JSON object is expected.'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [415, 'unsupported_media_type', 'The body must be application/json.'],
  FST_ERR_CTP_BODY_TOO_LARGE: [413, 'body_too_large', 'The body is too large.'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: [400, 'invalid_body', 'The body is not as long as content-length says.'],
}

const MAX_SHOWN_CHARACTERS = 60

/** One sentence from the first problem the schema found: where, what is allowed, what was found. */
export function describeValidation(problem, context) {
  const where = [context === 'querystring' ? 'query' : context, ...problem.instancePath.split('/').slice(1)].join('.')
  switch (problem.keyword) {
    case 'required':
      return `${where} must have "${problem.params.missingProperty}".`
    case 'additionalProperties':
      return `${where} must not have "${problem.params.additionalProperty}".`
    default:
      return `${where} ${problem.message}, found ${shorten(JSON.stringify(problem.data))}.`
  }
}

function shorten(text) {
  return text.length > MAX_SHOWN_CHARACTERS ? `${text.slice(0, MAX_SHOWN_CHARACTERS)}...` : text
}

function toHttpError(error) {
  if (error instanceof HttpError) return error
  if (error.validation) {
    return new HttpError(400, 'invalid_request', describeValidation(error.validation[0], error.validationContext))
  }
  const known = FRAMEWORK_ERRORS[error.code]
  if (known) return new HttpError(...known)
  if (error.statusCode >= 400 && error.statusCode < 500) {
    return new HttpError(error.statusCode, 'invalid_request', error.message)
  }
  return null
}

/** What Fastify finds wrong with a path before there is a route; its `frameworkErrors` option. */
export function answerFrameworkError(error, request, reply) {
  const path = shorten(request.url.split('?', 1)[0])
  const tooLong = error.code === 'FST_ERR_MAX_PARAM_LENGTH'
  const [status, problem] = tooLong ? [414, 'is too long'] : [400, 'cannot be decoded']
  reply.code(status)
  reply.send({ status, error: 'invalid_path', message: `The path ${path} ${problem}.` })
}

/** Answer every failure and every unknown route in the one shape. */
export function registerErrorHandlers(app) {
  app.setErrorHandler((error, request, reply) => {
    let answer = toHttpError(error)
    if (answer === null) {
      request.log.error({ err: error }, 'unexpected error')
      answer = new HttpError(500, 'internal_error', 'The service failed unexpectedly; its log says why.')
    }
    reply.code(answer.status).headers(answer.headers)
    return reply.send({ status: answer.status, error: answer.error, message: answer.message })
  })
  app.setNotFoundHandler((request) => {
    throw new HttpError(404, 'not_found', `There is no route ${request.method} ${request.url.split('?', 1)[0]}.`)
  })
}
