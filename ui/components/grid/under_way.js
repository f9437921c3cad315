// Which faces have something on its way to the server.

import { facesOf } from "../shared/operations.js";

export class UnderWay {
  #sent = new Set(); // operation ids
  #operations = new Map(); // face id → how many

  has(faceId) {
    return this.#operations.has(faceId);
  }

  /** `op` was sent. */
  add(op) {
    this.#sent.add(op.id);
    this.#count(op, +1);
  }

  /** `op` was answered; a part that others contest leaves the rest on its way. */
  remove(op) {
    if (!this.#sent.has(op.of ?? op.id)) return; // another page's
    this.#sent.delete(op.id);
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
