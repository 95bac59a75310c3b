/** The camera: its pictures are looked at here, never recorded. */
export class Camera {
  /** @param {HTMLVideoElement} video */
  constructor(video) {
    this.video = video;
    /** @type {MediaStream | null} */
    this.stream = null;
    this.facing = "user";
  }

  get on() {
    return this.stream !== null;
  }

  /** Error in plain words where there is none or it is not allowed. */
  async start() {
    if (!navigator.mediaDevices?.getUserMedia) throw new Error("Browsers open the camera only for pages that came over HTTPS or from this machine.");
    this.stop();
    try {
      const video = { facingMode: { ideal: this.facing }, width: { ideal: 1280 }, height: { ideal: 720 } };
      this.stream = await navigator.mediaDevices.getUserMedia({ video, audio: false });
    } catch (problem) {
      const denied = problem instanceof DOMException && problem.name === "NotAllowedError";
      throw new Error(denied ? "The camera is not allowed here: the browser's settings decide." : "There is no camera that can be used.");
    }
    this.video.srcObject = this.stream;
    await this.video.play();
  }

  /** The one on the other side of a phone. */
  async turn() {
    this.facing = this.facing === "user" ? "environment" : "user";
    await this.start();
  }

  stop() {
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = null;
    this.video.srcObject = null;
  }
}
