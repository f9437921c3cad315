// Requests to /api/v1, and what became of them.
//
//   const page = await get("/queue?order=newest");
//   const faces = await post("/queue/take", { queue, count: 60 });
//
// The page says who works in it, once: `workAs(annotator)`. What it asks and sends is that person's,
// whatever name another tab has given this browser since.
//
// Both throw ApiProblem where the server says no, or fails (its `title` is a sentence for a person,
// its `status` and `body` are those of the answer), and Unreachable where nobody answers, or somebody
// who has not judged the request: a proxy, a login page, a studio that is busy.

const ROOT = "/api/v1";
const PATIENCE_MS = 20_000;
//: Browsers let only so much finish after the page is closed.
const MAX_KEEPALIVE_BYTES = 16_000;
//: Not logged in, not let through, too many requests, and what a server says that is busy, restarting
//: or not there: no route of the studio judges a request with these, whatever form they come in.
const MAY_BE_BETTER_SOON = [401, 403, 407, 408, 421, 425, 429, 502, 503, 504];
//: How the studio says no (RFC 9457), and what it says of routes that it does not have (`problems.py`):
//: served is the demo alone, or another version.
const PROBLEM = "application/problem+json";
const NO_SUCH_ROUTE = "urn:maskpose:no-such-route";
//: Of the words of others: so much is read, and so much shown.
const MOST_READ = 100_000;
const MOST_SHOWN = 100;

let worker = null;

/** Whose requests follow. */
export function workAs(annotator) {
  worker = annotator;
}

/** The server answered, and not with what was asked for. */
export class ApiProblem extends Error {
  constructor(status, body) {
    super(body.title ?? `the server answered ${status}`);
    this.status = status;
    this.body = body;
  }
}

/** No answer, or one that may be better in a moment: worth trying again. `message` says which of the
 * two to a person, `afterMs` how long the answer asks to wait. */
export class Unreachable extends Error {
  constructor(message, { cause, afterMs = 0 } = {}) {
    super(message, { cause });
    this.afterMs = afterMs;
  }
}

export const get = (path) => call("GET", path);
export const post = (path, body) => call("POST", path, body);

/** The JSON answer of a route (null where there is none); finishes even when the page closes.
 * `annotator`: in whose name, where it is not that of the page. */
export async function call(method, path, body, annotator = worker) {
  const text = body === undefined ? undefined : JSON.stringify(body);
  let reply;
  let answer;
  try {
    reply = await fetch(ROOT + path, {
      method,
      body: text,
      headers: headersOf(text, annotator),
      keepalive: method !== "GET" && (text ?? "").length < MAX_KEEPALIVE_BYTES,
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    answer = await reply.text();
  } catch (error) {
    throw new Unreachable("no connection", { cause: error });
  }
  if (reply.ok) return answerOf(reply, answer);
  const problem = problemOf(answer);
  if (isPassing(reply, problem)) throw unjudged(reply, problem.title ?? answer);
  throw new ApiProblem(reply.status, problem);
}

/** Whether the studio has not judged what it was asked: it is busy, or somebody else answers at its
 * address for now. Where it breaks, it says 500, and may do so without its own form. */
function isPassing({ status, headers }, problem) {
  if (MAY_BE_BETTER_SOON.includes(status)) return true;
  const isOurs = headers.get("content-type")?.startsWith(PROBLEM) && problem.type !== NO_SUCH_ROUTE;
  return status !== 500 && !isOurs;
}

function unjudged({ status, statusText, headers }, said) {
  const words = inOneLine(String(said)).replace(`${status} `, "") || statusText;
  const quoted = words && ` “${words}”`;
  const afterMs = headers.get("retry-after") * 1000 || 0; // a date is not a number: as if not there
  return new Unreachable(`the server or a proxy answered ${status}${quoted}`, { afterMs });
}

/** What a page says, as bounded plain text. It is parsed apart: nothing of it runs or is loaded. */
function inOneLine(page) {
  const markup = page.slice(0, MOST_READ).replaceAll("<", " <"); // words of two paragraphs stay apart
  const { body, title } = new DOMParser().parseFromString(markup, "text/html");
  for (const unseen of body.querySelectorAll("script, style, noscript")) unseen.remove();
  const spaced = (text) => text.replace(/[\s\p{C}]+/gu, " ").trim();
  const letters = [...(spaced(body.textContent) || spaced(title))];
  return letters.length > MOST_SHOWN ? `${letters.slice(0, MOST_SHOWN).join("")}…` : letters.join("");
}

function headersOf(text, annotator) {
  const headers = {};
  if (text !== undefined) headers["content-type"] = "application/json";
  if (annotator !== null) headers["x-maskpose-annotator"] = encodeURIComponent(annotator);
  return headers;
}

/** A name for one gesture; `crypto.randomUUID` is missing on plain http of other machines. */
export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Anything else than JSON is not from our server: a login page of a hotel's network, of a proxy. */
function answerOf(reply, text) {
  if (reply.status === 204) return null;
  try {
    return JSON.parse(text);
  } catch {
    throw unjudged(reply, text);
  }
}

function problemOf(text) {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
}
