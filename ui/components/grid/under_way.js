// Which faces have something on its way to the server.

import { facesOf } from "../shared/outbox.js";

export class UnderWay {
  #operations = new Map(); // face id → how many

  has(faceId) {
    return this.#operations.has(faceId);
  }

  /** `op` was sent. */
  add(op) {
    this.#count(op, +1);
  }

  /** `op` was answered. */
  remove(op) {
    this.#count(op, -1);
  }

  #count(op, by) {
    for (const id of facesOf(op)) {
      const now = (this.#operations.get(id) ?? 0) + by;
      if (now > 0) this.#operations.set(id, now);
      else this.#operations.delete(id);
    }
  }
}
