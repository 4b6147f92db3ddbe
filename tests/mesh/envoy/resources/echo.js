// One server per name given: answers with what it got, and misbehaves when a request's headers ask it to.
"use strict";
const http = require("node:http");

const failures = new Map();

function serve(name) {
  const seen = [];
  const server = http.createServer((request, response) => {
    request.resume();
    if (request.url === "/__seen") {
      response.end(JSON.stringify(seen));
      return;
    }
    seen.push({ path: request.url, headers: request.headers });
    if (seen.length > 100) seen.shift();
    const asked = request.headers;
    if (asked["x-fail-first"]) {
      const [key, times] = asked["x-fail-first"].split(":");
      const failed = failures.get(key) ?? 0;
      if (failed < Number(times)) {
        failures.set(key, failed + 1);
        if (asked["x-fail-how"] === "reset") {
          request.socket.destroy();
          return;
        }
        response.statusCode = 503;
      }
    }
    if (asked["x-status"] && (asked["x-only"] ?? name) === name) response.statusCode = Number(asked["x-status"]);
    response.setHeader("content-type", "application/json");
    response.setHeader("x-backend", name);
    const body = { backend: name, method: request.method, path: request.url, headers: request.headers };
    const answer = () => response.end(JSON.stringify(body));
    if (asked["x-delay-ms"]) setTimeout(answer, Number(asked["x-delay-ms"]));
    else answer();
  });
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve([name, server.address().port]));
  });
}

Promise.all(process.argv.slice(2).map(serve)).then((pairs) => {
  process.stdout.write(`${JSON.stringify(Object.fromEntries(pairs))}\n`);
});
process.stdin.resume().on("end", () => process.exit(0));
