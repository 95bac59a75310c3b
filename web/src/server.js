/**
 * The service that this page came from (docs/serving.md). Pictures are sent to it, and only to it.
 * @import {Finder, Picture, PosesJson, Reason, Skeleton} from "./types.d.ts"
 */

/** A token is missing or wrong. */
export class TokenError extends Error {}

/** What the service finds, or null where there is none. @param {string} token */
export async function model(token) {
  let answer;
  try {
    answer = await fetch("v1/model", { headers: bearer(token) });
  } catch {
    return null;
  }
  if (answer.status === 401) throw new TokenError("This service wants a token.");
  if (!answer.ok || !answer.headers.get("content-type")?.includes("json")) return null;
  const told = await answer.json();
  return told.format === "glasspose.model" ? told : null;
}

/** @param {string} token @returns {Record<string, string>} */
function bearer(token) {
  return token ? { authorization: `Bearer ${token}` } : {};
}

/** @implements {Finder} */
export class Server {
  /** @param {any} about @param {string} token */
  constructor(about, token) {
    this.about = about;
    this.token = token;
    this.explains = true;
    /** @type {Skeleton} */
    this.skeleton = { keypoints: about.keypoints, limbs: about.limbs, pairs: about.pairs };
  }

  describe() {
    return `${this.about.name} on the server that this page came from. Pictures are sent to it.`;
  }

  /** @param {Picture} _picture @param {Blob | null} source @param {string} name @returns {Promise<PosesJson>} */
  async find(_picture, source, name) {
    const told = await this.post("v1/poses", source);
    return { ...told, image: name };
  }

  /** @param {Picture} _picture @param {Blob | null} source @param {string} keypoint @returns {Promise<Reason>} */
  async why(_picture, source, keypoint) {
    const told = await this.post(`v1/explain?${new URLSearchParams({ keypoint })}`, source);
    const bytes = Uint8Array.from(atob(told.overlay), (letter) => letter.charCodeAt(0));
    const { method, answer, verdict, checks, limits, box } = told;
    return { keypoint, method: `${method}, on the server`, answer, verdict, checks, limits, box, overlay: new Blob([bytes], { type: "image/png" }), cells: null };
  }

  /** @param {string} path @param {Blob | null} source */
  async post(path, source) {
    if (!source) throw new Error("there is no picture to send");
    const type = source.type.startsWith("image/") ? source.type : "application/octet-stream";
    const answer = await fetch(path, { method: "POST", body: source, headers: { "content-type": type, ...bearer(this.token) } });
    if (answer.status === 401) throw new TokenError("This service wants a token.");
    const told = await answer.json().catch(() => null);
    if (answer.ok && told) return told;
    throw new Error(told?.message ?? `the server answers ${answer.status}`);
  }
}
