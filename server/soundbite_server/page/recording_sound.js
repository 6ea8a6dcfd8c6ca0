// The sound of a recording: its file where the browser can play it, else pieces that the server cuts.

const PIECE_SEC = 60;

class RecordingSound {
  // `acts` has moved(), playing(isPlaying), failed(why), and renewed(), which resolves to the recording with a fresh link.
  constructor(bridge, acts) {
    this.bridge = bridge;
    this.acts = acts;
    this.audio = new Audio();
    this.audio.preload = "metadata";
    this.rate = 1;
    this.close();
    this.audio.addEventListener("play", () => acts.playing(true));
    this.audio.addEventListener("pause", () => this.paused());
    this.audio.addEventListener("seeked", () => acts.moved());
    this.audio.addEventListener("loadedmetadata", () => this.loaded());
    this.audio.addEventListener("ended", () => this.ended());
    this.audio.addEventListener("error", () => this.broke());
  }

  open(facts) {
    this.close();
    this.facts = facts;
    this.isCut = Boolean(facts.sound.is_cut);
    if (facts.sound.url && !this.isCut) this.audio.src = facts.sound.url;
  }

  close() {
    this.audio.pause();
    this.audio.removeAttribute("src");
    Object.assign(this, { facts: null, first: 0, pending: undefined, isCut: false, isWanted: false, isRenewed: false, isLoading: false });
  }

  get canPlay() {
    return Boolean(this.facts && this.facts.sound.url);
  }

  get isPlaying() {
    return this.isWanted;
  }

  // Seconds of the recording; where it will be, while that is being loaded.
  get seconds() {
    return this.pending === undefined ? this.first + this.audio.currentTime : this.pending;
  }

  seek(seconds) {
    if (this.isCut) return this.seekPiece(seconds);
    if (this.audio.readyState) this.audio.currentTime = seconds;
    else this.pending = seconds;
    return undefined;
  }

  play() {
    this.isWanted = true;
    if (this.isCut && !this.audio.src) this.seekPiece(this.seconds);
    this.audio.play().catch(() => {}); // told by its error event
  }

  pause() {
    this.isWanted = false;
    this.audio.pause();
  }

  // By us, at the end of a piece, or by the keys of a headset.
  paused() {
    if (!this.isLoading && !this.audio.ended) this.isWanted = false;
    this.acts.playing(this.isWanted);
  }

  speed(rate) {
    this.audio.defaultPlaybackRate = this.audio.playbackRate = this.rate = rate;
  }

  loaded() {
    this.isLoading = false;
    if (this.pending !== undefined) this.audio.currentTime = Math.max(0, this.pending - this.first);
    this.pending = undefined;
    if (this.isWanted) this.audio.play().catch(() => {});
    this.acts.moved();
  }

  ended() {
    const next = this.first + PIECE_SEC;
    if (this.isCut && next < this.facts.audio_seconds) return this.seekPiece(next);
    this.isWanted = false;
    return this.acts.playing(false);
  }

  // Links end after an hour, so another is asked for first; what can't be played then is cut by the server.
  async broke() {
    if (!this.facts || !this.audio.getAttribute("src")) return undefined;
    const { seconds, facts } = this;
    if (this.isCut) return this.acts.failed("This browser can't play the recording.");
    this.pending = seconds;
    if (this.isRenewed) {
      this.isCut = true;
      this.audio.removeAttribute("src");
      return this.isWanted ? this.seekPiece(seconds) : undefined;
    }
    this.isRenewed = true;
    const renewed = await this.acts.renewed().catch(() => null);
    if (this.facts === facts && renewed && renewed.sound.url) this.audio.src = renewed.sound.url;
    return undefined;
  }

  async seekPiece(seconds) {
    const { facts } = this;
    const first = Math.floor(seconds / PIECE_SEC) * PIECE_SEC;
    if (this.audio.src && first === this.first && !this.isLoading) {
      this.audio.currentTime = seconds - first;
      return;
    }
    this.pending = seconds;
    this.first = first;
    this.isLoading = true;
    const range = { asset_id: facts.asset_id, start_sec: first, end_sec: Math.min(first + PIECE_SEC, facts.audio_seconds) };
    try {
      const result = await this.bridge.callTool("get_clip", { ...range, audio_format: "mp3", include_audio: true });
      if (this.facts !== facts || this.first !== first) return;
      const sound = (result.content || []).find((block) => block.type === "audio");
      if (!sound) throw new Error(reasonOf(result) || "There is no sound to play.");
      this.audio.src = `data:${sound.mimeType};base64,${sound.data}`;
    } catch (error) {
      if (this.facts !== facts) return;
      this.isLoading = this.isWanted = false;
      this.acts.playing(false);
      this.acts.failed(error.message);
    }
  }
}
